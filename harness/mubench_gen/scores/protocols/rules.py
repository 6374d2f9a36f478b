"""How a protocol reads replies: each rule of `definition.py` as a function.

A rule sees the options as they were shown. One that looks at the gold answer, as the official
scorer of μ-Bench does, says only whether the reply is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from mubench_gen.parser.label_styles import make_labels
from mubench_gen.scores.protocols import definition as rules
from mubench_gen.storage.records import Record


class RuleReading(NamedTuple):
    """What a rule reads: the option's place (None: no answer), if it is right, and by what."""

    choice: int | None
    right: bool
    how: str = ""


class ShownQuestion(NamedTuple):
    """A question as it was shown."""

    options: Sequence[str]
    labels: Sequence[str]
    gold: int


def read(parser: Any, record: Record) -> RuleReading:
    """The reading of a record by the parser of a protocol.

    Where options were scored there is no reply: each rule takes the first of the highest.
    """
    gold = record["gold"]
    if isinstance(parser, rules.Ours):
        return RuleReading(record["choice"], bool(record["correct"]), record["rule"] or "")
    if record["reply"] is None:
        scores = record["scores"]
        index = scores.index(max(scores))
        return RuleReading(index, index == gold, "scores")
    shown = ShownQuestion(record["options"], record["labels"], gold)
    return read_reply(parser, record["reply"], shown)


def read_reply(parser: Any, reply: str, shown: ShownQuestion) -> RuleReading:
    """The reading of a reply by any rule but ours."""
    return _RULES[type(parser)](parser, reply, shown)


def letters(n: int) -> tuple[str, ...]:
    """The first n letters: A, B, …"""
    return make_labels("A", n)


def lettered(options: Sequence[str]) -> list[str]:
    """The options as the official prompt of μ-Bench shows them: "A) eosinophil"."""
    marks = letters(len(options))
    return [f"{mark}) {text}" for mark, text in zip(marks, options, strict=True)]


def hit_of(reply: str, options: Sequence[str], gold: int) -> str:
    """The half of the official rule that calls the reply right; empty if neither does."""
    if not 0 <= gold < len(options):
        raise ValueError(f"gold {gold} is not an index into {len(options)} options")
    if lettered(options)[gold] in reply:
        return "lettered"
    return "first" if reply[:1] == letters(len(options))[gold] else ""


def _letter_or_option(rule: rules.LetterOrOption, reply: str, shown: ShownQuestion) -> RuleReading:
    hit = hit_of(reply.strip() if rule.strip else reply, shown.options, shown.gold)
    return RuleReading(shown.gold if hit else None, bool(hit), hit)


def _phrase(rule: rules.Phrase, reply: str, shown: ShownQuestion) -> RuleReading:
    places = _compiled(rule.pattern).finditer(reply)
    found = next(places, None)
    if rule.take == "last":
        found = ([found, *places])[-1]
    named = None if found is None else found[1]
    return _named(_names(rule.group, shown), named, shown, "phrase")


def _names(group: str, shown: ShownQuestion) -> Sequence[str]:
    n = len(shown.options)
    known = {"letter": letters(n), "number": make_labels("1", n), "option": shown.options}
    return known.get(group, shown.labels)


def _answer_line(rule: rules.AnswerLine, reply: str, shown: ShownQuestion) -> RuleReading:
    names = letters(len(shown.options))
    for marker in reversed(list(_marker(rule.marker).finditer(reply))):
        said = _labels_behind(reply, marker.end(), names)
        if said:
            return _named(names, said, shown, "line")
    if rule.otherwise == "none":
        return RuleReading(None, False)
    last = next((letter for letter in reversed(reply) if letter.isupper()), None)
    return _named(names, last, shown, "last capital")


_WORD = re.compile(r"[A-Za-z\d]+")
_IN_BRACKETS = re.compile(r"[(\[（【]\s*(\w(?:\s*[,，]\s*\w)*)\s*[)\]）】]", re.ASCII)
_BARE = re.compile(r"[A-Za-z\d][A-Za-z\d ,]*")


def _labels_behind(reply: str, start: int, names: Sequence[str]) -> str:
    """The letters that the text behind a marker begins with, as far as they are labels."""
    for pattern in (_IN_BRACKETS, _BARE):
        found = pattern.match(reply, start)
        if found is None:
            continue
        said, end = found[found.lastindex or 0], 0
        for word in _WORD.finditer(said):
            if word[0] not in names and not set(word[0]) <= set(names):
                break
            end = word.end()
        if end:
            return said[:end]
    return ""


def _first_letter(rule: rules.FirstLetter, reply: str, shown: ShownQuestion) -> RuleReading:
    begun = (reply.strip() if rule.strip else reply)[:1]
    return _named(letters(len(shown.options)), begun, shown, "first")


def _exact(rule: rules.Exact, reply: str, shown: ShownQuestion) -> RuleReading:
    said = reply.strip()
    for of in rule.of:
        names = shown.labels if of == "label" else shown.options
        if rule.ignore_case:
            names, said = [name.casefold() for name in names], said.casefold()
        if said in names:
            return _named(names, said, shown, of)
    return RuleReading(None, False)


def _one_letter_or_text(
    rule: rules.OneLetterOrText, reply: str, shown: ShownQuestion
) -> RuleReading:
    if any(refusal in reply for refusal in rule.refusals):
        return RuleReading(None, False)
    words = set(reply.translate(dict.fromkeys(map(ord, rule.signs), " ")).split())
    named = [letter for letter in letters(len(shown.options)) if letter in words]
    if len(named) == 1:
        return _named(letters(len(shown.options)), named[0], shown, "letter")
    if not named and "Z" in words:
        return RuleReading(None, False)
    lowered = reply.lower()
    there = [i for i, option in enumerate(shown.options) if option.lower() in lowered]
    index = there[0] if len(there) == 1 else None
    return RuleReading(index, index == shown.gold, "text" if index is not None else "")


def _named(names: Sequence[str], said: str | None, shown: ShownQuestion, how: str) -> RuleReading:
    index = None if said is None or said not in names else list(names).index(said)
    return RuleReading(index, index == shown.gold, how if index is not None else "")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@lru_cache(maxsize=64)
def _marker(word: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(word)}\s*:\s*\**\s*", re.IGNORECASE)


_RULES: dict[type, Callable[[Any, str, ShownQuestion], RuleReading]] = {
    rules.LetterOrOption: _letter_or_option,
    rules.Phrase: _phrase,
    rules.AnswerLine: _answer_line,
    rules.FirstLetter: _first_letter,
    rules.Exact: _exact,
    rules.OneLetterOrText: _one_letter_or_text,
}
