"""Options named by position: "the second option", "the latter", "option 2" beside letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice

from mubench_gen.parser.claims import by_sentence, claims
from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import MANY, Claim, ReplyText, Verdict
from mubench_gen.parser.stances import stance
from mubench_gen.parser.text import any_in
from mubench_gen.parser.words import NUMBERS

_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth")
_NUMBERS = NUMBERS[1:7]
_PLACE = rf"({'|'.join(_WORDS)}|last|([1-9])(?:st|nd|rd|th))"
_NOUN = "(?:description|alternative|candidate|possibility)"
_ORDINAL = re.compile(
    rf"(?<!my )(?<!as is the )\b(?:{_PLACE} (?:option|choice|answer|statement)"
    rf"|(?:option|choice|statement) (?:number |no\. ?)?([1-9][0-9]?|{'|'.join(_NUMBERS)}))"
    r"(?!\w|\.\d)"
)
# "I'd go with the last one.": behind words that choose.
_CHOSEN = re.compile(
    r"\b(?:go(?:ing)? with|choose|pick|select|opt for|would be|answer is|say|it'?s|it is"
    r"|leaves(?: only| us| me)?(?: with)?|matches|fits|corresponds to|agrees with|describes)"
    rf" (?:the {_PLACE}(?: (?:one|{_NOUN}))?|(?:number|no\.) ([1-9][0-9]?))"
    r"(?=(?: best)?[\s.!]*(?:\n|$|because|since|as ))"
)
# "The first one fits best.", and the whole reply "The third one."
_ONE = re.compile(
    rf"\b(?:(?<=only )the|the(?= \w+ (?:one|{_NOUN})\b)) {_PLACE}()(?: (?:one|{_NOUN}))?"
    r"(?= (?:(?:fits|matches)(?! (?:poorly|badly|less|worse))|remains|makes sense"
    r"|is (?:the )?(?:best|correct|right|most likely|left))"
    r"(?![^.\n]{0,24}\b(?:so|as) (?:does|is|do|are)\b)|\W*$)"
)
# "The only true statement is the second one", "this matches the third item of my list".
_CLOSES = re.compile(
    r"\b(?:(?:option|choice|answer|statement|candidate|description|claim|item|sentence|fit|match)"
    r"(?: (?:that|which) [^.;,:\n]{1,40})? (?:is|remains)"
    r"|matches|fits|describes|leads to|points to)"
    rf" the {_PLACE}()(?: one| (?:description|candidate|explanation)"
    r"| (?:item|entry|line|point) (?:in|of|on) (?:my|the|your|this|that) list)?(?=[\s.!]*$|[,;] )"
)
ORDINALS = re.compile(rf"\b(?:{'|'.join(_WORDS)}|last)\b")
_ONE_CUES = ("only the ", " fits", " matches", " is ", " remains")
_SOLE = 40  # characters of such a reply
# "A or B? The nuclei are far apart, so the latter.", "I'd say the earlier of the two.":
# behind words that conclude, at a clause's end.
_OF_TWO = re.compile(
    r"(?:\b(?:so|hence|thus|therefore|is|it's|be|say|choose|pick|favou?rs?|for|of|to|towards?|with"
    r"|suggests?|indicates?|likely|probably|but|and|overall|that|think|believe|as|have|has|take"
    r"|prefer|on|upon)|[,:;>.?!-])"
    r" the (?:(former|latter|(?:first|second)(?= of (?:these|those|them|the two)\b))"
    r"(?: one)?(?: of (?:these|those|them|the two)(?: two)?)?"
    r"|(earlier|later)(?: one)? of (?:the|these|those) two)"
    r"(?=[\s)\"']*(?:$|[.,;:!(\n-]|because|since|as\b|fits"
    r"|(?:is|seems) (?:the |much |far |by far )?(?:more |most |much |far )?(?:likel|plausibl"
    r"|probabl|consistent|correct|right|best|better|answer|case|it\b|what|shown)))"
)
_TWO_CUES = (  # one is in every match
    "the former", "the latter", "the earlier", "the later", "first of th", "second of th",
)  # fmt: skip
_SECOND = ("latter", "later", "second")
_EACH = ("of ", "for ")
LATTERS = cues("former* latter* earlier later these those them two", _OF_TWO)
PLACES = cues(
    "first* second* third* fourth* fifth* sixth* last* st nd rd th number no option choice"
    " statement",
    _ORDINAL,
    _CHOSEN,
)
_CUES = (
    "option", "choice", "statement", "answer", "number", " no. ", "the last", "go with",
    "going with", "choose the ", "pick the ", "select the ", "leaves ", "fits the ",
    "matches the ", "description", "alternative", "candidate", "possibility",
)  # fmt: skip


def ordinal(reply: ReplyText) -> Iterator[Verdict]:
    """One option is named by its position, and no other."""
    low = reply.low
    sole = len(low) < _SOLE
    one = _ONE.finditer(low) if sole or any_in(_ONE_CUES, low) else ()
    ones = [match for match in one if sole or low.startswith(" ", match.end())]
    if not ones and not any_in(_CUES, low):
        return
    found: dict[int, Verdict] = {}
    for match in chain(
        islice(_ORDINAL.finditer(low), MANY), islice(_CHOSEN.finditer(low), MANY), ones
    ):
        option = _place(match, len(reply.choices.options))
        if option is not None and stance(reply, *match.span()) == "asserted":
            found.setdefault(option, Verdict.of(option, *match.span()))
    if len(found) == 1:
        yield from found.values()


def closing_place(sentence: ReplyText) -> Verdict | None:
    """The option whose place a closing sentence tells: "The only true statement is the second"."""
    match = _CLOSES.search(sentence.low)
    option = _place(match, len(sentence.choices.options)) if match else None
    if match is None or option is None or stance(sentence, *match.span(1)) != "asserted":
        return None
    return Verdict.of(option, *match.span(1))


def _place(match: re.Match[str], options: int) -> int | None:
    word, digit, number = match.groups()
    if word == "last":
        return options - 1
    if number in _NUMBERS:
        place = _NUMBERS.index(number)
    else:
        place = int(digit or number) - 1 if digit or number else _WORDS.index(word)
    return place if place < options else None


def former_or_latter(reply: ReplyText) -> Iterator[Verdict]:
    """The one of two options of the same or the last sentence that "the latter" speaks of."""
    if not any_in(_TWO_CUES, reply.low):
        return
    found = list(_OF_TWO.finditer(reply.low))[-MANY:]
    each = [match for match in found if match[0].startswith(_EACH)]
    if len({match[1] for match in each}) > 1:  # "for the former: …; for the latter: …"
        found = [match for match in found if match not in each]
    for match in reversed(found):
        named = [claim for claim in reply.kept(claims) if claim.end <= match.start()]
        two = _last_two(reply, named)
        # What is said of the two before ("A vs. B: the latter") says nothing of the choice.
        floor = named[-1].end if named else 0
        start, end = match.span(match.lastindex or 0)
        # The earlier stage is the one before only where the options have the same order.
        if match[2] and two != sorted(two):
            continue
        if two and stance(reply, start - 4, match.end(), floor) == "asserted":
            yield Verdict.of(two[reply.low[start:end] in _SECOND], start - 4, end)
            return


def _last_two(reply: ReplyText, named: list[Claim]) -> list[int]:
    """The two options that the last sentence with any of these claims names, in order."""
    for group in reversed(by_sentence(reply, named)):
        options = list(dict.fromkeys(claim.option for claim in group))
        if len(options) > 1:
            return options if len(options) == 2 else []
    return [0, 1] if len(reply.choices.options) == 2 else []
