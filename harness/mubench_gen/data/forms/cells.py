"""Values of a table's cells, however a program wrote them: texts, lists of options, nothing."""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
from collections.abc import Mapping
from typing import Any

import orjson

LABELLED = re.compile(r"^\s*\(?([A-Za-z])[).:]\s+(\S(?:.*\S)?)\s*$")
_NO_OPTION = frozenset({"nan", "NaN", "<NA>"})  # as pandas prints a missing value


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: NULL, NaN, or a blank text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and not value.strip()


def is_no_option(value: Any) -> bool:
    """Whether a cell for an option holds none; "nan" is how pandas prints a missing one."""
    return is_missing(value) or (isinstance(value, str) and value.strip() in _NO_OPTION)


def text_of(value: Any) -> str | None:
    """A cell as a text without spaces around it; None for one that is no text or number.

    A whole number is written without a fraction: tables with gaps hold 1 as 1.0.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, (bool, int, float)):
        return str(value)
    return None


def whole_number(value: Any) -> int | None:
    """A cell as a whole number, also where it is written as a text or with a fraction of zero."""
    if isinstance(value, bool):
        return None
    text = text_of(value)
    found = re.fullmatch(r"([+-]?\d{1,9})(?:\.0+)?", text) if text is not None else None
    return int(found[1]) if found is not None else None


def parsed(value: Any) -> Any:
    """The list or mapping that a text spells, as JSON or as Python prints it; else the value.

    A list as numpy prints it, without commas, is one too.
    """
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{", "("):
        return value
    text = value.strip()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        texts = _without_commas(text)
        found = ast.literal_eval(text) if texts is None else texts
    except (ValueError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError):
        return value
    return list(found) if isinstance(found, tuple) else found


def _without_commas(text: str) -> list[str] | None:
    """The texts of a list that numpy printed; None where commas stand between them."""
    if not text.startswith("[") or len(text) > 100_000:
        return None
    kinds = (tokenize.STRING, tokenize.OP)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type in kinds]
    texts = [token for token in tokens if token.type == tokenize.STRING]
    commas = sum(token.string == "," for token in tokens)
    if len(texts) < 2 or commas or any(t.string not in "[]" for t in tokens if t not in texts):
        return None
    return [str(ast.literal_eval(token.string)) for token in texts]


def options_of(value: Any) -> list[tuple[str, Any]] | None:
    """(label, option) of a cell that holds all options of a question; None where it does not.

    A mapping gives the labels, which decide the order if they are letters or numbers; a list has
    none (""). A text is JSON, Python, texts with | between them, or a labelled line for each.
    """
    value = parsed(value)
    if isinstance(value, Mapping):
        pairs = [(str(key).strip(), one) for key, one in value.items()]
        if set(value) == {"text", "label"} and isinstance(value["text"], list):
            pairs = list(zip(map(str, value["label"]), value["text"], strict=False))
        return in_order(pairs)
    if isinstance(value, list):
        if value and all(isinstance(one, Mapping) and len(one) == 1 for one in value):
            return in_order([(str(k).strip(), v) for one in value for k, v in one.items()])
        return [("", one) for one in value]
    if not isinstance(value, str):
        return None
    lines = [line for line in value.splitlines() if line.strip()]
    labelled = [LABELLED.match(line) for line in lines]
    if len(lines) > 1 and all(labelled):
        return in_order([(found[1], found[2]) for found in labelled if found])
    return None if value.strip()[:1] in ("[", "{") else [("", one) for one in value.split("|")]


def in_order(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The options by their labels, where all labels are letters, or all are numbers."""
    labels = [label.upper() for label, _ in pairs]
    usual = {label_of(place) for place in range(len(labels))}
    if all(re.fullmatch("[A-Z]", label) for label in labels) or set(labels) == usual:
        return sorted(pairs, key=lambda pair: (len(pair[0]), pair[0].upper()))
    if all(label.isascii() and label.isdecimal() for label in labels):
        return sorted(pairs, key=lambda pair: int(pair[0]))
    return pairs


def label_of(place: int) -> str:
    """A, …, Z, AA, AB, … for the options by their place."""
    label, place = "", place + 1
    while place:
        place, left = divmod(place - 1, 26)
        label = chr(ord("A") + left) + label
    return label
