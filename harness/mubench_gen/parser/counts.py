"""Counts as answers, where options are numbers: "There are 4 cells", "one nucleus", "a dozen"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mubench_gen.parser.claims import answering_claims
from mubench_gen.parser.cues import cues
from mubench_gen.parser.keys import are_numbers
from mubench_gen.parser.other_uses import is_other_use
from mubench_gen.parser.refusals import refusals
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.target import text_at
from mubench_gen.parser.words import COUNTED, NUMBERS

# What sums up: a number behind it stands against the numbers before.
_TOTAL = re.compile(
    r"\b(?:the (?:total|sum|count|number)(?: (?:number|count)(?: of [^.\n]{1,60}?)?)?"
    r" (?:is|comes to)"
    r"|(?:that|this|which|counting) (?:gives|makes|yields|comes to)"
    r"|plus [^.;\n]{1,40} (?:gives|makes|equals)|count comes to"
    r"|add(?:s|ing)? up to|amounts? to|totall?ing|a total of"
    r"|(?<!in )(?:totals?|sum)(?: is| =|(?: (?:number|count))?:)?"
    r"|, (?:giving|making(?: it)?|resulting in)|(?:in total|altogether),?(?: there are)?"
    r"|(?:so|hence|therefore|thus),? (?:(?:there (?:is|are)|it is|it's|really|actually) ){0,2}"
    r"(?:only|just))"
    r" (?:(?:therefore|thus|hence|exactly|about|a total of|only|just) )?(?=[0-9a-z])"
)
_SUMMED = re.compile(r" (?:in total|in all|altogether|all told)\b")
_BEFORE_SUM = re.compile(r"(?<![\w.])(\w{1,8})(?: \w{2,20}){0,2},?$")  # "5 in total", "5 cells …"
_BACK = 60
_NEAR = 240  # characters behind "one" in which another one may stand
_AND_MORE = re.compile(r"[^.;:\n(]{0,40}?\b(?:and|plus|\+) (?=[0-9tfsnezo])")
_OR = re.compile(r" ?or ?\d")  # "7 or 8 nuclei"
_FOR_EACH = re.compile(
    r"(?: \w{2,20}){0,3} (?:in|of|per|for) (?:each|every)\b|(?: \w{2,20}){0,3} per | more\b"
)
_COUNT = re.compile(rf"(?:\d{{1,4}}|{COUNTED})\b")
_APART = re.compile(  # a count for each side
    r"\b(?:left|upper|first|top) (?:image|panel|half|side|part|one|field)\b.{1,120}"
    r"\b(?:right|lower|second|bottom) (?:image|panel|half|side|part|one|field)\b"
)
_ABOUT = (
    r"(?:(?:exactly|about|some|more than|over|nearly|almost|only|just|around|roughly|approximately"
    r"|at least|a total of) ){0,2}"
)
_COUNTED = re.compile(
    r"\b(?:there (?:is|are|appears? to be|seems? to be)|there're|there's"
    r"|(?:i|we) (?:can )?(?:see|count|identify)|total of|a count of|shows?|contains?"
    r"|(?:image|picture|field|micrograph) has|(?:just|only)(?= a single\b)) "
    rf"{_ABOUT}(?=[0-9a-z])"
)
_OPENING = re.compile(rf"\A[\s\"'(]*{_ABOUT}(?=[a-z0-9 ]+(?:[.,;:)]| - |\s*$))")
# "There are no nuclei", "I don't see any cells here": none of what is counted.
_NO_THINGS = re.compile(
    r"(?:\bthere (?:is|are|were)(?:n't| not) any"
    r"(?= (?:in|at|on|here|that|visible|to be|present)\b|[.,;]|\W*$)"
    r"|(?:do not|don't|can't|cannot|couldn't|could not) (?:see|find|count|detect|spot)"
    r" (?:any|a single one)(?=[.!]?\s*$)"
    r"|(?:\b(?:there (?:is|are|were)(?: no|n't any| not any)|(?:shows?|contains?) no"
    r"|(?:do not|don't|can't|cannot|couldn't|could not)"
    r" (?:see|find|count|identify|detect|spot|make out) any"
    r"|i (?:see|find|count|detect) no)"
    r"|(?:\A|[.!?\n] ?)no) (?:\w+ ){0,2}?(?:nucle(?:i|us)|cells?|mitos[ei]s|mitotic figures?"
    r"|parasites?|bacteria|organelles?|particles?|objects?|vesicles?|granules?|spores?|droplets?"
    r"|eggs?|embryos?|grains?|neurons?|\w+(?:cyte|phil|blast)s?)"
    r"(?=\W*$|[.,;]| (?:is|are|at all|here|in (?:this|the)|within|visible|present|to be seen)\b))"
)
COUNTS = cues(
    "no any just only giving making resulting total totals totaling totalling sum gives makes"
    " yields equals add adds amount amounts comes count number adding altogether all there see"
    " identify show shows contain contains has",
    _TOTAL,
    _SUMMED,
    _COUNTED,
    _NO_THINGS,
)
# "One nucleus is visible", not "one of them", "one can see".
_ONE = re.compile(
    r"(?:one|an? (?:single|sole|solitary))(?=\W*$| [a-z]|[.,;])"
    r"(?! (?:of|or|more|another|can|could|may|might|must|should|would|thing|option|answer|choice"
    r"|way|type|kind|reason|possibility|approach|method|image|panel|field|channel|plane|scale|arrow"
    r"|bar)\b)(?!,? (?:and )?two\b)"
)
_NOT_ALONE = re.compile(r"\b(?:other|another|others|(?:the|a) (?:second|third)|both)\b")
# A number that is no option, but lies within one: "12" in "5 or more".
_VALUES = {"a dozen": 12, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20}
_VALUES |= {"dozens": 24, "hundreds": 200, "none": 0}
_VALUES |= {word: k for k, word in enumerate(NUMBERS) if k != 1}
_VALUE = re.compile(rf"(?:(\d{{1,6}})(?![.,]?\d)|{'|'.join(_VALUES)})(?= [a-z]|[.,;:)]|\W*$)")
_SHARE = re.compile(
    r"(?<![\d.-])(\d{1,3}(?:\.\d+)?)(?:-?ish)? ?(?:%|percent\b)(?! ?(?:sure|certain|confiden))"
)
_ABOVE = ("more than ", "over ", "above ", "exceeding ", ">", "> ")
_LIMIT = 1_000_000
_SHORT = 24  # characters of a range
_RANGES = (  # an option's form, and what to add to its number for the lowest and the highest
    (re.compile(r"(\d+) ?(?:\+|(?:or|and) (?:more|above)|plus)(?: ?%| [a-z]+)?"), 0, _LIMIT),
    (re.compile(r"(?:at least|>=|≥) ?(\d+)(?: ?%| [a-z]+)?"), 0, _LIMIT),
    (re.compile(r"(?:more than|over|above|>) ?(\d+)(?: ?%| [a-z]+)?"), 1, _LIMIT),
    (re.compile(r"(\d+) (?:or|and) (?:fewer|less|below)(?: ?%| [a-z]+)?"), -_LIMIT, 0),
    (re.compile(r"(?:at most|up to|<=|≤) ?(\d+)(?: ?%| [a-z]+)?"), -_LIMIT, 0),
    (re.compile(r"(?:fewer than|less than|under|below|<) ?(\d+)(?: ?%| [a-z]+)?"), -_LIMIT, -1),
)
_BETWEEN = re.compile(r"(\d+) ?(?:-|–|to) ?(\d+)(?: ?%| [a-z]+)?")


def counted(reply: ReplyText) -> Iterator[Verdict]:
    """The reply states one count or a total, and it is an option: "There are 4 cells"."""
    if not are_numbers(reply.choices.options):
        return
    none = None if answering_claims(reply) else _NO_THINGS.search(reply.low)
    zero = reply.choices.texts.get(" 0 ", reply.choices.texts.get(" none "))
    if none and zero is not None and _says_no_more(reply, none):
        yield Verdict.of(zero, *none.span())
        return
    totals = [*_numbers(reply, _TOTAL), *_summed(reply)]
    if totals:
        yield max(totals, key=lambda number: number.start)
        return
    found = [] if _APART.search(reply.low) else reply.kept(_stated)
    if found and len({number.option for number in found}) == 1 and not _adds(reply, found[-1]):
        yield found[-1]


def _says_no_more(reply: ReplyText, said: re.Match[str]) -> bool:
    """Whether the reply does not decline to count."""
    return all(said.start() <= one.start() < said.end() for one in refusals(reply))


def lone_number(reply: ReplyText) -> Iterator[Verdict]:
    """The reply begins with a number within an option's range, or gives a share: "One cell."."""
    if not are_numbers(reply.choices.options):
        return
    share = _share(reply) or _same_range(reply)
    if share is not None:
        yield share
    elif not reply.kept(_stated):
        yield from _opening(reply)


def _same_range(reply: ReplyText) -> Verdict | None:
    """The option that is the range which the whole reply is: ">20" of "more than 20"."""
    said = reply.low.strip(" \n.\"'")
    limits = _limits(said) if len(said) <= _SHORT else None
    if limits is None:
        return None
    same = [k for k, one in enumerate(reply.choices.options) if _limits(one.lower()) == limits]
    start = reply.low.find(said)
    return Verdict.of(same[0], start, start + len(said)) if len(same) == 1 else None


def _share(reply: ReplyText) -> Verdict | None:
    """The range in which all percentages of a reply lie, where options are percentages."""
    if not any("%" in option for option in reply.choices.options):
        return None
    shares = [
        _of_value(reply, float(number[1]) + _is_above(reply, number.start()), *number.span())
        for number in _SHARE.finditer(reply.low)
    ]
    return shares[0] if len({share and share.option for share in shares}) == 1 else None


def _is_above(reply: ReplyText, start: int) -> bool:
    """Whether the number that begins at a place is a bound: "more than 50 %"."""
    return reply.low.endswith(_ABOVE, 0, start)


def _opening(reply: ReplyText) -> Iterator[Verdict]:
    """The reply begins with a number that is no option's text, and names no option: "One cell."."""
    opening = _OPENING.match(reply.low)
    if opening is None or answering_claims(reply) or text_at(reply, opening.end()) is not None:
        return
    number = _number_at(reply, opening.end())
    if number is not None and not _adds(reply, number):
        yield number


def _summed(reply: ReplyText) -> list[Verdict]:
    """The numbers that "in total" stands behind."""
    low = reply.low
    ends = [match.start() for match in _SUMMED.finditer(low)]
    before = [_BEFORE_SUM.search(low, max(0, end - _BACK), end) for end in ends]
    found = [_number_at(reply, match.start(1)) for match in before if match is not None]
    return [number for number in found if number is not None]


def _adds(reply: ReplyText, found: Verdict) -> bool:
    """Whether another count is joined to this one: "2 large and 3 small", "1 in each cell"."""
    if _FOR_EACH.match(reply.low, found.end):
        return True
    joined = _AND_MORE.match(reply.low, found.end)
    return joined is not None and _COUNT.match(reply.low, joined.end()) is not None


def _stated(reply: ReplyText) -> list[Verdict]:
    """The numbers behind "there are" and the like."""
    return _numbers(reply, _COUNTED)


def _numbers(reply: ReplyText, cue: re.Pattern[str]) -> list[Verdict]:
    """The options that are numbers and stand behind a cue."""
    found = [_number_at(reply, match.end()) for match in cue.finditer(reply.low)]
    return [number for number in found if number is not None]


def _number_at(reply: ReplyText, at: int) -> Verdict | None:
    """The option that is the number at a place, or that the number lies within."""
    above = _is_above(reply, at)
    found = None if above else text_at(reply, at)
    if found is not None:
        numeric = found.option is not None and reply.choices.keys[found.option][1].isdigit()
        counts = numeric and not is_other_use(reply, found.start, found.end)
        return None if not counts or _OR.match(reply.low, found.end) else found
    one = _ONE.match(reply.low, at)
    if one and not _NOT_ALONE.search(reply.low, one.end(), one.end() + _NEAR):
        return _of_value(reply, 1, *one.span())
    value = _VALUE.match(reply.low, at)
    if value is None or is_other_use(reply, *value.span()):
        return None
    number = int(value[1]) if value[1] else _VALUES[value[0]]
    return _of_value(reply, number + above, *value.span())


def _of_value(reply: ReplyText, value: float, start: int, end: int) -> Verdict | None:
    """The option that is the number, or the only one whose range holds it."""
    limits = [_limits(option.lower()) for option in reply.choices.options]
    found = [k for k, pair in enumerate(limits) if pair and pair[0] <= value <= pair[1]]
    return Verdict.of(found[0], start, end) if len(found) == 1 else None


@lru_cache(maxsize=4096)
def _limits(option: str) -> tuple[int, int] | None:
    """The lowest and the highest number that an option stands for: "5 or more", "6-10", "1"."""
    words = option.split()
    number = words[0] if words else ""
    if number.isdecimal() and len(words) < 3:
        return int(number), int(number)
    if number in NUMBERS and len(words) < 3:
        return NUMBERS.index(number), NUMBERS.index(number)
    between = _BETWEEN.fullmatch(option)
    if between:
        return int(between[1]), int(between[2])
    for form, lowest, highest in _RANGES:
        found = form.fullmatch(option)
        if found:
            return int(found[1]) + lowest, int(found[1]) + highest
    return None
