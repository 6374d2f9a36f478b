"""Soups of fine-tunes: which of them to average, chosen on images that do not score the result."""
