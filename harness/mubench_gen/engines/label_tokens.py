"""The tokens with which a reply that begins with a label may start: shared by all engines.

A reply may begin with the label bare ("A") or after a space (" A"), which most tokenizers
write as different tokens; both count for the label. No torch here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from mubench_gen.errors import ItemError

_SHOWN = 6  # labels that a message names
NOT_FINITE = "The model's output is not finite. Try --dtype float32."
Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]


def label_tokens(
    labels: Sequence[str], *, tail: str, encode: Encode, decode: Decode
) -> tuple[tuple[int, ...], ...]:
    """For each label the ids of the tokens with which a reply that names it begins.

    `tail` is the text after which the reply starts (the template's generation prompt);
    `encode` must add no special tokens. No id belongs to two labels. Raises ItemError
    where a label has no token of its own ("A" and "AA", say, under some tokenizers).
    """
    tokens = [_first_tokens(label, tail, encode, decode) for label in labels]
    claims = Counter(token for ids in tokens for token in ids)
    own = tuple(tuple(t for t in ids if claims[t] == 1) for ids in tokens)
    without = [label for label, ids in zip(labels, own, strict=True) if not ids]
    if without:
        shown = ", ".join(map(repr, without[:_SHOWN]))
        more = f" and {len(without) - _SHOWN} more" if len(without) > _SHOWN else ""
        raise ItemError(
            f"The labels {shown}{more} begin with a token that another label "
            "begins with too, so their probabilities cannot be told apart in one step. "
            "Use other labels (--prompt) or read the reply (--readout parse)."
        )
    return own


def _first_tokens(label: str, tail: str, encode: Encode, decode: Decode) -> list[int]:
    before = encode(tail) if tail else []
    firsts: list[int] = []
    for start in (label, " " + label):
        after = encode(tail + start)
        # Where the label merges with the prompt's end, the model, which sees the prompt's
        # tokens as they are, can only go on with the label's own.
        grows = after[: len(before)] == before and len(after) > len(before)
        first = after[len(before)] if grows else encode(start)[0]
        # A bare space says nothing about the label that follows it.
        if decode([first]).strip() and first not in firsts:
            firsts.append(first)
    return firsts


def logsumexp(values: Sequence[float]) -> float:
    """log Σ exp(values): the joint log-probability of a label's tokens."""
    most = max(values)
    if len(values) == 1 or not math.isfinite(most):
        return most
    return most + math.log(sum(math.exp(value - most) for value in values))
