"""A preview as one HTML file that needs nothing else: warnings first, a card a picture."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from mubench_gen.console.masking import blank
from mubench_gen.console.outlet import printable
from mubench_gen.report.html.static import html_table, static_page
from mubench_gen.report.html.write_page import check_page_path, write_text
from mubench_gen.report.preview.gathered import Preview, Previewed

_AS_THEY_ARE = "nothing: shown as the file is"
_COLOURS = ("r", "g", "b")
_HEIGHT = 40  # of a histogram, in pixels


def write_preview(preview: Preview, path: Path, notes: Sequence[str] = ()) -> None:
    """Write the page. SettingError if that cannot be done; `notes` stand at its end."""
    check_page_path(path, flag="--out")
    write_text(path, _page(preview, notes), flag="--out")


def _page(preview: Preview, notes: Sequence[str]) -> str:
    lead = (
        f"{len(preview.shown):,} of {preview.total:,} pictures"
        if len(preview.shown) < preview.total
        else f"All {preview.total:,} pictures"
        if preview.total > 1
        else "The picture"
    )
    given = "them" if preview.total > 1 else "it"
    model = f", and what the processor of {preview.model} makes of it" if preview.model else ""
    parts = [
        f"<p class=lead>{_text(lead)} as a model is given {given}{_text(model)}.</p>",
        _warnings(preview.warnings),
        "<h2>How files become pictures</h2>",
        "<ul class=policy>" + "".join(f"<li>{_text(one)}</li>" for one in preview.policy) + "</ul>",
        _conversions(preview),
        "<h2>What the model is given</h2>",
        "<ol class='cards given'>" + "".join(map(_card, preview.shown)) + "</ol>",
    ]
    note = (
        "Histograms: how many pixels have which level, from black to full brightness, in red, "
        "green and blue; heights are square roots, so that few pixels can be seen. The pictures "
        "here are JPEG copies of at most 384 pixels a side; a model gets all pixels."
    )
    title = f"What a model is given: {printable(preview.title)}"
    return static_page(title, [part for part in parts if part], [note, *notes], by="data preview")


def _warnings(told: Sequence[str]) -> str:
    if not told:
        return "<p class=note>No picture is damaged, nearly constant, very small or a copy.</p>"
    rows = "".join(f"<li>{_linked(one)}</li>" for one in told)
    return f'<ul class=warnings aria-label="What to look at first">{rows}</ul>'


def _conversions(preview: Preview) -> str:
    rows = [
        [_plain(told) or _AS_THEY_ARE, f"{count:,}"] for told, count in preview.conversions.items()
    ]
    return html_table(["what is changed", "pictures"], rows, name="What is changed") if rows else ""


def _card(one: Previewed) -> str:
    head = f"<p class=gold>{one.number}. {_text(one.name)}</p><p class=task>{_text(one.where)}</p>"
    if one.fault is not None:
        box = "<span class='pic none'>cannot be shown</span>"
        return (
            f"<li class='card is-fault' id=no-{one.number}>{box}<div class=words>{head}"
            f"<p class=told-fault>{_text(one.fault)}</p></div></li>"
        )
    source = base64.b64encode(one.content).decode()
    warned = "".join(f"<p class=told-fault>{_text(told)}</p>" for told in one.warnings)
    rows = "".join(f"<dt>{key}</dt><dd>{_text(value)}</dd>" for key, value in _facts(one))
    asked = "".join(f"<li>{_text(question)}</li>" for question in one.questions)
    questions = f"<details><summary>what is asked</summary><ul>{asked}</ul></details>"
    return (
        f"<li class=card id=no-{one.number}><span class='pic whole'>"
        f'<img alt="{_text(one.name)}" src="data:image/jpeg;base64,{source}"></span>'
        f"{_histogram(one)}<div class=words>{head}{warned}<dl class=facts>{rows}</dl>"
        f"{questions if asked else ''}</div></li>"
    )


def _facts(one: Previewed) -> Iterator[tuple[str, str]]:
    yield "given", f"{one.width:,} × {one.height:,} pixels, 8-bit RGB"
    if one.model:
        yield "in the model", one.model
    yield "changed", _plain(one.conversion) or _AS_THEY_ARE
    facts = one.facts or {}
    if "plane" in facts:
        yield "plane", str(facts["plane"])
    for channel in facts.get("channels", ()):
        low, high = channel["window"]
        name = f" {channel['name']}" if channel["name"] else ""
        yield (
            f"channel {channel['number']}",
            f"{name.strip()} in {channel['colour']}, {low:g} to {high:g}".strip(),
        )
    yield "file", f"{one.file_bytes:,} bytes"


def _plain(conversion: str | None) -> str:
    """The words of a conversion without the policy's name."""
    head, colon, rest = (conversion or "").partition(": ")
    return rest if colon and " " not in head else conversion or ""


def _histogram(one: Previewed) -> str:
    """Three filled lines, one a colour; grey where they are equal."""
    equal = one.histogram[0] == one.histogram[1] == one.histogram[2]
    bands = [("grey", one.histogram[0])] if equal else zip(_COLOURS, one.histogram, strict=True)
    top = max((share for band in one.histogram for share in band), default=0.0) or 1.0
    paths = [f'<path d="{_line(band, top)}" class="{name}"/>' for name, band in bands]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hist" role="img" '
        f'viewBox="0 0 {len(one.histogram[0])} {_HEIGHT}" preserveAspectRatio="none" '
        f'aria-label="{escape(f"Histogram of {printable(one.name)}")}">{"".join(paths)}</svg>'
    )


def _line(shares: Sequence[float], top: float) -> str:
    points = [f"M0 {_HEIGHT}"]
    for at, share in enumerate(shares):
        y = _HEIGHT * (1 - (share / top) ** 0.5)
        points.append(f"L{at} {y:.1f}H{at + 1}")
    return "".join([*points, f"L{len(shares)} {_HEIGHT}Z"])


def _linked(warning: str) -> str:
    """A warning whose numbers of pictures lead to these."""
    return re.sub(r"no\. (\d+)", r'<a href="#no-\1">no. \1</a>', _text(warning))


def _text(words: str) -> str:
    """Text of data, safe in a page."""
    return escape(printable(blank(words)))
