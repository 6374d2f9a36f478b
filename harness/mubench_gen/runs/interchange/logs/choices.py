"""Options, right answers and questions, as logs spell them."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from mubench_gen.parser.label_styles import make_labels
from mubench_gen.runs.interchange.logs.log import NotAskedHere
from mubench_gen.types import OPEN_FORMS

_NO_OPTIONS = "without options"
_NAMES = ("choices", "options", "candidates", "endings")
_QUESTIONS = ("question", "query", "problem", "input", "text")
_ANSWERS = ("answer", "answer_idx", "label", "gold", "target", "answerKey")
_LISTED = re.compile(
    r"^[^\S\n]*[(\[]?([A-Za-z]|\d{1,2})[)\].:]\s*(\S(?:.*\S)?)[^\S\n]*$", re.MULTILINE
)
_FIRST = ("A", "a", "1")


def leave_out_open(facts: Mapping[str, Any]) -> None:
    """NotAskedHere for an item that our own export marks as one with an open answer."""
    if facts.get("asks") in OPEN_FORMS:
        raise NotAskedHere("with open answers")


def options_of(doc: Mapping[str, Any], prompt: str = "") -> tuple[str, ...]:
    """The options of a question: a list, an object or a text of one, columns A, B, …, or those
    that the prompt lists. NotAskedHere where there are none."""
    for name in _NAMES:
        if doc.get(name) not in (None, "", [], {}):
            return _several(doc[name])
    lettered = [doc[letter] for letter in ascii_uppercase if _is_given(doc.get(letter))]
    if len(lettered) > 1 and _is_given(doc.get("A")):
        return tuple(str(one) for one in lettered)
    listed = listed_options(prompt)
    if len(listed) < 2:
        raise NotAskedHere(_NO_OPTIONS)
    return listed


def listed_options(prompt: str) -> tuple[str, ...]:
    """The options in the last list of a prompt: lines that begin with A, B, … or 1, 2, …"""
    found: list[str] = []
    style = ""
    for label, text in _LISTED.findall(prompt):
        if label in _FIRST:
            found, style = [text], label
        elif found and label == make_labels(style, len(found) + 1)[-1]:
            found.append(text)
    return tuple(found)


def before_list(prompt: str) -> str:
    """What a prompt says before it lists the options."""
    begins = [found.start() for found in _LISTED.finditer(prompt) if found[1] in _FIRST]
    return prompt[: begins[-1]].strip() if begins else prompt


def labels_of(prompt: str, options: Sequence[str]) -> tuple[str, ...]:
    """The labels that the prompt writes before the options; A, B, … where it writes none."""
    for style in _FIRST:
        labels = make_labels(style, len(options))
        if all(
            re.search(rf"(?<!\w){re.escape(label)}[)\].:]\s*{re.escape(option)}", prompt)
            for label, option in zip(labels, options, strict=True)
        ):
            return labels
    return make_labels("A", len(options))


def question_of(doc: Mapping[str, Any]) -> str:
    """The question's text, without options; "" where the log does not have it apart."""
    return next((str(doc[name]) for name in _QUESTIONS if isinstance(doc.get(name), str)), "")


def gold_of(
    doc: Mapping[str, Any], options: Sequence[str], target: Any = None, *, by_index: bool = False
) -> int:
    """The index of the right option. NotAskedHere where none is the right one.

    `by_index`: a number is an index, and not perhaps an option's text.
    """
    labels = _labels(doc)
    for one in [target, *(doc.get(name) for name in _ANSWERS)]:
        if str(one) in labels and one != target:
            return labels.index(str(one))
        if by_index and str(one).isdecimal() and int(one) < len(options):
            return int(one)
        found = _index(one, options)
        if found is not None:
            return found
    raise NotAskedHere("without one right option")


def _labels(doc: Mapping[str, Any]) -> list[str]:
    """The labels that a document gives its options itself (ARC's "1", "2", …)."""
    for name in _NAMES:
        given = doc.get(name)
        if isinstance(given, Mapping) and isinstance(given.get("label"), list):
            return list(map(str, given["label"]))
    return []


def _index(answer: Any, options: Sequence[str]) -> int | None:
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool) or answer is None:
        return None
    if isinstance(answer, (int, float)):
        return int(answer) if 0 <= answer < len(options) and answer == int(answer) else None
    text = str(answer).strip()
    folded = [option.strip().casefold() for option in options]
    if folded.count(text.casefold()) == 1:
        return folded.index(text.casefold())
    letter = text.strip("()[].:").upper()
    if len(letter) == 1 and letter in ascii_uppercase[: len(options)]:
        return ascii_uppercase.index(letter)
    return int(text) if text.isdecimal() and int(text) < len(options) else None


def image_of(doc: Mapping[str, Any]) -> bytes | None:
    """The bytes of an image that stands in the row, in base64 or as a data URI."""
    value = doc.get("image")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        value = value.get("bytes")
    return decoded(value) if isinstance(value, str) else None


def decoded(text: str) -> bytes | None:
    """The bytes of a data URI or of base64; None for a path, a URL or a placeholder."""
    encoded = text.partition("base64,")[2] if text.startswith("data:") else text
    if len(encoded) < 32:
        return None
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if content[:1] in b"\x89\xff\x47\x49\x4d\x52" else None


def _several(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping):
        value = value["text"] if "text" in value else list(value.values())
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        raise NotAskedHere(_NO_OPTIONS)
    return tuple(str(one.get("text", one)) if isinstance(one, dict) else str(one) for one in value)


def _parsed(text: str) -> Any:
    """A list that a log wrote as a text: JSON, or as Python prints it."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return listed_options(text) or [part.strip() for part in re.split(r"[|;\n]", text) if part]


def _is_given(value: Any) -> bool:
    return value is not None and str(value).strip() not in ("", "nan", "None")
