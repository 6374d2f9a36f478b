"""The columns `bbox` and `polygon` of a row → Boxes and Polygons, when they are looked at.

How the published files write boxes is not known for sure, so every form that could be
meant is read: a list of {className, points} or one {className: […], points: […]}; a box's
points as {x1, x2, y1, y2} or four numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mubench_gen.errors import DataError
from mubench_gen.types import Box, Polygon

_LEAST = 6  # numbers of a polygon: three corners
T = TypeVar("T")
_PAIRS = (("x1", "y1", "x2", "y2"), ("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax"))


def boxes_of(cells: Callable[[], Mapping[str, Any]], where: str) -> Sequence[Box]:
    """The boxes of a row. `cells` gives its columns, `where` names file and row."""
    return _read(cells().get("bbox"), _box, f"{where}, column bbox")


def polygons_of(cells: Callable[[], Mapping[str, Any]], where: str) -> Sequence[Polygon]:
    """The polygons of a row, as `boxes_of`."""
    return _read(cells().get("polygon"), _polygon, f"{where}, column polygon")


def _read(cell: Any, read: Callable[[Any, str, str], T], where: str) -> tuple[T, ...]:
    return tuple(read(points, name, where) for name, points in _entries(cell, where))


def _entries(cell: Any, where: str) -> Iterator[tuple[str, Any]]:
    if cell is None:
        return
    if isinstance(cell, dict):
        names, points = cell.get("className") or [], cell.get("points") or []
        if len(names) != len(points):
            raise DataError(f"{where}: {len(names)} names for {len(points)} outlines.")
        cell = [{"className": n, "points": p} for n, p in zip(names, points, strict=True)]
    if not isinstance(cell, list):
        raise DataError(f"{where}: a list is needed, found {cell!r:.80}.")
    for entry in cell:
        if not isinstance(entry, dict) or entry.get("points") is None:
            raise DataError(f"{where}: className and points are needed, found {entry!r:.80}.")
        yield str(entry.get("className") or "object"), entry["points"]


def _box(points: Any, name: str, where: str) -> Box:
    if isinstance(points, dict):
        keys = next((keys for keys in _PAIRS if all(k in points for k in keys)), None)
        if keys is None:
            raise DataError(f"{where}: x1, x2, y1 and y2 are needed, found {points!r:.80}.")
        points = [points[key] for key in keys]
    values = _numbers(points, where)
    if len(values) != 4:
        raise DataError(f"{where}: a box has four numbers, found {len(values)}.")
    x0, y0, x1, y1 = values
    return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), name)


def _polygon(points: Any, name: str, where: str) -> Polygon:
    values = _numbers(points, where)
    if len(values) < _LEAST or len(values) % 2:
        raise DataError(
            f"{where}: a polygon has three points or more, x and y each; "
            f"found {len(values)} numbers."
        )
    return Polygon(values, name)


def _numbers(points: Any, where: str) -> tuple[float, ...]:
    if isinstance(points, list) and points and all(isinstance(p, list) for p in points):
        points = [value for point in points for value in point]
    try:
        values = tuple(float(value) for value in points)
    except (TypeError, ValueError):
        raise DataError(f"{where}: numbers are needed, found {points!r:.80}.") from None
    if not all(math.isfinite(value) for value in values):
        raise DataError(f"{where}: a number is not finite: {points!r:.80}.")
    return values
