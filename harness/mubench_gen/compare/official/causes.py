"""Why the official scorer and ours differ on a reply.

A false hit is right by the official rule and not by our reading; a false miss is the reverse.
Each gets the first cause that applies, in the order of `CAUSES`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mubench_gen.compare.official.rule import hit_of, lettered, letters
from mubench_gen.types import Answer

Effect = Literal["false hit", "false miss"]


@dataclass(frozen=True, slots=True)
class Cause:
    """A way in which the official rule errs; `name` is what JSON calls it."""

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
        Cause("other_labels", "false miss", "the prompt's labels are not A, B, C"),
        Cause("text_alone", "false miss", "the option's text without its letter"),
        Cause("lower_case", "false miss", "the letter in lower case: “b”"),
        Cause("white_space", "false miss", "white space before the letter"),
        Cause("marks", "false miss", "marks before the letter: “(B)”, “**B**”"),
        Cause("later", "false miss", "the letter further on: “The answer is B”"),
        Cause("wording", "false miss", "read from the wording in another way"),
    )
}


def cause_of(
    reply: str, options: Sequence[str], gold: int, answer: Answer, labels: Sequence[str]
) -> Cause | None:
    """Why the scorers differ on this reply; None if they agree. `answer` is our reading."""
    hit, ours = hit_of(reply, options, gold), answer.index == gold
    if (hit is not None) == ours:
        return None
    if hit == "first":
        return CAUSES[_first_letter(reply, answer)]
    if hit == "lettered":
        return CAUSES[_repeated(reply, options)]
    return CAUSES[_missed(reply, options, gold, answer, labels)]


def _first_letter(reply: str, answer: Answer) -> str:
    if answer.status == "refused":
        return "refusal"
    return "word" if re.match(r"\w[\w'’]", reply) else "other_answer"


def _repeated(reply: str, options: Sequence[str]) -> str:
    there = sum(option in reply for option in lettered(options))
    if there == len(options):
        return "all_options"
    return "some_options" if there > 1 else "quoted"


def _missed(
    reply: str, options: Sequence[str], gold: int, answer: Answer, labels: Sequence[str]
) -> str:
    letter = letters(len(options))[gold]
    if labels[gold] != letter:
        return "other_labels"
    said = reply[slice(*answer.span)] if answer.span is not None else reply
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


def _is_a_word_of(option: str, said: str, alone: re.Pattern[str]) -> bool:
    """Whether the letter occurs in `said` only as a word of the option, as in "vitamin A"."""
    rest = re.sub(re.escape(option), " ", said, flags=re.IGNORECASE)
    return rest != said and alone.search(rest) is None
