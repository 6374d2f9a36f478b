"""A preview as one PNG: a contact sheet of small pictures with their numbers and names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.console.outlet import printable
from mubench_gen.errors import SettingError
from mubench_gen.report.preview.gathered import Preview, Previewed

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_SIDE, _GAP, _LINE = 180, 12, 30  # pixels: of a picture, between pictures, of its caption
_ACROSS = 6
_PAPER, _INK, _WARN = "#fcfbf9", "#1d2126", "#a8470a"
_LETTERS = 28


def write_sheet(preview: Preview, path: Path) -> None:
    """Write the PNG. SettingError if that cannot be done. A picture with a warning has a frame."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    across = min(_ACROSS, len(preview.shown)) or 1
    down = -(-len(preview.shown) // across)
    width = across * (_SIDE + _GAP) + _GAP
    height = down * (_SIDE + _LINE + _GAP) + _GAP
    sheet = Pillow.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for place, one in enumerate(preview.shown):
        left = _GAP + place % across * (_SIDE + _GAP)
        top = _GAP + place // across * (_SIDE + _LINE + _GAP)
        _draw(sheet, one, left, top)
        if one.fault is not None or one.warnings:
            pen.rectangle((left - 3, top - 3, left + _SIDE + 2, top + _SIDE + 2), None, _WARN, 3)
        colour = _WARN if one.fault is not None or one.warnings else _INK
        pen.text((left, top + _SIDE + 5), _caption(one), fill=colour)
    try:
        sheet.save(path, "PNG", optimize=True)
    except OSError as error:
        raise SettingError(f"--out {path}: cannot be written: {error.strerror or error}.") from None


def _draw(sheet: PillowImage.Image, one: Previewed, left: int, top: int) -> None:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    if one.fault is not None:
        ImageDraw.Draw(sheet).text((left + 8, top + 8), "cannot be shown", fill=_WARN)
        return
    with Pillow.open(io.BytesIO(one.content)) as picture:
        picture.thumbnail((_SIDE, _SIDE))
        sheet.paste(
            picture, (left + (_SIDE - picture.width) // 2, top + (_SIDE - picture.height) // 2)
        )


def _caption(one: Previewed) -> str:
    name = f"{one.number}. {printable(one.name)}"
    short = name if len(name) <= _LETTERS else f"{name[:14]}…{name[-13:]}"
    return short.encode("latin-1", "replace").decode("latin-1")
