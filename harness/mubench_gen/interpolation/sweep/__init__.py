"""Along α from a base to its fine-tune: every α asked the same items, and the frontier."""

from __future__ import annotations
