"""The images of a row of a table: one, a list of them, or columns `image_1`, `image_2`, …."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from mubench_gen.errors import DataError

_NUMBERED = re.compile(r"image_([1-9][0-9]?)")


@lru_cache(maxsize=4096)
def is_image_column(name: str) -> bool:
    """Whether a column holds images."""
    return name in ("image", "images") or _NUMBERED.fullmatch(name) is not None


def image_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The columns that hold a row's images, in the order of the images."""
    return _among(tuple(names))


@lru_cache(maxsize=256)  # the rows of a file have the same columns
def _among(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(filter(is_image_column, names), key=_place))


def image_cells(columns: Mapping[str, Any], where: str) -> list[Any]:
    """The cells of a row's images, in their order; a cell without one is None.

    They stand in one column, as one image or a list, or in `image_1`, `image_2`, …, of which
    `image` may be the first, as beside a list. Empty cells behind the last image are left out.
    DataError where images stand in two ways, or one between two others is missing.
    """
    columns_of_images = image_columns(columns)
    if columns_of_images == ("image",) and not isinstance(columns["image"], list):
        return [columns["image"]]
    given = [name for name in columns_of_images if columns[name] not in (None, "", [])]
    lists = [name for name in given if isinstance(columns[name], list)]
    others = [name for name in given if name not in lists[:1]]
    if lists and any(columns[name] != columns[lists[0]][0] for name in others):
        raise DataError(
            f"{where}: images stand in the columns {' and '.join(given)}; all of a row's images "
            "belong into one list, or into image_1, image_2, …."
        )
    if lists:
        cells = list(columns[lists[0]])
        while cells and cells[-1] is None:
            cells.pop()
        return cells
    if [_place(name) for name in given] != list(range(1, len(given) + 1)):
        raise DataError(
            f"{where}: images stand in the columns {', '.join(given)}: they are numbered from 1 "
            "without a gap, so that it is clear which image a marker such as <image 2> means."
        )
    return [columns[name] for name in given]


def _place(name: str) -> int:
    found = _NUMBERED.fullmatch(name)
    return int(found[1]) if found else 1
