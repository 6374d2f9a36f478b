"""What a processor made of each row's image: its size in pixels, tiles, and number of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mubench_gen.engines.image_tokens import image_token_id


def seen_images(inputs: Mapping[str, Any], config: Any) -> list[dict[str, int]]:
    """For each row of a batch what is known: `image_tokens`, `image_width`, `image_height` and
    `image_tiles`; nothing where no image is shown, or the inputs do not tell.

    Sizes are told of rows with one image: from `pixel_values` of shape (rows, 3, height, width)
    or (rows, tiles, 3, height, width), or from a grid of patches (Qwen-VL and alike).
    """
    rows = len(inputs["input_ids"])
    found: list[dict[str, int]] = [{} for _ in range(rows)]
    if inputs.get("pixel_values") is None:
        return found
    token = image_token_id(config)
    if token is not None:
        counts = (inputs["input_ids"] == token).sum(1).tolist()
        found = [{"image_tokens": count} if count else {} for count in counts]
    return [{**row, **size} for row, size in zip(found, _sizes(inputs, config, rows), strict=True)]


def _sizes(inputs: Mapping[str, Any], config: Any, rows: int) -> list[dict[str, int]]:
    grid, patch = inputs.get("image_grid_thw"), _patch(config)
    if grid is not None and patch is not None and len(grid) == rows:
        return [_size(high * patch, wide * patch) for _, high, wide in grid.tolist()]
    shape = tuple(getattr(inputs["pixel_values"], "shape", ()))
    if len(shape) == 4 and shape[0] == rows:
        return [_size(*shape[-2:])] * rows
    if len(shape) == 5 and shape[0] == rows:
        return [{**_size(*shape[-2:]), "image_tiles": int(shape[1])}] * rows
    return [{}] * rows


def _size(height: int, width: int) -> dict[str, int]:
    return {"image_width": int(width), "image_height": int(height)}


def _patch(config: Any) -> int | None:
    patch = getattr(getattr(config, "vision_config", None), "patch_size", None)
    return patch if isinstance(patch, int) else None
