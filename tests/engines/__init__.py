"""Tests of the engines, on tiny random checkpoints."""
