"""The rule of the official scorer, to the letter (Lozano et al. 2024, arXiv 2407.01791)."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.scores.protocols.rules import hit_of


def paper_compat(reply: str, options: Sequence[str], gold: int) -> bool:
    """Whether the official scorer calls the reply right.

    It does where the lettered gold option, "B) basophil", occurs anywhere in the reply, or
    where the reply's first character is the gold letter. Case counts, nothing is stripped,
    and the gold answer is looked at: "As an AI …" is right where A is. `options` are as
    shown, `gold` is an index into them; ValueError where it is none.
    """
    return bool(hit_of(reply, options, gold))
