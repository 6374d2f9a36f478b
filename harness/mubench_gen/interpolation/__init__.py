"""Weights between a base and its fine-tunes: merges them, and evaluates every α."""
