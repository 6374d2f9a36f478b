"""Replies on the page: shortened where long, marked in the browser's units."""

from __future__ import annotations

import pytest

from mubench_gen.report.html.replies import choose_cap, shown_reply


def in_browser(text: str, span: tuple[int, int] | None) -> str:
    """What JavaScript's text.slice(start, end) gives."""
    assert span is not None
    units = text.encode("utf-16-le", "surrogatepass")
    return units[2 * span[0] : 2 * span[1]].decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(
    "before", ["", "plain ", "\U0001f52c é ", "\ud800 \U0001f9ec", "\r\n\t\x1b"]
)
def test_the_span_is_what_the_browser_cuts_out(before: str) -> None:
    reply = f"{before}The answer is B. \U0001f52c"
    start = reply.index("answer is B")
    shown = shown_reply(reply, (start, start + 11), 1_000)
    assert (shown.text, shown.left_out) == (reply, 0)
    assert in_browser(shown.text, shown.span) == "answer is B"


@pytest.mark.parametrize("at", [0, 400, 50_000, 99_000, 99_989])
def test_a_long_reply_keeps_its_ends_and_what_decided(at: int) -> None:
    reply = "x" * at + "answer is B" + "y" * (100_000 - at - 11)
    shown = shown_reply(reply, (at, at + 11), 1_000)
    assert len(shown.text) < 1_500
    assert shown.text.startswith(reply[:500])
    assert shown.text.endswith(reply[-500:])
    assert in_browser(shown.text, shown.span) == "answer is B"
    left_out = sum(int(part.split(" ")[0].replace(",", "")) for part in shown.text.split("[… ")[1:])
    assert left_out == shown.left_out > 98_000


def test_a_span_longer_than_what_is_kept_stays_whole() -> None:
    reply = "a" * 1_000 + "B" * 5_000 + "c" * 1_000
    shown = shown_reply(reply, (1_000, 6_000), 500)
    assert in_browser(shown.text, shown.span) == "B" * 5_000


def test_many_long_replies_are_cut_shorter() -> None:
    assert choose_cap([100] * 10_000) == 20_000
    assert choose_cap([1_000_000] * 10) == 20_000
    assert choose_cap([5_000] * 10_000) == 500
    assert choose_cap([]) == 20_000
