"""Reads the number that a reply states, in the unit that was asked for.

A range, a bound ("more than 50") and several numbers of which none is declared are ambiguous.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from mubench_gen.parser.open.quantities import Quantity, quantities
from mubench_gen.parser.open.reading import NumberReading, OpenReply, declared
from mubench_gen.parser.open.units import Unit, singular, unit_of

_LEADS = re.compile(
    r"[\s:=\"'(\[,$≈~*]*(?:(?:about|approximately|approx\.?|around|roughly|nearly|almost|exactly"
    r"|circa|ca\.|an? (?:total|estimated)(?: of)?|the|is|are|there are|estimated at|equal to)"
    r"[\s:=\"'(\[,$≈~]+)*"
)
_TOTAL = re.compile(
    r"=|\b(?:total|sum|altogether|in all|overall)\b[^.\n]{0,40}?\b(?:is|of|to|are)\b"
    r"|\b(?:gives|makes|yields|adds up to|amounts to|comes to)\b"
    r"|\b(?:in total|altogether),? (?:there are)?|\btotal:"
)
_BEFORE_TOTAL = frozenset({"", "there are", "about", "approximately", "is", "are", "exactly", "of"})
_TOTAL_BEHIND = re.compile(r"[^.\n,;]{0,30}\b(?:in total|altogether|in all|total)\b")
_SAYS_AGAIN = frozenset({"(", "[", "(=", "(≈", "(or", "(i.e.", "(~"})
_CUT = ("number", "declared", "total")  # rules by which a number may end where a reply was cut

Pairs = Sequence[tuple[Quantity, float]]  # with the value in the unit that was asked for


def read_number(reply: str, unit: str = "", *, complete: bool | None = None) -> NumberReading:
    """The number that a reply states, in `unit` (empty: none). Pure; never raises on a reply.

    "answered" where one number is declared, or only one stands there; "ambiguous" for a range, a
    bound, or several; "contradiction" for two unlike values of one quantity ("5 µm (500 nm)");
    "out_of_range" where its unit cannot be converted. `complete`: as in `parse_answer`.
    """
    text, wanted = OpenReply(reply), unit_of(unit)
    if text.is_empty:
        return NumberReading(text.unread(complete))
    for region in declared(text):
        found = quantities(text, region.start, region.end)
        if found:
            reading = _decide(found, text, wanted, region.rule, declared_at=region.start)
            return _if_whole(reading, text, complete)
    found = quantities(text, 0, len(text.text))
    if found:
        reading = _decide(found, text, wanted, "number")
        if not text.unclosed or reading.status == "answered":
            return _if_whole(reading, text, complete)
    return NumberReading(text.unread(complete))


def _if_whole(reading: NumberReading, text: OpenReply, complete: bool | None) -> NumberReading:
    """The reading; of a cut reply only a number that it declares, or begins with, and not one at
    its very end, which may lack its last digits."""
    if complete is not False or reading.span is None or reading.rule not in _CUT:
        return reading
    begin, end = reading.span
    leads = _LEADS.match(text.low)
    outright = reading.rule == "declared" or (leads is not None and begin <= leads.end())
    return reading if outright and not text.ends_at(end) else NumberReading("truncated")


def _decide(
    found: Sequence[Quantity],
    text: OpenReply,
    wanted: Unit | None,
    rule: str,
    *,
    declared_at: int | None = None,
) -> NumberReading:
    """The reading of these quantities. `declared_at`: where a declaration ends, which means the
    number that stands right behind it."""
    fitting = [(one, value) for one in found if (value := _converted(one, wanted)) is not None]
    if not fitting:
        return NumberReading("out_of_range")
    head, value = fitting[0]
    if declared_at is not None:
        leads = _LEADS.match(text.low, declared_at)
        if leads is not None and head.start <= leads.end():
            return _one(head, value, fitting[1:2], text, rule)
    if wanted is not None:
        fitting = [pair for pair in fitting if _says_unit(pair[0], wanted)] or fitting
        head, value = fitting[0]
    if (total := _total(fitting, text)) is not None:
        return total
    distinct = [other for other, told in fitting if not _same(told, value)]
    if not distinct:
        return _one(head, value, fitting[1:2], text, rule)
    is_contrary = len(distinct) == 1 and _says_again(head, distinct[0], text)
    return NumberReading("contradiction" if is_contrary else "ambiguous")


def _one(
    head: Quantity, value: float, following: Pairs, text: OpenReply, rule: str
) -> NumberReading:
    if head.open:
        return NumberReading("ambiguous")
    for other, told in following:
        if not _same(told, value) and _says_again(head, other, text):
            return NumberReading("contradiction")
    return NumberReading("answered", value, rule, (head.start, head.end))


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)


def _says_again(head: Quantity, other: Quantity, text: OpenReply) -> bool:
    """ "5 µm (500 nm)": the second says the first again, in brackets."""
    between = text.text[head.end : other.start].strip()
    return other.unit is not None and between in _SAYS_AGAIN


def _total(fitting: Pairs, text: OpenReply) -> NumberReading | None:
    """What sums up: "a total of 7", "3 + 4 = 7"; only where there are several numbers."""
    if len(fitting) < 2:
        return None
    for cue in reversed(list(_TOTAL.finditer(text.low))):
        behind = [pair for pair in fitting if pair[0].start >= cue.end()]
        if not behind:
            continue
        head, value = behind[0]
        if text.low[cue.end() : head.start].strip(" :~≈$*(") in _BEFORE_TOTAL:
            return _one(head, value, behind[1:2], text, "total")
    head, value = fitting[-1]
    if _TOTAL_BEHIND.match(text.low, head.end):
        return _one(head, value, (), text, "total")
    return None


def _says_unit(one: Quantity, wanted: Unit) -> bool:
    if one.unit is not None:
        return one.unit.kind == wanted.kind
    return bool(one.word) and f"word {singular(one.word)}" == wanted.kind


def _converted(one: Quantity, wanted: Unit | None) -> float | None:
    """The value in the wanted unit; None where it is of another kind."""
    if one.unit is None:
        return one.value
    if wanted is None or one.unit.kind != wanted.kind:
        return None
    if one.unit.size == wanted.size:
        return one.value
    return float(f"{one.value * one.unit.size / wanted.size:.12g}")
