"""The same pictures as a model sees them under several conditions: a row each, as PNG or HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mubench_gen.console.masking import blank
from mubench_gen.console.outlet import printable
from mubench_gen.errors import ImageError, SettingError
from mubench_gen.report.html.static import scrolling, static_page
from mubench_gen.report.html.thumbnails import ThumbnailSize, thumbnail
from mubench_gen.report.html.write_page import check_page_path, write_text
from mubench_gen.types import Image

SUFFIXES = (".png", ".html", ".htm")
_STEP = ThumbnailSize(256, 92, 0)
_SIDE, _GAP, _LINE, _NAMES = 180, 12, 16, 130  # pixels: of pictures, gaps, lines, and row names
_ROW = _SIDE + 2 * _LINE + _GAP
_PAPER, _INK = "#fcfbf9", "#1d2126"
_FLAG = "--preview"


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What a model sees in a cell: `content` (JPEG) is a small copy, `said` its size or why there
    is no picture."""

    said: str
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Rows:
    """`rows`: the name of each picture, with what is seen of it under each of the `conditions`."""

    title: str
    conditions: Sequence[str]
    rows: Sequence[tuple[str, Sequence[SideBySide]]]


def seen(image: Image) -> SideBySide:
    """An image as it is shown."""
    try:
        picture = image.pixels()
    except ImageError as error:
        return SideBySide(f"cannot be shown: {error}")
    return SideBySide(f"{picture.width} × {picture.height}", thumbnail(picture, _STEP))


def check_sheet_path(path: Path) -> None:
    """SettingError where no sheet can be written to this path."""
    if path.suffix.casefold() not in SUFFIXES:
        raise SettingError(f"{_FLAG} {path}: let the name end in .png or .html.")
    check_page_path(path, flag=_FLAG, suffixes=(path.suffix.casefold(),))


def write_sheet_of(found: Rows, path: Path) -> None:
    """Write it as the path's ending says. SettingError if that cannot be done."""
    if path.suffix.casefold() == ".png":
        _write_png(found, path)
    else:
        write_text(path, _page(found), flag=_FLAG)


def sheet_table(found: Rows) -> str:
    """The rows as a table of HTML, each picture with the name of its condition and its size."""
    head = "".join(f'<th scope="col">{_text(one)}</th>' for one in ("", *found.conditions))
    body = "".join(
        f'<tr><th scope="row">{_text(name)}</th>'
        + "".join(map(_cell, found.conditions, cells))
        + "</tr>\n"
        for name, cells in found.rows
    )
    return scrolling(head, body, name=found.title, kind="plain sheet")


def _page(found: Rows) -> str:
    note = (
        "The pictures here are JPEG copies of at most 256 pixels a side; a model gets all pixels, "
        "of which the size is given."
    )
    return static_page(found.title, [sheet_table(found)], [note], by="ablate --preview")


def _cell(condition: str, one: SideBySide) -> str:
    picture, name = "", _text(condition)
    if one.content:
        source = base64.b64encode(one.content).decode()
        picture = f'<img alt="{name}" width="128" src="data:image/jpeg;base64,{source}"><br>'
    return f"<td>{picture}{name}<br><small>{_text(one.said)}</small></td>"


def _write_png(found: Rows, path: Path) -> None:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    heads = [_lines(one, 28) for one in found.conditions]
    top = _GAP + _LINE * max(map(len, heads), default=1)
    width = _NAMES + len(found.conditions) * (_SIDE + _GAP) + _GAP
    height = top + len(found.rows) * _ROW + _GAP
    sheet = Pillow.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, lines in enumerate(heads):
        left = _NAMES + column * (_SIDE + _GAP)
        pen.text((left, _GAP / 2), "\n".join(lines), fill=_INK)
    for row, (name, cells) in enumerate(found.rows):
        down = top + row * _ROW
        pen.text((_GAP, down), "\n".join(_lines(name, 18)), fill=_INK)
        for column, one in enumerate(cells):
            left = _NAMES + column * (_SIDE + _GAP)
            if one.content:
                with Pillow.open(io.BytesIO(one.content)) as picture:
                    picture.thumbnail((_SIDE, _SIDE))
                    sheet.paste(picture, (left, down))
            said = "\n".join([*_lines(found.conditions[column], 28)[:1], *_lines(one.said, 28)][:8])
            pen.text((left, down + (_SIDE + 2 if one.content else 0)), said, fill=_INK)
    try:
        sheet.save(path, "PNG")
    except OSError as error:
        raise SettingError(f"{_FLAG} {path}: cannot be written: {error.strerror}.") from None


def _lines(words: str, most: int) -> list[str]:
    """The text in lines of so many characters, which Pillow's own font has."""
    plain = printable(blank(words)).replace("×", "x").replace("·", "+")
    text = plain.encode("ascii", "replace").decode("ascii")
    return [text[at : at + most] for at in range(0, len(text), most)] or [""]


def _text(words: str) -> str:
    return escape(printable(blank(words)))
