"""Evaluates every α from a base to its fine-tune on the same items, and the frontier."""

from __future__ import annotations
