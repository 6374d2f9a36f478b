"""Numbers as answers: results of calculations, and counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.target import skip_fillers, text_at

_LAST = re.compile(r"[\s.!]*(?:\w{1,12}[\s.!]*)?$")  # a unit may follow
# What sums up: a number behind it stands against the numbers before.
_TOTAL = re.compile(
    r"\b(?:the (?:total|sum)(?: (?:number|count)(?: of [^.\n]{1,60}?)?)? (?:is|comes to)"
    r"|(?:that|this|which|counting) (?:gives|makes|yields|comes to)"
    r"|plus [^.;\n]{1,40} (?:gives|makes|equals)|count comes to"
    r"|add(?:s|ing)? up to|amounts? to|totals?|totall?ing|a total of"
    r"|(?:in total|altogether),?(?: there are)?)"
    r" (?:therefore |thus |hence |exactly |about |a total of )?(?=[0-9tfsnez])"
)
_SUMMED = re.compile(r" (?:in total|in all|altogether|all told)\b")
_BEFORE_SUM = re.compile(r"(?<![\w.])(\w{1,8})(?: \w{2,20}){0,2},?$")  # "5 in total", "5 cells …"
_BACK = 60
_AND_MORE = re.compile(r"[^.;:\n(]{0,40}?\b(?:and|plus|\+) (?=[0-9tfsnez])")
_FOR_EACH = re.compile(
    r"(?: \w{2,20}){0,3} (?:in|of|per|for) (?:each|every)\b|(?: \w{2,20}){0,3} per "
)
_RANGE = re.compile(r" ?(?:-|to|or) ?\d")  # "7-8 nuclei"
_COUNT = re.compile(r"(?:\d{1,4}|two|three|four|five|six|seven|eight|nine|ten)\b")
_APART = re.compile(  # a count for each side
    r"\b(?:left|upper|first|top) (?:image|panel|half|side|part|one|field)\b.{1,120}"
    r"\b(?:right|lower|second|bottom) (?:image|panel|half|side|part|one|field)\b"
)
_COUNTED = re.compile(
    r"\b(?:there (?:is|are|appears? to be|seems? to be)|i (?:can )?(?:see|count|identify)"
    r"|total of|a count of|shows?|contains?|(?:image|picture|field|micrograph) has)"
    r" (?:exactly |about |only |a total of )?(?=[0-9tfsnez])"
)
COUNTS = cues(
    "total totals totaling totalling sum gives makes yields equals add adds amount amounts comes"
    " adding altogether all there see count identify"
    " show shows contain contains has",
    _TOTAL,
    _SUMMED,
    _COUNTED,
)
EQUALS = cues("=")
# "a 5 µm bar": a measure, where other numbers are counts.
_UNIT = re.compile(
    r"[ -]?(?:[µnmc]m²?|[km]v|kev|ms|ml|mg|min|h|px|°c?|x|×|-?fold|hours?|days?|minutes?|seconds?"
    r"|pixels?)(?![^\W_])"
)


def result(reply: ReplyText) -> Iterator[Verdict]:
    """A calculation that ends in an option's text: "3 * 5 = 15"."""
    equals = reply.low.rfind("=", max(0, len(reply.low) - 80))
    found = text_at(reply, skip_fillers(reply, equals + 1)) if equals >= 0 else None
    if found is not None and _LAST.match(reply.low, found.end):
        yield found


def counted(reply: ReplyText) -> Iterator[Verdict]:
    """The reply states one count or a total, and it is an option: "There are 4 cells"."""
    if not any(key[1:2].isdigit() for key in reply.choices.keys):
        return
    totals = [*_numbers(reply, _TOTAL), *_summed(reply)]
    if totals:
        yield max(totals, key=lambda number: number.start)
        return
    found = [] if _APART.search(reply.low) else _numbers(reply, _COUNTED)
    if found and len({number.option for number in found}) == 1 and not _adds(reply, found[-1]):
        yield found[-1]


def _summed(reply: ReplyText) -> list[Verdict]:
    """The numbers that "in total" stands behind."""
    low = reply.low
    ends = [match.start() for match in _SUMMED.finditer(low)]
    before = [_BEFORE_SUM.search(low, max(0, end - _BACK), end) for end in ends]
    found = [text_at(reply, match.start(1)) for match in before if match is not None]
    return [number for number in found if number is not None and _is_number(reply, number)]


def _adds(reply: ReplyText, found: Verdict) -> bool:
    """Whether another count is joined to this one: "2 large and 3 small", "1 in each cell"."""
    if _FOR_EACH.match(reply.low, found.end):
        return True
    joined = _AND_MORE.match(reply.low, found.end)
    return joined is not None and _COUNT.match(reply.low, joined.end()) is not None


def _numbers(reply: ReplyText, cue: re.Pattern[str]) -> list[Verdict]:
    """The options that are numbers and stand behind a cue."""
    found = [text_at(reply, match.end()) for match in cue.finditer(reply.low)]
    return [
        number
        for number in found
        if number is not None
        and _is_number(reply, number)
        and not _RANGE.match(reply.low, number.end)
    ]


def _is_number(reply: ReplyText, found: Verdict) -> bool:
    return found.option is not None and reply.choices.keys[found.option][1].isdigit()


def unmeasured(reply: ReplyText, texts: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The options' texts in a reply, less numbers with a unit if others have none."""
    keys = reply.choices.keys
    numbers = [text for text in texts if keys[text[2]][1].isdigit()]
    measures = [text for text in numbers if _UNIT.match(reply.low, text[1])]
    if not measures or len(measures) == len(numbers):
        return texts
    return [text for text in texts if text not in measures]
