"""The labels before options: "A) …", "(b) …", "iii. …".

A style is a pattern around one of the alphabets `A`, `a`, `1` and `i`: "A)", "(a)", "1.".
A bare alphabet keeps the punctuation of the prompt that it is applied to.
"""

from __future__ import annotations

from functools import lru_cache

from mubench_gen.errors import SettingError

ALPHABETS = ("A", "a", "1", "i")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


def split_style(style: str) -> tuple[str, str, str]:
    """A style as (before, alphabet, after): "(A)" → ("(", "A", ")")."""
    marks = [c for c in style if c.isalnum()]
    if len(marks) != 1 or marks[0] not in ALPHABETS or len(style) > 8:
        raise SettingError(
            f"labels = {style!r} is not a label style: give one of A, a, 1, i with "
            "punctuation, like 'A)', '(a)', '1.' or 'i'."
        )
    before, _, after = style.partition(marks[0])
    return before, marks[0], after


def restyle(style: str, wanted: str) -> str:
    """`wanted` if it has punctuation, else its alphabet in the punctuation of `style`."""
    before, alphabet, after = split_style(wanted)
    if before or after:
        return wanted
    own_before, _, own_after = split_style(style)
    return own_before + alphabet + own_after


@lru_cache(maxsize=256)
def make_labels(alphabet: str, n: int) -> tuple[str, ...]:
    """n bare labels: A…Z, AA, AB, … · a… · 1, 2, … · i, ii, iii, …"""
    if alphabet == "1":
        return tuple(str(i + 1) for i in range(n))
    if alphabet == "i":
        return tuple(roman(i + 1) for i in range(n))
    letters = [_letters(i) for i in range(n)]
    return tuple(letters if alphabet == "A" else [letter.lower() for letter in letters])


def _letters(index: int) -> str:
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text


def roman(number: int) -> str:
    """A number as a lower-case Roman numeral."""
    text = ""
    for value, numeral in _ROMAN:
        times, number = divmod(number, value)
        text += numeral * times
    return text
