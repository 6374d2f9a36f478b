"""Which option a table's answers mean: one way of reading for the whole column, or none.

An answer may be an option's text, its label (A, B, …), or its number from 0 or from 1. A column is
read in the one way that fits all of its rows. Where two fit and disagree, nothing is guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from mubench_gen.data.forms.cells import LABELLED, is_missing, label_of, text_of, whole_number
from mubench_gen.data.forms.parts import Offered
from mubench_gen.errors import DataError, SettingError

WAYS = {
    "text": "the text of an option",
    "letter": "the label of an option",
    "index0": "the number of an option, counted from 0",
    "index1": "the number of an option, counted from 1",
}
MIXED = "text or letter"
_SHOWN = 3  # rows of a message
_LABEL = re.compile(r"\(?\s*([A-Za-z0-9]{1,2})\s*[).:]?")


def is_hidden(value: Any) -> bool:
    """Whether there is no answer: an empty cell, or -1 as test sets have it."""
    return is_missing(value) or whole_number(value) == -1


def readings(value: Any, options: Sequence[Offered]) -> dict[str, int]:
    """Way → the index of the option that an answer means in that way, for the ways that fit."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    places = {option.place: at for at, option in enumerate(options)}
    number = whole_number(value)
    found = {
        "text": _by_text(value, [option.text for option in options]),
        "letter": _by_label(value, [option.label for option in options]),
        "index0": None if number is None else places.get(number),
        "index1": None if number is None else places.get(number - 1),
    }
    return {way: at for way, at in found.items() if at is not None}


def _by_text(value: Any, options: Sequence[str]) -> int | None:
    text = text_of(value)
    if text is None:
        return None
    same = [at for at, option in enumerate(options) if option == text]
    same = same or [at for at, one in enumerate(options) if one.casefold() == text.casefold()]
    if not same and (labelled := LABELLED.match(text)):  # "B. Golgi"
        same = [at for at, option in enumerate(options) if option == labelled[2]]
    if not same and (number := _number(text)) is not None:
        same = [at for at, option in enumerate(options) if _number(option) == number]
    return same[0] if len(same) == 1 else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _by_label(value: Any, labels: Sequence[str]) -> int | None:
    text = text_of(value)
    found = _LABEL.fullmatch(text) if text else None
    if found is None:
        return None
    given = [label.casefold() or label_of(at).casefold() for at, label in enumerate(labels)]
    same = [at for at, label in enumerate(given) if label == found[1].casefold()]
    return same[0] if len(same) == 1 else None


class AnswerColumn:
    """Takes every answer of a column, and says in which way all of them are meant."""

    def __init__(self, path: Any, column: str) -> None:
        self._place = f"{path}, column {column}"
        self._numbered = True  # whether the options' labels are the data's own numbers
        self._given = 0
        self._fits: Counter[str] = Counter()
        self._apart: dict[tuple[str, str], list[str]] = {}
        self._misfit: dict[str, str] = {}
        self._either = 0
        self._apart_rows: Counter[tuple[str, str]] = Counter()

    def note(self, row: str, value: Any, options: Sequence[Offered]) -> None:
        """One row's answer, and its options. `row`: "row 7"."""
        found = readings(value, options)
        self._given += 1
        self._numbered &= all(option.label.isdecimal() for option in options)
        self._fits.update(found.keys())
        self._either += "text" in found or "letter" in found
        for way in WAYS.keys() - found.keys():
            self._misfit.setdefault(way, f"{row}: {value!r:.40}")
        for pair in combinations([way for way in WAYS if way in found], 2):
            if found[pair[0]] != found[pair[1]]:
                self._apart_rows[pair] += 1
                if len(told := self._apart.setdefault(pair, [])) < _SHOWN:
                    told.append(f"{row}: {value!r:.40}")

    def way(self, wanted: str | None = None) -> str:
        """The way; `wanted` is the user's own. DataError where it cannot be told."""
        if wanted is not None:
            if wanted not in WAYS:
                raise SettingError(f"answer_as={wanted!r}: give one of {', '.join(WAYS)}.")
            return wanted
        fitting = [way for way in WAYS if self._given and self._fits[way] == self._given]
        if self._numbered and "letter" in fitting:
            return "letter"
        for pair in combinations(fitting, 2):
            if pair in self._apart:
                raise DataError(self._undecided(pair))
        if fitting:
            return fitting[0]
        return self._most_fitting()

    def _most_fitting(self) -> str:
        """Of ways that each leave rows out, the only one that most of the rows have."""
        worded = max(self._fits["text"], self._fits["letter"], self._either)
        numbers = max(self._fits["index0"], self._fits["index1"])
        if numbers > worded:
            if self._fits["index0"] and self._fits["index1"]:
                raise DataError(self._neither())
            return "index0" if self._fits["index0"] else "index1"
        if worded == self._fits["letter"]:
            return "letter"
        return "text" if worded == self._fits["text"] else MIXED

    def _undecided(self, pair: tuple[str, str]) -> str:
        told = "; ".join(self._apart[pair])
        ways = " or ".join(WAYS[way] for way in pair)
        types = " or ".join(f"--map answer_as={way}" for way in pair)
        return (
            f"{self._place}: the answers may be {ways}: both fit all {self._given:,} rows, and "
            f"they mean different options in {self._apart_rows[pair]:,} of them ({told}). "
            f"Nothing is guessed: type {types}."
        )

    def _neither(self) -> str:
        zero, one = (f"{WAYS[w]} ({self._misfit[w]} is out of range)" for w in ("index0", "index1"))
        return (
            f"{self._place}: the answers are neither {zero} nor {one} in all rows. Mend the rows, "
            "or type --map answer_as=index0 or --map answer_as=index1 (with --partial, rows that "
            "do not fit are left out)."
        )

    def warnings(self, way: str) -> Iterator[str]:
        """What a reader should look at although the way is clear: "A" where a text is "A"."""
        for pair, rows in self._apart_rows.items():
            if way in pair and set(pair) <= {"text", "letter"}:
                other = next(one for one in pair if one != way)
                yield (
                    f"{self._place}: read as {WAYS[way]}; in {rows:,} rows the same answer is also "
                    f"{WAYS[other]}, of another option ({'; '.join(self._apart[pair])}). "
                    f"--map answer_as={other} reads it so."
                )


def chosen(found: Mapping[str, int], way: str) -> int | None:
    """The option that one answer means in that way; None where it fits no option."""
    if way != MIXED:
        return found.get(way)
    either = {found[one] for one in ("text", "letter") if one in found}
    return either.pop() if len(either) == 1 else None
