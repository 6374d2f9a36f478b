"""What several test files need: small data sets, plugins on disk, the command."""
