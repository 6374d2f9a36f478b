"""Weights between a base and its fine-tunes: `merge` works on files, a chunk at a time.

The arithmetic needs only numpy; torch is imported to read weights in pickle.
"""

from __future__ import annotations
