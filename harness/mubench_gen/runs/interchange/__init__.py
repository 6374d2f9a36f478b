"""A run's way to other programs and back: packs, exports, and logs of other harnesses."""
