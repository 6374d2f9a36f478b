"""Checkpoints opened by vLLM in this process."""
