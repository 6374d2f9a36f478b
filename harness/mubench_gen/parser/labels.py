"""Option labels: makes them, and looks up tokens of a reply among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mubench_gen.parser.label_styles import ALPHABETS, make_labels, roman
from mubench_gen.parser.text import fold

_WRAPPING = " ()[]{}<>.:\"'"
_ITEM = r"\n[ \t(\[*-]*(?:(?i:option|choice|选项)\s+)?[(\[]?"
# No letter of a script that Latin words mix with follows ("Aβ", "Bé"); one of another may.
_END = "(?![0-9A-Za-z_À-ÖØ-öø-ɏͰ-Ͽ])"
# Characters of one code point that mean two, so that `text.fold` cannot translate them 1:1.
_CIRCLED = {chr(0x2460 + n - 1): n for n in range(10, 21)}
_ROMAN_SIGNS = {chr(base + n - 1): n for base in (0x2160, 0x2170) for n in range(1, 13)}


def default_labels(n: int, style: str = "A") -> tuple[str, ...]:
    """`n` labels of a style: "A" (A … Z, AA …), "a", "1" or "i"."""
    if style not in ALPHABETS:
        raise ValueError(f"unknown label style {style!r}; known: 'A', 'a', '1', 'i'")
    return make_labels(style, n)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labels of one question and the patterns that find them.

    `token` matches anything of the labels' shape (offered or not) in either case, and `item`
    that at the beginning of a line, behind the marks of a list;
    `prose` matches offered labels in their own case; `index_of` maps a lower-case token
    to the option's index. `lettered` is false for digits, which prose uses for counting.
    """

    labels: tuple[str, ...]
    index_of: dict[str, int]
    token: re.Pattern[str]
    item: re.Pattern[str]
    prose: re.Pattern[str]
    lettered: bool
    longest: int


def _shape(labels: Sequence[str]) -> str:
    """A pattern for tokens of the same shape as the labels, in either case."""
    if all(label.isdigit() for label in labels):
        return r"[0-9]{1,3}|[⑩-⑳]"
    if all(re.fullmatch("[ivxIVX]+|[Ⅰ-Ⅻⅰ-ⅻ]", label) for label in labels) and len(labels) > 1:
        return r"[ivxIVX]{1,5}|[Ⅰ-Ⅻⅰ-ⅻ]"
    if all(re.fullmatch("[A-Za-z]{1,2}", label) for label in labels):
        return "[A-Za-z]" if max(map(len, labels)) == 1 else "[A-Za-z]{1,2}"
    exact = sorted(map(re.escape, labels), key=len, reverse=True)
    return "(?i:" + "|".join(exact) + ")"


def _aliases(labels: Sequence[str]) -> dict[str, int]:
    """Other ways to write a label: ⑩ for 10, Ⅳ for IV, and back."""
    aliases: dict[str, int] = {}
    for index, label in enumerate(labels):
        number = _CIRCLED.get(label)
        if number is not None:
            aliases[str(number)] = index
        if label in _ROMAN_SIGNS:
            aliases[roman(_ROMAN_SIGNS[label])] = index
    for sign, number in _CIRCLED.items():
        if str(number) in labels:
            aliases[sign] = labels.index(str(number))
    folded = [label.lower() for label in labels]
    if "i" in folded and "ii" in folded:
        for sign, number in _ROMAN_SIGNS.items():
            if roman(number) in folded:
                aliases[sign.lower()] = folded.index(roman(number))
    return aliases


@lru_cache(maxsize=512)
def label_set(labels: tuple[str, ...]) -> LabelSet:
    """The labels prepared for look-up. Raises ValueError if two of them collide."""
    bare = tuple(fold(label).strip(_WRAPPING) for label in labels)
    index_of: dict[str, int] = {}
    for index, label in enumerate(bare):
        key = label.lower()
        if not key:
            raise ValueError(f"label {index + 1} ({labels[index]!r}) is empty")
        if key in index_of:
            first = labels[index_of[key]]
            raise ValueError(f"labels {first!r} and {labels[index]!r} collide (case is ignored)")
        index_of[key] = index
    for alias, index in _aliases(bare).items():
        index_of.setdefault(alias, index)
    # The lookbehind comes second so that the scanner can skip to the first character.
    exact = "|".join(sorted(map(re.escape, bare), key=len, reverse=True))
    if all(len(label) == 1 for label in bare):
        exact = "[" + "".join(map(re.escape, bare)) + "]"
    token = f"(?:{_shape(bare)}){_END}"
    return LabelSet(
        labels=bare,
        index_of=index_of,
        token=re.compile(token),
        item=re.compile(f"{_ITEM}({token})"),
        prose=re.compile(f"(?:{exact}){_END}"),
        lettered=not all(label.isdigit() for label in bare),
        longest=max(map(len, index_of)),
    )
