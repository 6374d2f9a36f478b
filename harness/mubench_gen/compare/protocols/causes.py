"""Why two protocols read a reply differently.

Our own reading is the referee. Where it agrees with the one that says right, the other has missed
the answer: a false miss. Where it does not, the first is right by accident: a false hit.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mubench_gen.scores.protocols import definition as rules
from mubench_gen.scores.protocols.rules import RuleReading, lettered, letters
from mubench_gen.storage.records import Record

Effect = Literal["false hit", "false miss"]
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """A way in which a rule errs; `name` is what JSON calls it."""

    name: str
    effect: Effect
    text: str


CAUSES = {
    cause.name: cause
    for cause in (
        Cause("refusal", "false hit", "a refusal that begins with the gold letter: “As an AI …”"),
        Cause("word", "false hit", "the first letter of a word: “Based on …”"),
        Cause("other_answer", "false hit", "begins with the gold letter, then says another"),
        Cause("all_options", "false hit", "repeats all the options"),
        Cause("some_options", "false hit", "repeats the gold option beside others"),
        Cause("quoted", "false hit", "holds the gold option, but does not choose it"),
        Cause("last_capital", "false hit", "the last capital letter of a reply without an answer"),
        Cause("another", "false hit", "says an option, by our reading another one"),
        Cause("unclear", "false hit", "by our reading no single answer"),
        Cause("other_labels", "false miss", "the prompt's labels are not those of the rule"),
        Cause("text_alone", "false miss", "the option's text without its letter"),
        Cause("lower_case", "false miss", "the letter in lower case: “b”"),
        Cause("white_space", "false miss", "white space before the letter"),
        Cause("marks", "false miss", "marks before the letter: “(B)”, “**B**”"),
        Cause("later", "false miss", "the letter further on: “The answer is B”"),
        Cause("wording", "false miss", "read from the wording in another way"),
        Cause("no_phrase", "false miss", "in other words than those that the rule looks for"),
        Cause("elsewhere", "false miss", "the rule reads another option, at another place"),
    )
}  # fmt: skip


class Causes:
    """Says of each record why the two protocols differ on it, and keeps examples.

    `examples`: by the cause and whether the first protocol is the one that says right.
    """

    def __init__(self, first: rules.Rule, second: rules.Rule) -> None:
        self._parsers = (first, second)
        self.examples: dict[tuple[str, bool], list[Mapping[str, Any]]] = defaultdict(list)

    def __call__(self, record: Record, readings: Sequence[RuleReading]) -> str:
        """The name of the cause; empty if both say the same."""
        first, second = readings[:2]
        if first.right == second.right:
            return ""
        place = 0 if first.right else 1
        cause = _cause(record, readings[place], self._parsers[place], self._parsers[1 - place],
                       readings[1 - place])  # fmt: skip
        kept = self.examples[cause, first.right]
        if len(kept) < _EXAMPLES:
            kept.append({key: record[key] for key in ("id", "reply", "options", "gold")})
        return cause


def _cause(
    record: Record, hit: RuleReading, of_hit: rules.Rule, of_miss: rules.Rule, miss: RuleReading
) -> str:
    if type(of_hit) is type(of_miss) and of_hit != of_miss and getattr(of_hit, "strip", False):
        return "white_space"
    reply = record["reply"] or ""
    if record["choice"] == record["gold"]:
        return _missed(of_miss, miss, reply, record)
    if isinstance(of_hit, rules.LetterOrOption | rules.FirstLetter) and hit.how != "lettered":
        return _first_letter(reply.lstrip() if of_hit.strip else reply, record["status"])
    if hit.how == "lettered":
        return _repeated(reply, record["options"])
    if hit.how == "last capital":
        return "last_capital"
    return "unclear" if record["choice"] is None else "another"


def _first_letter(reply: str, status: str) -> str:
    if status == "refused":
        return "refusal"
    return "word" if re.match(r"\w[\w'’]", reply) else "other_answer"


def _repeated(reply: str, options: Sequence[str]) -> str:
    there = sum(option in reply for option in lettered(options))
    if there == len(options):
        return "all_options"
    return "some_options" if there > 1 else "quoted"


def _missed(rule: rules.Rule, miss: RuleReading, reply: str, record: Record) -> str:
    options, gold, labels = record["options"], record["gold"], record["labels"]
    if labels[gold] not in _names(rule, len(options), labels):
        return "other_labels"
    if not isinstance(rule, rules.LetterOrOption | rules.FirstLetter):
        return "no_phrase" if miss.choice is None else "elsewhere"
    letter, span = letters(len(options))[gold], record["span"]
    said = reply[slice(*span)] if span is not None else reply
    alone = re.compile(rf"(?<!\w){letter}(?!\w)", re.IGNORECASE)
    named = alone.search(said)
    if named is None or _is_a_word_of(options[gold], said, alone):
        return "text_alone" if options[gold].casefold() in said.casefold() else "wording"
    if named[0] != letter:
        return "lower_case"
    if re.match(rf"\s+{letter}(?!\w)", reply):
        return "white_space"
    before = reply[: alone.search(reply).start()]  # type: ignore[union-attr]  # `said` is of it
    return "later" if re.search(r"\w", before) else "marks"


def _names(rule: rules.Rule, n: int, labels: Sequence[str]) -> Sequence[str]:
    """The labels that the rule reads."""
    if isinstance(rule, rules.Phrase):
        known = {"letter": letters(n), "number": tuple(str(i + 1) for i in range(n))}
        return known.get(rule.group, labels)
    return labels if isinstance(rule, rules.Ours | rules.Exact) else letters(n)


def _is_a_word_of(option: str, said: str, alone: re.Pattern[str]) -> bool:
    """Whether the letter occurs in `said` only as a word of the option, as in "vitamin A"."""
    rest = re.sub(re.escape(option), " ", said, flags=re.IGNORECASE)
    return rest != said and alone.search(rest) is None
