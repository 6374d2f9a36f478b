"""request → response: models asked in batches, in streams, or on a Ray cluster."""
