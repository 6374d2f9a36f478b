"""What a fine-tune does with some items, which Fisher-weighted averaging and RegMean need."""
