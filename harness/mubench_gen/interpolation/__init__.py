"""Weights between a base and its fine-tunes: merged, and every α evaluated."""
