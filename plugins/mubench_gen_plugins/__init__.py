"""The first-party model plugins, each behind an entry point of its own."""
