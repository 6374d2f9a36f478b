"""Every place where an option is named, with whether the clause around it denies it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mubench_gen.parser.listing import in_list, own_text_end
from mubench_gen.parser.prose import labels_named
from mubench_gen.parser.reading import Reading
from mubench_gen.parser.target import COMMON

_BOUNDARY = re.compile(
    r"[;!?\n]|\.(?!\d)|,|\b(?:but|whereas|while|although|though|however|because|since|and not|so"
    r"|as it|as they|which|making|sondern|mais|sino|mas)\b|而是|而|但"
)
_CONTRAST = re.compile(
    r"\b(?:rather than|instead of|unlike|than|as opposed to|compared (?:to|with)|except(?: for)?"
    r"|other than|apart from|besides|versus|different from|differs? from|in contrast to)\b|而不是|不同于"
)
_DENIAL = re.compile(
    r"\bnot\b|n't\b|\b(?:neither|nor|never|cannot|non|incorrect(?:ly)?|wrong|false|inaccurate"
    r"|irrelevant|unlikely|invalid|eliminated?|ruled? out|rules out|exclud\w{1,3}|discard\w{0,2}"
    r"|fails?|lacks?|lacking|unrelated|inappropriate|unsuitable|distractors?|less|nicht|kein\w{0,2}"
    r"|falsch|pas|faux|fausse|incorrecte|incorrect[oa]|falso|n[aã]o|errad[oa])\b"
    r"|不|错|非|排除|没有|誤|ない"
)
_SHARED = re.compile(
    r"\b(?:both|either|each|all|none|whether|if|beide|tanto|ambos)\b|是否|如果|between (?:options? )?[(\"']*$"
    r"|\w (?:and|or) $"
)
_REACH = 160


@dataclass(frozen=True, slots=True)
class Claim:
    """An option named in the reply. `label` is false where its text alone is named."""

    start: int
    end: int
    index: int
    label: bool
    denied: bool


def shared(reading: Reading, start: int) -> bool:
    """Whether the clause speaks of several options at once: "both", "either", "each"."""
    left = max(0, start - 60)
    for boundary in _BOUNDARY.finditer(reading.low, left, start):
        left = boundary.end()
    return bool(_SHARED.search(reading.low, left, start))


def denied(reading: Reading, start: int, end: int) -> bool:
    """Whether the clause around a place denies what is named there."""
    low = reading.low
    left = max(0, start - _REACH)
    for boundary in _BOUNDARY.finditer(low, left, start):
        left = boundary.end()
    if _CONTRAST.search(low, left, start):
        return True
    stop = _BOUNDARY.search(low, _past_mark(low, end), end + _REACH)
    right = stop.start() if stop else min(len(low), end + _REACH)
    contrast = _CONTRAST.search(low, end, right)
    return bool(_DENIAL.search(low, left, contrast.start() if contrast else right))


def _past_mark(low: str, end: int) -> int:
    """Past the "." or ")" of a label's own mark, which ends no clause."""
    while low[end : end + 1] in (".", ")", ":") and low[end : end + 1]:
        end += 1
    return end


def claims(reading: Reading) -> list[Claim]:
    """All claims in order: labels with their text counted once, repeated options left out."""
    found: list[Claim] = []
    covered: list[tuple[int, int]] = []
    for label in labels_named(reading):
        start, end, index = label.start, label.end, label.index
        if in_list(reading, index, start, end):
            own = own_text_end(reading, index, end)
            covered.append((start, own or end))
            continue
        own = own_text_end(reading, index, end)
        end = own or end
        covered.append((start, end))
        if not shared(reading, start):
            found.append(Claim(start, end, index, True, denied(reading, start, end)))
    texts = list(_texts_named(reading, covered))
    # A letter inside an option's text ("Point A", "vitamin C") is a part of that text.
    found = [c for c in found if not any(s <= c.start and c.end <= e for s, e, _ in texts)]
    found += [
        Claim(s, e, i, False, denied(reading, s, e)) for s, e, i in texts if not shared(reading, s)
    ]
    return sorted(found, key=lambda claim: claim.start)


def _texts_named(
    reading: Reading, covered: list[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:
    for start, end, index in reading.mentions:
        if index < 0 or reading.choices.keys[index] in COMMON:
            continue
        if end - start < 3 and reading.low[start:end].isascii() and len(reading.low) > 300:
            continue
        if any(s <= start and end <= e for s, e in covered):
            continue
        yield start, end, index
