"""Weights between a base and its fine-tunes: `merge`, over files, a chunk at a time.

numpy alone does the arithmetic; torch comes in where weights are in pickle.
"""

from __future__ import annotations
