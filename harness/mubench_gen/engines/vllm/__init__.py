"""Checkpoints opened by vLLM's engine."""
