"""Options that are sizes, or ranges of sizes: "0.2 mm" of "200 µm", "35 µm" of "10-50 µm"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from mubench_gen.parser.claims import answering_claims
from mubench_gen.parser.open.units import NAME, physical
from mubench_gen.parser.other_uses import is_of_scale, is_other_use, is_range
from mubench_gen.parser.refusals import refuses
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.stances import stance
from mubench_gen.parser.text import fold

_DIGITS = r"\d+(?:,\d{3})*(?:\.\d+)?"
_NUMBER = re.compile(rf"(?<![\w.,]){_DIGITS}(?![\d.,]*\d)")
_BELOW = r"(?:<=?|≤|less than|under|below|up to|smaller than|shorter than|at most|no more than)"
_ABOVE = r"(?:>=?|≥|more than|over|above|bigger than|larger than|greater than|longer than|at least)"
_RANGE = re.compile(
    rf"(?:(?P<below>{_BELOW})|(?P<above>{_ABOVE}))? ?(?P<first>{_DIGITS})"
    rf"(?: ?[^\W\d]{{0,2}}%? ?(?:-|to) ?(?P<last>{_DIGITS}))?(?=\s?[^\W\d]|%|\s?°)",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"[^\d()]+\(([^()]+)\)")
_BOUND = re.compile(rf"(?:(?P<below>{_BELOW})|(?P<above>{_ABOVE})) ?$")
# With these beside it a size is no sign of the range that is asked for.
_SCALE = re.compile(
    r"\b(?:bars?|scale|ruler|magnification|objective|field of view|lens|sections?|slices?|lasers?"
    r"|excit\w+|emi(?:ts?|ssion|tted)|wavelength|filter|pixels?|resol\w+|steps?|depth|spac\w+"
    r"|apart|usually|typically|normally|on average)\b"
)
_LONG = 200  # characters of a reply
_BACK = 24
_NEARLY = 1e-6
_WIDER = 1.01
# The kind of a unit, and the lowest and the highest size in its base.
_Range = tuple[str, float, float]


class _Size(NamedTuple):
    """A quantity in the base of its kind, and where it is."""

    kind: str
    value: float
    bound: float | None  # what it is only a limit to
    start: int
    end: int


def measured(reply: ReplyText) -> Iterator[Verdict]:
    """The one option that is a size, or a range that holds all sizes of a short reply."""
    options = reply.choices.options
    if len(reply.low) > _LONG or not any(map(str.isdigit, options[0])):
        return
    ranges = _ranges(options)
    if not ranges or reply.mentions or answering_claims(reply) or refuses(reply):
        return
    wide = any(high > low * _WIDER for _, low, high in ranges)
    if wide and _SCALE.search(reply.low):
        return
    found: list[Verdict] = []
    for number in _NUMBER.finditer(reply.text):
        size = _size(reply.text, number)
        if size is None or size.kind != ranges[0][0]:
            continue
        said = stance(reply, size.start, size.end)
        if said == "denied":
            continue
        within = [
            k
            for k, (_, low, high) in enumerate(ranges)
            if low <= size.value <= high and size.bound in (None, low, high)
        ]
        if len(within) != 1 or said != "asserted" or _is_of_other(reply, number, wide=wide):
            return
        found.append(Verdict.of(within[0], size.start, size.end))
    if len({one.option for one in found}) == 1:
        yield found[-1]


def _is_of_other(reply: ReplyText, number: re.Match[str], *, wide: bool) -> bool:
    """Whether the size is not of what is asked for; the end of a range may be, if options are."""
    if is_of_scale(reply.low, number.start()):
        return True
    if wide and is_range(reply.low, *number.span()):
        return False
    return is_other_use(reply, *number.span())


def _size(text: str, number: re.Match[str]) -> _Size | None:
    """The quantity in a reply that a number begins; what only bounds it lies beyond."""
    name = NAME.match(text, number.end())
    unit = physical(name["unit"]) if name else None
    if name is None or unit is None:
        return None
    value, start = float(number[0].replace(",", "")) * unit.size, number.start()
    bound = _BOUND.search(text.lower(), max(0, start - _BACK), start)
    if bound is None:
        return _Size(unit.kind, value, None, start, name.end())
    value *= 1 - _NEARLY if bound["below"] else 1 + _NEARLY
    end = 0.0 if bound["below"] else math.inf
    return _Size(unit.kind, value, end, bound.start(), name.end())


@lru_cache(maxsize=4096)
def _ranges(options: tuple[str, ...]) -> tuple[_Range, ...]:
    """The options as ranges, if all are ranges of one kind."""
    if not all(any(map(str.isdigit, option)) for option in options):
        return ()
    found = [_range_of(fold(option)) for option in options]
    ranges = tuple(one for one in found if one is not None)
    same = len(ranges) == len(options) > 1 and len({kind for kind, _, _ in ranges}) == 1
    return ranges if same else ()


def _range_of(option: str) -> _Range | None:
    inner = _IN_BRACKETS.fullmatch(option)
    text = (inner[1] if inner else option).strip(" .")
    said = _RANGE.match(text)
    name = NAME.match(text, said.end()) if said else None
    unit = physical(name["unit"]) if name else None
    if said is None or name is None or unit is None or name.end() != len(text):
        return None
    first = float(said["first"].replace(",", "")) * unit.size
    last = float(said["last"].replace(",", "")) * unit.size if said["last"] else first
    if said["below"]:
        return unit.kind, 0.0, last * (1 - _NEARLY)
    if said["above"]:
        return unit.kind, first * (1 + _NEARLY), math.inf
    return unit.kind, first * (1 - _NEARLY**2), last * (1 + _NEARLY**2)
