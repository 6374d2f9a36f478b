"""Words and numbers of an option that say something else: "Step 2", "90 % sure", "as noted above".

Options that are numbers or places are written like words that any reply may hold.
"""

from __future__ import annotations

import re

from mubench_gen.parser.reply_text import ReplyText

_SURE = re.compile(r" ?%? ?(?:sure|certain|confiden(?:t|ce))\b")
_OPERATOR_BEHIND = re.compile(r" ?[+*×÷] ?[\d(x]| [-/] [\d(]|\^")
_OPERATOR_BEFORE = re.compile(r"[\d)] ?[+*×÷] ?$|[\d)] [-/] $")
_NUMBERED = re.compile(
    r"\b(?:fig(?:ure|s|ures)?\.?|steps?|tables?|pages?|chapter|version|ref(?:erence)?\.?|equation"
    r"|protocol|task|question|ph|chromosome|passage|exon|lane|factor of|scale of"
    r"|(?:magnification|aperture|thickness)(?: of| is|:)?"
    r"|(?:embryo|image|sample|slide|patient|case|specimen|plate|well|mouse|animal|replicate|batch"
    r"|passage) (?:no\.?|number|nr\.?)"
    r"|bars?(?: (?:is|of|shows|measures|represents|indicates|corresponds to)|:)?) $"
)
# "The bar reads 10 µm; the cell is twice as long": the measure of something else.
_OF_BAR = re.compile(
    r"\b(?:scale|bars?|ruler|grid|squares?) (?:reads?|says|shows|is|of|measures|represents|equals"
    r"|stands for) (?:about )?$"
)
_TIMES = re.compile(
    r"\b(?:half|twice|double|triple|third|quarter|fifth|tenth|times)\b[^.;\n]{0,24}"
    r"\b(?:as (?:long|wide|large|big|thick|tall|broad)|(?:the|that|this|its) (?:bar|length|size"
    r"|width|scale|square)|longer|shorter|wider|larger|smaller|bigger|thicker|it|that)\b"
)
# "a 16-bit camera", "4 frames per second", "2 days after fertilization"
_MEASURES = re.compile(
    r"[ -]?d\b|x (?:objective|magnification|zoom|lens)|[^.;,\n]{0,24} (?:normally|on average)\b"
    r"|-(?:bit|channel|colou?r|dimensional|fold|well|(?:second|minute|hour|day|week|month|year)s?)\b"
    r"| (?:frames|\w+s) per \w| (?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)"
    r" (?:after|post|later|old|before|earlier|of age|of incubation)\b"
)
# "cultured for 8 hours", unless a length of time is all that the reply says
_LASTS = re.compile(r" (?:seconds?|minutes?|hours?|hrs?|days?|weeks?|months?|years?)\b")
_FEW_WORDS = 3
# "at 2 time points", "in 3 channels": how it was imaged
_SERIES_BEFORE = re.compile(r"\b(?:at|in|with|from|by|under|using|across|over|has|have) $")
_VERSION = re.compile(r"[a-z][A-Z]\w* $")  # "CellProfiler 4"
_SERIES = re.compile(
    r" (?:\w+ )?(?:time ?points?|channels|magnifications|angles|exposures|replicates|wavelengths"
    r"|conditions|resolutions|colou?rs|stains|dyes|fluorophores|lasers|cameras|lenses)\b"
)
_TO = re.compile(r" ?(?:-{1,2}|to) ?\d")
_FROM = re.compile(r"\d(?: ?(?:[µn]m|um|mm|%|x))? ?(?:-{1,2}|to) ?$")
# ">95 % is well, <50 % poorly differentiated" says what the words mean.
_THRESHOLD = re.compile(r"[<>≤≥] ?\d{1,3} ?%(?: is| are| =|:)? $")
# What stands before and behind a word of place or degree that tells none.
_SAID = (
    r"\b(?:noted|mentioned|described|stated|said|discussed|explained|outlined|listed|given|as|see"
    r"|the)"
)
_AROUND = {
    "right": (r"\b(?:all|that's|you're|you are) $", r" (?:answer|option|choice|away|now)\b"),
    "high": (None, r"[ -](?:magnification|power|resolution|quality)\b"),
    "low": (None, r"[ -](?:magnification|power|resolution|quality)\b"),
    "good": (None, r" (?:question|point|idea|luck|news|morning|afternoon|day)\b"),
    "above": (rf"{_SAID} $", r" all\b"),
    "before": (None, r" (?:i|we|you|answering|choosing|deciding|going|anything)\b"),
    "after": (None, r" (?:all|careful|clos(?:e|er)|looking|weighing|considering|some thought)\b"),
    "below": (rf"{_SAID} $", None),
    "left": (
        r"\b(?:space|room|nothing|little|much) (?:is |was )?$",
        r" (?:over|out|behind|aside)\b",
    ),
}
_OTHERWISE = {
    word: tuple(None if one is None else re.compile(one) for one in both)
    for word, both in _AROUND.items()
}
# "a 5 µm bar": a measure, where other numbers are counts.
_UNIT = re.compile(
    r"[ -]?(?:[µnmc]m²?|[km]v|kev|ms|ml|mg|min|h|px|°c?|x|×|-?fold|hours?|days?|minutes?|seconds?"
    r"|pixels?|microns?|micromet(?:er|re)s?)(?![^\W_])"
)
_LENGTH = re.compile(r"[ -]?(?:[µnmc]m|x|×|microns?|micromet(?:er|re)s?)(?![^\W_])")
_ROOM = 32
_DIGITS = 3


def is_other_use(reply: ReplyText, start: int, end: int) -> bool:
    """Whether the mention of an option's text stands for something else."""
    low = reply.low
    said = low[start:end]
    if said[:1].isdigit() and is_range(low, start, end):
        return True
    if not said[-1:].isdigit():
        if said in _OTHERWISE:
            return _is_said_otherwise(low, start, end)
        if "%" in low and _THRESHOLD.search(low, max(0, start - _ROOM), start):
            return low.count("%") > 1
        if said[:1].isdigit() and is_of_scale(low, start):
            return True
        return said[-1:] in ("%", "t") and _SURE.match(low, end) is not None
    return bool(
        _SURE.match(low, end)
        or _marks_item(low, start, end)
        or (_LASTS.match(low, end) and low.count(" ") > _FEW_WORDS)
        or _OPERATOR_BEHIND.match(low, end)
        or _MEASURES.match(low, end)
        or _OPERATOR_BEFORE.search(low, max(0, start - 4), start)
        or _NUMBERED.search(low, max(0, start - _ROOM), start)
        or _VERSION.search(reply.text, max(0, start - _ROOM), start)
        or (_SERIES.match(low, end) and _SERIES_BEFORE.search(low, max(0, start - _ROOM), start))
    )


def is_of_scale(low: str, start: int) -> bool:
    """Whether the size at a place is that of a scale, by which something else is measured."""
    return bool(_OF_BAR.search(low, max(0, start - _ROOM), start) and _TIMES.search(low))


def is_range(low: str, start: int, end: int) -> bool:
    """Whether the number is one end of a range: "50-100 µm", "2 to 3 cells"."""
    if _TO.match(low, end):
        return True
    return _FROM.search(low, max(0, start - _ROOM), start) is not None


def _marks_item(low: str, start: int, end: int) -> bool:
    """Whether the number marks an item of a list that has another one: "1. Look\\n2. Count"."""
    mark = low[end : end + 1]
    if mark not in (".", ")") or low[:start].rstrip(" *#-")[-1:] not in ("", "\n"):
        return False
    if not low[start:end].isdecimal() or end - start > _DIGITS:
        return False
    number = int(low[start:end])
    lines = f"\n{low}"
    return f"\n{number + 1}{mark} " in lines or f"\n{number - 1}{mark} " in lines


def _is_said_otherwise(low: str, start: int, end: int) -> bool:
    before, behind = _OTHERWISE[low[start:end]]
    return bool(
        (before and before.search(low, max(0, start - _ROOM), start))
        or (behind and behind.match(low, end))
    )


def unmeasured(reply: ReplyText, texts: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The options' texts in a reply, less numbers with a unit that the options do without.

    Where no number stands without one, lengths and magnifications are left out, unless they are
    all that the reply says: "Length: 10 µm".
    """
    keys = reply.choices.keys
    numbers = [text for text in texts if keys[text[2]][1].isdigit()]
    measures = [text for text in numbers if _UNIT.match(reply.low, text[1])]
    if measures and len(measures) == len(numbers):
        if reply.low.count(" ") <= _FEW_WORDS:
            return texts
        measures = [text for text in measures if _LENGTH.match(reply.low, text[1])]
    if not measures:
        return texts
    return [text for text in texts if text not in measures]
