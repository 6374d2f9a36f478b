"""Checkpoints opened by transformers."""
