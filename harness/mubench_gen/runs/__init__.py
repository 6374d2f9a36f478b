"""Runs as objects: recorded, read again, merged, audited, estimated, as data frames."""
