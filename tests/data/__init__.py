"""Data sets over files: Arrow, Parquet, the hub, a user's own."""
