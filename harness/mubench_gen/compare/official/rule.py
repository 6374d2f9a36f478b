"""The rule of the official scorer, to the letter (Lozano et al. 2024, arXiv 2407.01791)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mubench_gen.parser.label_styles import make_labels

Hit = Literal["lettered", "first"]


def paper_compat(reply: str, options: Sequence[str], gold: int) -> bool:
    """Whether the official scorer calls the reply right.

    It does where the lettered gold option, "B) basophil", occurs anywhere in the reply, or
    where the reply's first character is the gold letter. Case counts, nothing is stripped,
    and the gold answer is looked at: "As an AI …" is right where A is. `options` are as
    shown, `gold` is an index into them; ValueError where it is none.
    """
    return hit_of(reply, options, gold) is not None


def hit_of(reply: str, options: Sequence[str], gold: int) -> Hit | None:
    """The half of the rule that calls the reply right, None if neither does."""
    if not 0 <= gold < len(options):
        raise ValueError(f"gold {gold} is not an index into {len(options)} options")
    if lettered(options)[gold] in reply:
        return "lettered"
    return "first" if reply[:1] == letters(len(options))[gold] else None


def letters(n: int) -> tuple[str, ...]:
    """The first n letters: A, B, …"""
    return make_labels("A", n)


def lettered(options: Sequence[str]) -> list[str]:
    """The options as the official prompt shows them: "A) eosinophil"."""
    marks = letters(len(options))
    return [f"{mark}) {text}" for mark, text in zip(marks, options, strict=True)]
