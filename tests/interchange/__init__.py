"""Logs that other harnesses wrote of twelve questions, and what made them."""
