"""Tasks: which questions are asked of which rows, and which worked examples stand before them."""
