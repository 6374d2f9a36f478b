"""Models whose weights move between a base and its fine-tunes, loaded once for all α."""
