"""Tests of merging, on toy checkpoints."""
