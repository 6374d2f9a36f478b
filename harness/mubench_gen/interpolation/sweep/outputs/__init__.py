"""Mixes of two models' outputs in place of their weights."""
