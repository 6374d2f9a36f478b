"""Numbers in English words."""

from __future__ import annotations

import re

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: n for n, word in enumerate(_SMALL.split())}
_VALUES |= {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_ANY = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))
WORDS = re.compile(
    rf"\b(?:a (?=hundred|thousand|million))?(?:{_ANY})(?:(?:[\s-]+(?:and\s+)?)(?:{_ANY})){{0,11}}\b"
)


def value_of_words(text: str) -> float | None:
    """The number that words say ("two hundred and five"); None if they say none."""
    total = current = 0
    for word in re.findall(r"[a-z]+", text):
        if word in _VALUES:
            current += _VALUES[word]
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word in _SCALES:
            total, current = total + max(current, 1) * _SCALES[word], 0
        elif word not in ("and", "a"):
            return None
    return float(total + current)
