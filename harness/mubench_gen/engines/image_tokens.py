"""The token that stands for a piece of an image in a prompt."""

from __future__ import annotations

from typing import Any


def image_token_id(config: Any) -> int | None:
    """Its number by a checkpoint's configuration; None where that does not say."""
    for name in ("image_token_id", "image_token_index"):
        found = getattr(config, name, None)
        if isinstance(found, int):
            return found
    return None
