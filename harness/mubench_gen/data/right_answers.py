"""The right answer of a question that asks for something else than one option, as rows have it.

Several options: `answer_idx`, or `answer`, is a list. A number: `answer` is one, without options,
with `tolerance` and `unit` where there are any. A short text: `answer` is a text, or the list of
those that are accepted, without options. `form` says which of these it is where that is not clear.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from mubench_gen.errors import DataError, did_you_mean
from mubench_gen.types import Form, Question, RightNumber, RightSet, RightText

_PERCENT = re.compile(r"\s*([0-9.]+(?:[eE][-+]?\d+)?)\s*%\s*")
_FORMS = tuple(form for form in get_args(Form) if form != "boxes")


def form_in(cell: Mapping[str, Any], where: str) -> Form:
    """What the question of a cell asks for. DataError for a `form` that there is none of."""
    said = cell.get("form")
    if said is not None:
        return known_form(said, f"{where}.form")
    if _has_options(cell) or cell.get("answer_idx") is not None:
        listed = isinstance(cell.get("answer_idx"), list) or (
            cell.get("answer_idx") is None and isinstance(cell.get("answer"), list)
        )
        return "several" if listed else "option"
    answer = cell.get("answer")
    if is_number(answer) or (answer is not None and cell.get("tolerance") is not None):
        return "number"
    return "option" if answer is None else "text"


def known_form(said: Any, where: str) -> Form:
    """The form of that name. DataError where there is none."""
    found: Form | None = next((form for form in _FORMS if form == said), None)
    if found is None:
        near = did_you_mean(str(said), _FORMS)
        raise DataError(f"{where}: {said!r:.40} is not one of {', '.join(_FORMS)}. {near}")
    return found


def _has_options(cell: Mapping[str, Any]) -> bool:
    options = cell.get("options")
    return options is not None and options != []


def is_number(value: Any) -> bool:
    """Whether a value is a number, and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def right_set(cell: Mapping[str, Any], options: Sequence[str], where: str) -> RightSet:
    """The right options of a cell: numbers from 0 in `answer_idx`, texts in `answer`."""
    told, texts = cell.get("answer_idx"), cell.get("answer")
    if told is None:
        given = texts if isinstance(texts, list) else [texts]
        wrong = [one for one in given if one not in options]
        if wrong or not given:
            raise DataError(
                f"{where}.answer: {(wrong or [None])[0]!r:.60} is none of the options. Write "
                "the texts of the right options, or their numbers, counted from 0, in answer_idx."
            )
        return checked_set([options.index(one) for one in given], len(options), f"{where}.answer")
    given = told if isinstance(told, list) else [told]
    right = checked_set(given, len(options), f"{where}.answer_idx")
    if isinstance(texts, list) and {options[i] for i in right.indices} != set(texts):
        named = [options[i] for i in right.indices]
        raise DataError(f"{where}: answer_idx means {named!r:.120}, but answer is {texts!r:.120}.")
    return right


def checked_set(given: Sequence[Any], n: int, where: str) -> RightSet:
    """The set of these numbers of options. DataError for an empty one, or a number out of range."""
    indices = [int(one) if isinstance(one, str) and one.isdecimal() else one for one in given]
    if not indices:
        raise DataError(
            f"{where}: no option is right. Name at least one: a model is told that one or more are."
        )
    for one in indices:
        if isinstance(one, bool) or not isinstance(one, int):
            raise DataError(f"{where}: whole numbers are needed, found {one!r:.40}.")
        if not 0 <= one < n:
            raise DataError(f"{where}: {one} is out of range for {n} options.")
    if len(set(indices)) < len(indices):
        raise DataError(f"{where}: an option stands twice in {list(given)!r:.80}.")
    return RightSet(tuple(sorted(indices)))


def right_number(
    value: Any, tolerance: Any, unit: Any, where: str, columns: tuple[str, str] | None = None
) -> RightNumber:
    """The right number with its tolerance: a number, or a share of it as a text ("10%").

    `columns`: those of tolerance and unit, where they are not the question's own.
    """
    of_tolerance, of_unit = columns or (f"{where}.tolerance", f"{where}.unit")
    of_value = where if columns else f"{where}.answer"
    number = as_float(value)
    if number is None:
        raise DataError(
            f"{of_value}: a number is needed, found {value!r:.60}. Write it with digits and a "
            "point, without its unit."
        )
    if unit is not None and not isinstance(unit, str):
        raise DataError(f"{of_unit}: a text is needed, such as µm; found {unit!r:.40}.")
    room, relative = tolerance_of(tolerance, of_tolerance)
    return RightNumber(number, room, relative, (unit or "").strip())


def tolerance_of(tolerance: Any, where: str) -> tuple[float, bool]:
    """A tolerance, and whether it is a share of the right number ("10%"). DataError for others."""
    if tolerance is None or tolerance == "":
        return 0.0, False
    share = _PERCENT.fullmatch(tolerance) if isinstance(tolerance, str) else None
    room = as_float(share[1] if share else tolerance)
    if room is None or room < 0:
        raise DataError(
            f"{where}: a number that is not negative is needed, or a share such as 10%; found "
            f"{tolerance!r:.40}."
        )
    return (room / 100, True) if share else (room, False)


def as_float(value: Any) -> float | None:
    """A finite number, also where it is written as a text; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value.strip().replace("−", "-"))
        except ValueError:
            return None
    return float(value) if is_number(value) and math.isfinite(value) else None


def right_text(answer: Any, where: str) -> RightText:
    """The accepted texts: one, or several of a list."""
    given = answer if isinstance(answer, list) else [answer]
    if not given or not all(isinstance(one, str) and one.strip() for one in given):
        raise DataError(
            f"{where}.answer: a text is needed, or a list of the texts that are accepted; found "
            f"{answer!r:.80}."
        )
    return RightText(tuple(dict.fromkeys(one.strip() for one in given)))


def open_question(
    name: str, cell: Mapping[str, Any], form: Form, text: str, where: str
) -> Question:
    """The question of a cell that asks for a number or a text."""
    if _has_options(cell):
        raise DataError(
            f"{where}.options: a question with form {form!r} has none. Take them out, or take the "
            "form out, so that one of them is asked for."
        )
    right: RightNumber | RightText
    if form == "number":
        right = right_number(cell.get("answer"), cell.get("tolerance"), cell.get("unit"), where)
    else:
        right = right_text(cell.get("answer"), where)
    return Question(name, text, (), -1, right=right)


def answer_in_words(question: Question) -> str:
    """The right answer as somebody reads it: "A | C", "12.5 µm ± 0.5", "mitochondrion"."""
    right = question.right
    if question.boxes is not None:
        return f"{len(question.boxes)} boxes"
    if isinstance(right, RightSet):
        return " + ".join(question.options[i] for i in right.indices)
    if isinstance(right, RightNumber):
        return right.words
    if isinstance(right, RightText):
        return " | ".join(right.accepted)
    return question.options[question.gold]
