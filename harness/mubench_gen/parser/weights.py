"""Options with numbers or marks: `{"A": 0.1, "B": 0.9}`, "70 % B, 20 % A", "[x] B"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from mubench_gen.parser.asides import is_plural
from mubench_gen.parser.cues import cues
from mubench_gen.parser.option_text import any_text_at
from mubench_gen.parser.reply_text import MANY, ReplyText, Verdict
from mubench_gen.parser.target import label_at, skip_fillers, target_at
from mubench_gen.parser.text import any_in, lower
from mubench_gen.parser.tokens import tokenize

_NUMBER = re.compile(
    r"[:=|][ ]{0,2}[\"']?(?:(\d{1,3}(?:\.\d{1,9})?)[ ]?%?(?:/\d{1,3})?|(very |most |highly )?"
    r"(?:(yes|true|correct|likely|high)|no|false|incorrect|unlikely|low))[\"']?"
    r"(?=\s{0,9}(?:[,;}|\n]|$))",
    re.IGNORECASE,
)
# "Likelihood: A high, B low", in groups as those of `_NUMBER`.
_HIGH = re.compile(
    r"(?<=[\w)])()[ ](very |most |highly )?(?:(high|likely)|low|unlikely)(?=[,;.\n]|$)",
    re.IGNORECASE,
)
# "Score A=2, B=9", "P(neutrophil) = 0.9": what tells that the numbers are weights.
_SCORES = ("score", "rating", "confidence", "probabilit", "likelihood", "p(")
WEIGHED_WORDS = cues(
    "*score* *rating* *confidence* *probabilit* likely unlikely *likelihood* p( 0. % (. /10"
)
_DEGREES = (" high", " low", " likely", " unlikely")
_LIKELY = (": likely", ": unlikely", ": very likely", ": very unlikely", ": highly likely")
_SCORE_OF = re.compile(
    r"(?:p|scores?|ratings?|confidence|probabilit\w{1,3}|likelihood)\b[ (:]{0,2}"
)
_ORDER = re.compile(r"(?:\A|\n)(?:[^\n:>]{0,40}:)?[ ]{0,3}([^\n:]{1,400} >{1,3} [^\n]{1,200})")
# "Size: A > B" is no order of likelihood.
_OTHER_ORDER = re.compile(
    r"\n?[^\n:>]{0,40}?\b(?:size|order of|sequence|abundance|frequency|cycle|counts?|number|time)\b"
    r"[^\n:>]{0,40}:"
)
_GREATER = re.compile(r" >{1,3} ")
_AROUND = " .,;*()[]\"'"
_RANKING = re.compile(
    r"\b(?:ranking|ranked)(?! by (?!likel|prob|conf|fit|how))(?: [^:.\n]{0,40})?:[\s*]{0,4}"
    r"(?:1[.)]\s)?"
)
ORDERS = cues("> ranking ranked", _RANKING)
_NAME_ROOM = 128
# A record of an option and its weight.
_RECORD = re.compile(
    r"([\"'])([^\"'\n{}]{1,120})\1\s{0,9},[^{}]{0,120}?[\"'](?:p|prob\w{0,9}|score|confidence"
    r"|likelihood|weight|certainty)[\"']\s{0,4}:\s{0,4}[\"']?(\d{1,3}(?:\.\d{1,9})?)"
    r"(?=[^{}]{0,120}\})",
    re.IGNORECASE,
)
_RANK = re.compile(
    r"[\"']rank[\"']\s{0,4}:\s{0,4}(\d{1,2})[^{}]{0,80}?:\s{0,4}([\"'])([^\"'\n{}]{1,120})\2",
    re.IGNORECASE,
)
_SHORT = 600  # characters; a longer reply is not searched for texts before percentages
_PERCENT = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{1,3})?)[ ]?%|\(((?:0|1)?\.\d{1,4})\)")
_FRACTION = re.compile(r"(?<![\d.,])(?:(0?\.\d{1,4})|(\d{1,3})/100?)(?![\d/])")
_OF = re.compile(
    r"[ ,]{0,2}(?:(?:sure|confident|certain|confidence|likely|likelihood|chance|probability|for"
    r"|that|it is|it's|it|is|of|on|in|to|be|option)\b[ ]?){0,6}[:=(-]?[ ]?"
)
_LABEL_BEFORE = re.compile(
    r"(?<![\w&/])([A-Za-z0-9]{1,3})[)\]\"']?[ ]{0,2}[:=(-]?[ ]{0,2}(?:is |at |with )?$"
)
_BOX = re.compile(r"(?:[\[(][xX✓✔✗☑✅][\])]|☑|☒|🗹|✅|✔|✓|●|◉)[ ]{0,3}(?=[^\s\])])")
_LABEL_ROOM = 12  # the longest match
CHECKED_SIGNS = cues("x] x)")
_CHECKED = ("x]", "x)", "✗]", "✗)", *"☑☒🗹✅✔✓●◉")  # one is in every match
# "A ❌ B ✅": each mark stands behind its label.
_MARKS_FOLLOW = re.compile(
    r"\s*[(\[]?[A-Za-z0-9]{1,2}[)\].:]?\s?(?:❌|✗|✘|✅|✔|✓|\[[ xX]\])(?=[\s,;|])"
)
_MARKED_BEHIND = re.compile(r"(?<!\w)([A-Za-z0-9]{1,2})[)\].:]?\s?(?:✅|✓|✔|\[[xX]\])")
_MARK = re.compile(r"[ ]?[:-]?[ ]?(?:✅|✓|✔|\[[xX]\])")
_CROSSED = re.compile(r"[ ]?[:-]?[ ]?(?:❌|✗|✘|✅|✓|✔|\[[ xX]\])")
_EMPTY = re.compile(r"\[ {0,2}\]|\( \)|☐|□|○|◯|❌|✗|✘|⬜")


class _Weights:
    """The numbers that a reply gives to options, and where."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[float, int, int]] = {}

    def add(self, option: int | None, number: str, start: int, end: int) -> None:
        if option is not None and option >= 0:
            self.found[option] = (float(number), start, end)

    def best(self) -> Iterator[Verdict]:
        """The option of the highest number if two or more have one; equal ones are ambiguous."""
        if len(self.found) < 2:
            return
        most = max(weight for weight, _, _ in self.found.values())
        first = [(option, *place) for option, (w, *place) in self.found.items() if w == most]
        option, start, end = first[0]
        if len(first) == 1:
            yield Verdict.of(option, start, end)
        else:
            yield Verdict("ambiguous", None, start, end)


def weighed(reply: ReplyText) -> Iterator[Verdict]:
    """Each option with a number: `{"A": 0.02, "B": 0.91}`, "A: 10%, B: 90%", "70 % B, 20 % A"."""
    low = reply.low
    if (
        "{" in reply.marked
        or low.count(": 0.") > 1
        or (any_in(_LIKELY, low) and low.count("likely") > 1)  # "A: unlikely, B: likely"
        or any_in(_SCORES, low)
    ):
        yield from reply.kept(_values).best()
    if max(map(low.count, ("%", "(0.", "(."))) > 1 and not any(
        "%" in option for option in reply.choices.options
    ):
        yield from _percentages(reply, _PERCENT).best()
    elif len(low) < _SHORT and low.count("0.") + low.count("/10") > 1:
        yield from _percentages(reply, _FRACTION).best()


def ordered(reply: ReplyText) -> Iterator[Verdict]:
    """ "A > C > B", "Ranking: 1. PAS 2. H&E": options in order, of which the first counts."""
    if " > " in reply.marked or " >> " in reply.marked:
        yield from _by_signs(reply)
    if "rank" in reply.low:
        yield from _behind_ranking(reply)


def _by_signs(reply: ReplyText) -> Iterator[Verdict]:
    """ "A > C > B"."""
    for line in islice(_ORDER.finditer(reply.marked), MANY):
        named = [_named(reply, part.strip(_AROUND)) for part in _GREATER.split(line[1])]
        option = named[0]
        if option is None or None in named or len(set(named)) < 2:
            continue
        if _OTHER_ORDER.match(reply.low, line.start()):
            continue
        if not reply.choices.keys[option].strip().isdigit():  # "5 > 3" compares
            yield Verdict.of(option, *line.span(1))


def _behind_ranking(reply: ReplyText) -> Iterator[Verdict]:
    """ "Ranking: 1. PAS 2. H&E"."""
    for cue in islice(_RANKING.finditer(reply.low), MANY):
        first = skip_fillers(reply, cue.end())
        label = reply.choices.labels.token.match(reply.text, first)
        option = reply.choices.labels.index_of.get(label[0].lower()) if label else None
        found = any_text_at(reply, first)
        if label is not None and option is not None:
            yield Verdict.of(option, *label.span())
        elif found is not None:
            yield found


def _values(reply: ReplyText) -> _Weights:
    """The numbers and verdicts behind options' names: "A: 0.1", "nucleus": "no"."""
    weights = _Weights()
    numbers = list(islice(_NUMBER.finditer(reply.marked), MANY))
    if any_in(_SCORES, reply.low) and any_in(_DEGREES, reply.low):
        numbers += islice(_HIGH.finditer(reply.marked), MANY)
    for number in numbers if len(numbers) > 1 else ():
        start = _name_start(reply.marked, number.start())
        option = _named(reply, reply.marked[start : number.start()])
        if not _is_share(reply, option, number.start()):
            weights.add(option, number[1] or _verdict(number), start, number.start())
    return weights


def _is_share(reply: ReplyText, option: int | None, end: int) -> bool:
    """Whether the number says how many there are of a kind: "Neutrophils: 60 %"."""
    name_end = len(reply.low[:end].rstrip(" :=(-\"'.0123456789"))
    return option is not None and option >= 0 and is_plural(reply, name_end, option)


def _verdict(said: re.Match[str]) -> str:
    """What a word weighs: "very likely" 2, "yes" 1, "no" 0."""
    return str(bool(said[3]) + bool(said[3] and said[2]))


def ranked(reply: ReplyText) -> Iterator[Verdict]:
    """The reply is JSON that weighs options: `[{"option": "A", "p": 0.1}, …]`, `{"A": "no", …}`."""
    written = reply.marked.strip(" \t\r\n`")
    if not written.endswith(("}", "]")):
        return
    if reply.marked.count("{") < 2:
        if written.startswith("{") and "answer" not in reply.low:
            yield from reply.kept(_values).best()
        return
    weights = _Weights()
    for record in islice(_RANK.finditer(reply.marked), MANY):
        weights.add(_named(reply, record[3]), str(1000 - int(record[1])), *record.span(3))
    for record in islice(_RECORD.finditer(reply.marked), MANY):
        weights.add(_named(reply, record[2]), record[3], *record.span(2))
    yield from weights.best()


def _name_start(text: str, colon: int) -> int:
    """Where the name before a colon begins: behind the brace, comma, colon or line before it."""
    left = max(0, colon - _NAME_ROOM)
    start = max(left, *(text.rfind(sign, left, colon) + 1 for sign in "{,;:|\n"))
    while start < colon and text[start] in " \"'":
        start += 1
    return start


def _named(reply: ReplyText, name: str) -> int | None:
    low = lower(name.rstrip(" \"')"))
    score = _SCORE_OF.match(low)
    low = low[score.end() :] if score else low
    option = reply.choices.labels.index_of.get(low)
    if option is None and reply.choices.may_start(low, 0):
        return reply.choices.read(tokenize(low))
    return option


def _percentages(reply: ReplyText, form: re.Pattern[str]) -> _Weights:
    """By what stands before each number, or else by what stands behind it."""
    numbers = list(islice(form.finditer(reply.low), MANY))
    before, behind = _Weights(), _Weights()
    end = 0
    for number in numbers:
        if reply.low.startswith((" of ", "of "), number.end()):
            continue  # a share of something
        share = number[1] or number[2]
        named = _before(reply, end, number.start())
        if not _is_share(reply, named, number.start()):
            before.add(named, share, *number.span())
        of = _OF.match(reply.low, number.end())
        found = target_at(reply, of.end() if of else number.end())
        if found is not None and found.status == "answered":
            behind.add(found.option, share, found.start, found.end)
        end = number.end()
    return before if len(before.found) >= len(behind.found) else behind


def _before(reply: ReplyText, left: int, end: int) -> int | None:
    left = max(left, end - reply.choices.room)
    label = _LABEL_BEFORE.search(reply.text, max(left, end - _LABEL_ROOM), end)
    if label is not None and label[1] in reply.choices.labels.labels:
        return reply.choices.labels.index_of.get(label[1].lower())
    if len(reply.low) > _SHORT:
        return None
    named = [option for start, stop, option in reply.mentions if left <= start and stop <= end]
    return named[-1] if named else None


def checked(reply: ReplyText) -> Iterator[Verdict]:
    """The one box that is checked: "[ ] A\n[x] B", "☐ A ☑ B", "✅ B"."""
    text = reply.text
    if not any_in(_CHECKED, reply.low):
        return
    found = {}
    behind = _MARKS_FOLLOW.match(text) or any(
        _CROSSED.match(text, end) for start, end, _ in reply.mentions[:1] if start < 4
    )
    for verdict in _marked_behind(reply) if behind else _boxed(reply):
        found[verdict.option] = verdict
    if len(found) == 1 and (_EMPTY.search(text) or len(text) < reply.choices.room):
        yield from found.values()
    elif len(found) > 1:
        verdict = next(iter(found.values()))
        yield Verdict("ambiguous", None, verdict.start, verdict.end)


def _boxed(reply: ReplyText) -> Iterator[Verdict]:
    """The options that a mark stands before."""
    for box in islice(_BOX.finditer(reply.text), MANY):
        at = skip_fillers(reply, box.end())
        verdict = label_at(reply, at) or target_at(reply, at)
        if verdict is not None and verdict.status == "answered":
            yield verdict


def _marked_behind(reply: ReplyText) -> Iterator[Verdict]:
    """The labels and texts that a mark stands behind."""
    for start, end, named in reply.mentions[:MANY]:
        if named >= 0 and _MARK.match(reply.text, end):
            yield Verdict.of(named, start, end)
    for mark in islice(_MARKED_BEHIND.finditer(reply.text), MANY):
        option = reply.choices.labels.index_of.get(mark[1].lower())
        if option is not None:
            yield Verdict.of(option, *mark.span(1))
