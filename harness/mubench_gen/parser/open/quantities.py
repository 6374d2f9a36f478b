"""Finds the quantities in a reply: numbers in digits or words, with the unit behind them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mubench_gen.parser.open.number_words import WORDS, value_of_words
from mubench_gen.parser.open.reading import OpenReply
from mubench_gen.parser.open.units import NAME, Unit, physical

_DIGITS = (
    r"\d{1,3}(?:(?:,\d{3})+(?!\d)|(?: \d{3})+(?!\d)|(?:'\d{3})+(?!\d))(?:\.\d+)?"
    r"|\d+(?:[.,]\d+)?|\.\d+"
)
_NUMBER = re.compile(
    rf"(?<![\w.])(?<!\d,)(?P<sign>[-+]\s?)?(?P<digits>{_DIGITS})(?P<e>[eE][-+]?\d{{1,3}}\b)?"
    r"(?P<ten>(?:\s{0,3}(?:[x×·]|\\?times)\s{0,3}|\s{2,4}(?=10\s?\^))10\s{0,2}"
    r"(?:\^\s{0,2}(?P<power>[-+]?\s?\d{1,3})|(?P<raised>[⁺⁻]?[⁰¹²³⁴-⁹]+)|(?P<plain>-\d{1,2})))?"
)
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_BARE_TEN = re.compile(r"10\s{0,2}(?:\^\s{0,2}(-?\d{1,3})|([⁺⁻]?[⁰¹²³⁴-⁹]+))")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_BOUND = re.compile(
    r"(?:[<>≤≥]=?|\b(?:(?:more|less|fewer|greater|larger|smaller|higher|lower) than|at least"
    r"|at most|no (?:more|less|fewer) than|over|under|above|below|up to|exceed(?:s|ing)?"
    r"|maximum of|minimum of))\s*(?:about |approximately |around |~ ?)?$"
)
_BOUND_BEHIND = re.compile(r"\s{0,2}(?:\+(?!\s?\d)|or (?:more|fewer|less)\b|and above\b|plus\b)")
_RANGE = re.compile(r"\s{0,3}(?:-|to|~|\.\.\.?|…|or)\s{0,3}(?:about |approximately |~)?$")
_BETWEEN = re.compile(r"\bbetween\s+(?:about |approximately |~ ?)?$")
_PLUS_MINUS = re.compile(r"(?:±|\+\s?/\s?-|\\pm)\s*$")
_NAMED = re.compile(
    r"(?:fig(?:ure|\.)?|image|picture|panel|table|step|question|option|page|section|part|channel"
    r"|frame|slide|type|stage|grade|phase|class|group|chapter|ref\.?|no\.|#)\s{0,2}$"
)
_LINE_BEGINS = re.compile(r"(?:^|\n)[ \t]*$")
_ITEM_END = re.compile(r"[.)]\s")
_WORD = re.compile(r"\s{0,2}([^\W\d_]+)")
_OF = re.compile(r"\s+of\b")
_COUNTS = re.compile(r"\b(?:is|see|count|only|exactly|identify|shows?|contains?)\s+$")
_REACH = 40
_LONGEST = 40  # digits


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a text: `unit` that of a known physical unit, `word` what else stands behind.

    `open`: it is a bound, or an end of a range.
    """

    value: float
    unit: Unit | None
    word: str
    start: int
    end: int
    open: bool


def quantities(text: OpenReply, start: int, end: int) -> list[Quantity]:
    """The quantities from `start` to `end`, without numbers that number something ("Figure 2").

    Words count where there are no digits.
    """
    found = sorted(_in_digits(text, start, end), key=lambda one: one.start)
    return _with_ranges(found or list(_in_words(text, start, end)), text)


def _in_digits(text: OpenReply, start: int, end: int) -> Iterator[Quantity]:
    source, at = text.text, start
    while (match := _NUMBER.search(source, at, end)) is not None:
        begin, stop = match.span()
        at = max(stop, at + 1)
        if source[begin:stop] == "10" and (ten := _BARE_TEN.match(source, begin, end)):
            at = ten.end()
            yield _quantity(text, 10.0 ** int(ten[1] or ten[2].translate(_RAISED)), begin, at, end)
            continue
        value = _value(match)
        before = source[max(0, begin - 6) : begin]
        if value is None or _PLUS_MINUS.search(before) or _names(text, begin, stop, start):
            continue
        if match["sign"] and _is_dash(text, begin):
            value, begin = abs(value), match.start("digits")
        yield _quantity(text, value, begin, stop, end)


def _value(match: re.Match[str]) -> float | None:
    digits = match["digits"].replace("'", "").replace(" ", "")
    if len(digits) > _LONGEST:
        return None
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    value = float(digits.replace(",", ".") + (match["e"] or ""))
    if match["ten"]:
        told = match["power"] or match["raised"] or match["plain"]
        value *= 10.0 ** int(told.translate(_RAISED).replace(" ", ""))
        value = float(f"{value:.15g}")
    value = -value if (match["sign"] or "").strip() == "-" else value
    return value if math.isfinite(value) else None


def _is_dash(text: OpenReply, begin: int) -> bool:
    """Whether a minus sign is a dash: behind a number or a word, or the mark of a list's item."""
    before = text.low[max(0, begin - 3) : begin]
    line = text.low.rfind("\n", 0, begin) + 1
    is_item = text.low[begin + 1 : begin + 2] == " " and not text.low[line:begin].strip()
    return before.rstrip()[-1:].isalnum() or is_item


def _names(text: OpenReply, begin: int, stop: int, start: int) -> bool:
    """Whether a number names a thing ("Figure 2"), counts a list's items, or is in a word."""
    low = text.low
    if _NAMED.search(low, max(0, begin - 12), begin):
        return True
    if low[stop : stop + 1] == "-" and low[stop + 1 : stop + 2].isalpha():
        return not NAME.match(text.text, stop)
    if _LINE_BEGINS.search(low[max(start, begin - 8) : begin]) and _ITEM_END.match(low, stop):
        return bool(low[stop + 1 :].strip())
    return False


def _quantity(text: OpenReply, value: float, begin: int, stop: int, end: int) -> Quantity:
    source = text.text
    name = NAME.match(source, stop, min(end, stop + _REACH))
    unit = physical(name["unit"]) if name else None
    if unit is not None and name is not None:
        return Quantity(value, unit, "", begin, name.end(), _is_open(text, begin, name.end()))
    word = _WORD.match(source, stop, end)
    return Quantity(value, None, word[1] if word else "", begin, stop, _is_open(text, begin, stop))


def _is_open(text: OpenReply, begin: int, stop: int) -> bool:
    before = text.low[max(0, begin - _REACH) : begin]
    behind = _BOUND_BEHIND.match(text.low, stop)
    return bool(_BOUND.search(before) or _BETWEEN.search(before) or behind)


def _with_ranges(found: list[Quantity], text: OpenReply) -> list[Quantity]:
    """The quantities; the two ends of a range are open, and have one unit."""
    for at in range(len(found) - 1):
        one, other = found[at], found[at + 1]
        gap = text.low[one.end : other.start]
        if len(gap) <= _REACH and (_RANGE.fullmatch(gap) or (gap.strip() == "and" and one.open)):
            found[at] = replace(one, unit=one.unit or other.unit, word=other.word, open=True)
            found[at + 1] = replace(other, unit=other.unit or one.unit, open=True)
    return found


def _in_words(text: OpenReply, start: int, end: int) -> Iterator[Quantity]:
    """Numbers written out: "seven", "twenty-three". "One" counts only behind a verb, or alone."""
    for match in WORDS.finditer(text.low, start, end):
        value = value_of_words(match[0])
        if value is not None and (value != 1 or _counts_one(text.low, match, start)):
            yield _quantity(text, value, match.start(), match.end(), end)


def _counts_one(low: str, match: re.Match[str], start: int) -> bool:
    if not low[start : match.start()].strip(" :\"'("):
        return _OF.match(low, match.end()) is None
    return _COUNTS.search(low, max(0, match.start() - 24), match.start()) is not None
