"""Shortens replies for the page, and converts spans to the browser's units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_CAPS = (20_000, 8_000, 4_000, 2_000, 1_000, 500, 240)  # characters of one reply
_BUDGET = 6_000_000  # characters of all different replies
_AROUND = 120  # characters kept on either side of the deciding span


@dataclass(frozen=True, slots=True)
class ShownReply:
    """`text`: what is shown; `span`: (start, end) of the text that decided, in UTF-16 units as
    in JavaScript; `left_out`: characters that are not shown.
    """

    text: str
    span: tuple[int, int] | None
    left_out: int


def choose_cap(lengths: Iterable[int]) -> int:
    """The most characters of a reply such that all distinct ones fit on the page."""
    known = list(lengths)
    for cap in _CAPS:
        if sum(min(length, cap) for length in known) <= _BUDGET:
            return cap
    return _CAPS[-1]


def shown_reply(reply: str, span: tuple[int, int] | None, cap: int) -> ShownReply:
    """The reply, or of a long one its beginning, its end and the text around the span."""
    if len(reply) <= cap:
        return ShownReply(reply, _in_utf16(reply, span), 0)
    kept = _kept(len(reply), span, cap)
    text, at, moved = "", 0, span
    for start, end in kept:
        if start > at:
            text += f"\n[… {start - at:,} characters left out …]\n"
        if span is not None and start <= span[0] and span[1] <= end:
            moved = (span[0] - start + len(text), span[1] - start + len(text))
        text += reply[start:end]
        at = end
    left_out = len(reply) - sum(end - start for start, end in kept)
    return ShownReply(text, _in_utf16(text, moved), left_out)


def _kept(length: int, span: tuple[int, int] | None, cap: int) -> list[tuple[int, int]]:
    """The parts of a long reply that are shown, in order and apart from each other."""
    half = cap // 2
    parts = [(0, half), (length - half, length)]
    if span is not None:
        parts.append((max(0, span[0] - _AROUND), min(length, span[1] + _AROUND)))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _in_utf16(text: str, span: tuple[int, int] | None) -> tuple[int, int] | None:
    if span is None or text.isascii():
        return span
    start, end = (len(text[:at].encode("utf-16-le", "surrogatepass")) // 2 for at in span)
    return start, end
