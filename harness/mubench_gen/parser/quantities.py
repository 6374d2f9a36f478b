"""Numbers as answers: results of calculations, and counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.cues import cues
from mubench_gen.parser.other_uses import is_other_use
from mubench_gen.parser.refusals import refusals
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.target import skip_fillers, text_at
from mubench_gen.parser.words import NUMBERS

_LAST = re.compile(r"[\s.!]*(?:\w{1,12}[\s.!]*)?$")  # a unit may follow
# What sums up: a number behind it stands against the numbers before.
_TOTAL = re.compile(
    r"\b(?:the (?:total|sum)(?: (?:number|count)(?: of [^.\n]{1,60}?)?)? (?:is|comes to)"
    r"|(?:that|this|which|counting) (?:gives|makes|yields|comes to)"
    r"|plus [^.;\n]{1,40} (?:gives|makes|equals)|count comes to"
    r"|add(?:s|ing)? up to|amounts? to|(?<!in )\btotal(?:s| is| =|:)?|totall?ing|a total of"
    r"|, (?:giving|making(?: it)?|resulting in)|(?:in total|altogether),?(?: there are)?)"
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
# "There are no nuclei", "I don't see any cells here": none of what is counted.
_NO_THINGS = re.compile(
    r"(?:\b(?:there (?:is|are|were)(?: no|n't any| not any)|(?:shows?|contains?) no|(?:do not|don't"
    r"|can't|cannot|couldn't|could not) (?:see|find|count|identify|detect|spot|make out) any)"
    r"|(?:\A|[.!?\n] ?)no) (?:\w+ ){0,2}?(?:nucle(?:i|us)|cells?|mitos[ei]s|mitotic figures?"
    r"|parasites?|bacteria|organelles?|particles?|objects?|vesicles?|granules?|spores?|droplets?"
    r"|eggs?|embryos?|grains?|neurons?|\w+(?:cyte|phil|blast)s?)"
    r"(?=\W*$|[.,;]| (?:is|are|at all|here|in (?:this|the)|within|visible|present|to be seen)\b)"
)
# "There is just one cell": "one" is a pronoun elsewhere.
_JUST_ONE = re.compile(
    r"\b(?:there (?:is|seems? to be|appears? to be)|i (?:can )?(?:see|count|identify)|shows?"
    r"|contains?) (?:(?:just |only |exactly )?a single|(?:just |only |exactly )one)\b(?! of\b)"
    r"|\b(?:just|only) (?:a single|one)\b(?! of\b)"
)
COUNTS = cues(
    "no any just only giving making resulting total totals totaling totalling sum gives makes"
    " yields equals add adds amount amounts comes adding altogether all there see count identify"
    " show shows contain contains has",
    _TOTAL,
    _SUMMED,
    _COUNTED,
    _NO_THINGS,
    _JUST_ONE,
)
EQUALS = cues("=")


def result(reply: ReplyText) -> Iterator[Verdict]:
    """A calculation that ends in an option's text: "3 * 5 = 15"."""
    equals = reply.low.rfind("=", max(0, len(reply.low) - 80))
    found = text_at(reply, skip_fillers(reply, equals + 1)) if equals >= 0 else None
    if found is not None and _LAST.match(reply.low, found.end):
        yield found


def counted(reply: ReplyText) -> Iterator[Verdict]:
    """The reply states one count or a total, and it is an option: "There are 4 cells"."""
    if not _are_numbers(reply.choices.options):
        return
    for said, key in ((_NO_THINGS, " 0 "), (_JUST_ONE, " 1 ")):
        few = None if reply.mentions else said.search(reply.low)
        if few and key in reply.choices.texts and _says_no_more(reply, few):
            yield Verdict.of(reply.choices.texts[key], *few.span())
            return
    totals = [*_numbers(reply, _TOTAL), *_summed(reply)]
    if totals:
        yield max(totals, key=lambda number: number.start)
        return
    found = [] if _APART.search(reply.low) else _numbers(reply, _COUNTED)
    if found and len({number.option for number in found}) == 1 and not _adds(reply, found[-1]):
        yield found[-1]


def _are_numbers(options: tuple[str, ...]) -> bool:
    """Whether one may begin with a number, told before they are prepared."""
    firsts = (option.lstrip(" (") for option in options)
    return any(one[:1].isdigit() or one.lower().startswith(NUMBERS) for one in firsts)


def _says_no_more(reply: ReplyText, said: re.Match[str]) -> bool:
    """Whether the reply does not decline to count."""
    return all(said.start() <= one.start() < said.end() for one in refusals(reply))


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
    if found.option is None or not reply.choices.keys[found.option][1].isdigit():
        return False
    return not is_other_use(reply, found.start, found.end)
