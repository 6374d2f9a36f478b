"""A reply's boxes → pixels of the file, by a format of grammar, unit and axis order."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.types import Box

_NUMBER = r"\s*(-?\d{1,12}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?)\s*"
_GRAMMARS = {
    "loc": re.compile(r"\s*".join([r"<loc(\d{4})>"] * 4)),
    "tags": re.compile(rf"<box>\s*\({_NUMBER},{_NUMBER}\)\s*,\s*\({_NUMBER},{_NUMBER}\)\s*</box>"),
    "json": re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]"),
}
_EMPTY_LIST = re.compile(r"(?:```\w*)?\s*\[\s*\]\s*(?:```)?")


@dataclass(frozen=True, slots=True)
class BoxFormat:
    """How boxes are written.

    `grammar`: loc (`<loc0123>` four times), tags (`<box>(…,…),(…,…)</box>`) or json (lists
    of four numbers, whatever is around them). `axes`: the order of the four numbers.
    `unit`: the length of both axes in the format's unit; 0 for pixels of the file.
    """

    name: str
    grammar: Literal["loc", "tags", "json"]
    axes: Literal["xyxy", "yxyx"]
    unit: float


FORMATS = {
    form.name: form
    for form in (
        BoxFormat("paligemma", "loc", "yxyx", 1024),
        BoxFormat("qwen-vl", "tags", "xyxy", 1000),
        BoxFormat("qwen2.5-vl", "json", "xyxy", 0),
        BoxFormat("json-pixels", "json", "xyxy", 0),
        BoxFormat("json-unit", "json", "xyxy", 1),
        BoxFormat("json-1000", "json", "xyxy", 1000),
        BoxFormat("json-pixels-yx", "json", "yxyx", 0),
        BoxFormat("json-unit-yx", "json", "yxyx", 1),
        BoxFormat("json-1000-yx", "json", "yxyx", 1000),
    )
}


def box_format(name: str) -> BoxFormat:
    """The format of that name. Raises SettingError for an unknown one."""
    if name not in FORMATS:
        raise SettingError(f"boxes = {name!r} is not a box format. {did_you_mean(name, FORMATS)}")
    return FORMATS[name]


def parse_boxes(reply: str, form: BoxFormat, size: tuple[int, int]) -> tuple[Box, ...] | None:
    """The boxes in a reply, in pixels of a file of `size` (width, height); corners in order.

    Empty if the reply is an empty list; None if it has nothing in that format. Names of what
    a box shows are ignored, because a prompt asks for one class. Never raises.
    """
    found = tuple(_boxes(reply, form, size))
    if found:
        return found
    return () if form.grammar == "json" and _EMPTY_LIST.fullmatch(reply.strip()) else None


def _boxes(reply: str, form: BoxFormat, size: tuple[int, int]) -> Iterator[Box]:
    width, height = size
    across, down = (width / form.unit, height / form.unit) if form.unit else (1.0, 1.0)
    for match in _GRAMMARS[form.grammar].finditer(reply):
        a, b, c, d = map(float, match.groups())
        xs, ys = ((a, c), (b, d)) if form.axes == "xyxy" else ((b, d), (a, c))
        box = Box(min(xs) * across, min(ys) * down, max(xs) * across, max(ys) * down)
        if all(math.isfinite(value) for value in (box.x0, box.y0, box.x1, box.y1)):
            yield box
