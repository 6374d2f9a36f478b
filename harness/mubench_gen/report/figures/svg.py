"""SVG as matplotlib writes it → SVG that says what it shows, and follows a page's theme."""

from __future__ import annotations

import hashlib
import re
from html import escape
from typing import TYPE_CHECKING

from mubench_gen.report.figures.palette import VARIABLES

if TYPE_CHECKING:
    from mubench_gen.report.figures.drawing import Drawing

_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_OPENING = re.compile(r"<svg [^>]*>")
_METADATA = re.compile(r"(?<!\s)\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"(?<!\s)\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")
_NUMBERED = re.compile(r' id="[a-z0-9]+(?:\.\w+)?_\d+"')  # figure_1, axes_1, patch_2, …: unused
_TIP = re.compile(r'<g id="(tip-\d+)">')
_FONT = re.compile(r"font(-family)?: [^;\"]{0,200}?'DejaVu Sans'[^;\"]*;?")
_SIZE = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)px")
_COLOUR = re.compile("|".join(VARIABLES), re.IGNORECASE)
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_GROUND = "fill: #ffffff"  # behind the whole figure: the page has its own
_POINT = 4 / 3  # pixels of a page


def described(content: str, drawing: Drawing) -> str:
    """The file with a title, a description, and the words of its marks."""
    body = _METADATA.sub("", content)
    opening = _OPENING.search(body)
    assert opening is not None
    words = f"<title>{escape(drawing.title)}</title>\n"
    if drawing.description:
        words += f" <desc>{escape(drawing.description)}</desc>\n"
    tag = f'{opening[0][:-1]} role="img">\n {words}'
    body = body[: opening.start()] + tag + body[opening.end() :].lstrip("\n")
    return _NUMBERED.sub("", _with_tips(body, drawing))


def inline(content: str, drawing: Drawing) -> str:
    """The drawing as a part of an HTML page. No two drawings have an id in common."""
    body = _STYLE.sub("", _HEAD.sub("", content, count=1))
    mark = hashlib.sha256(content.encode()).hexdigest()[:8]
    body = re.sub(r'(id="|xlink:href="#|url\(#)', rf"\g<1>f{mark}-", body)
    body = _COLOUR.sub(lambda found: f"var({VARIABLES[found[0].lower()]})", body)
    body = body.replace(_GROUND, "fill: none", 1)
    body = _FONT.sub(_resized, body)
    body = re.sub(
        r"\s*<title>[^<]*</title>\s*", "\n", body, count=1
    )  # it would be a tip everywhere
    width, height = (
        float(re.search(rf'{name}="([\d.]+)pt"', body)[1]) * _POINT  # type: ignore[index]
        for name in ("width", "height")
    )
    opening = _OPENING.search(body)
    assert opening is not None
    box = re.search(r'viewBox="[^"]*"', opening[0])
    assert box is not None
    tag = (
        f'<svg xmlns="{_SVG}" xmlns:xlink="{_XLINK}" class="figure" {box[0]} '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(drawing.title)}" stroke-linejoin="round" stroke-linecap="butt">'
    )
    return re.sub(r"\n\s*", "\n", body[: opening.start()] + tag + body[opening.end() :]).strip()


def _resized(found: re.Match[str]) -> str:
    """A font without its family: the page has its own."""
    size = _SIZE.search(found[0])
    return "" if size is None else f"font-size: {size[0]};"


def _with_tips(body: str, drawing: Drawing) -> str:
    def tip(found: re.Match[str]) -> str:
        return f"<g><title>{escape(drawing.tips[found[1]])}</title>"

    return _TIP.sub(tip, body)
