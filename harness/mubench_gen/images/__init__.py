"""Files → 8-bit RGB pixels, by a policy that is recorded."""
