"""Open answers in a table: several right options, numbers and short texts, row by row."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from mubench_gen.data.forms.answers import readings
from mubench_gen.data.forms.cells import is_missing, parsed, text_of
from mubench_gen.data.forms.parts import Offered
from mubench_gen.data.forms.roles import Roles
from mubench_gen.data.forms.tables import TableRow
from mubench_gen.data.right_answers import as_float, known_form, right_number
from mubench_gen.errors import DataError
from mubench_gen.types import FORM_WORDS, Form, RightNumber

# Words for the forms in columns such as question_type.
_WORDS: dict[str, Form] = {
    "multiple_choice": "option", "multi_choice": "option", "single_choice": "option",
    "mcq": "option", "choice": "option", "closed": "option",
    "multiple_answers": "several", "multi_answer": "several", "multi_select": "several",
    "multiple_select": "several", "multi_label": "several",
    "open": "text", "open_ended": "text", "free_form": "text", "free_text": "text",
    "short_answer": "text", "string": "text",
    "numeric": "number", "numerical": "number", "integer": "number", "float": "number",
    "count": "number",
}  # fmt: skip
_SEPARATORS = ("|", ";", ",", "/", "\n", " and ", " ")
_LETTERS = re.compile(r"[A-Za-z]{2,26}")


def form_of_row(row: TableRow, roles: Roles, asks: str | None) -> Form | None:
    """What a row declares to ask for: all rows alike (`asks`), or by its own cell; else None."""
    if asks is not None:
        return known_form(asks, "--map asks")
    if roles.form is not None and not is_missing(row.cells.get(roles.form)):
        said = text_of(row.cells[roles.form]) or ""
        plain = re.sub(r"[^a-z]+", "_", said.casefold()).strip("_")
        return _WORDS.get(plain) or known_form(plain, f"{row.where}, column {roles.form}")
    if roles.options is None and not roles.series:
        return "number" if roles.tolerance is not None else "text"
    return None


def several_in(value: Any, options: Sequence[Offered], *, declared: bool) -> list[Any] | None:
    """The answers of a cell that holds several of a row's options; None where it holds one.

    `declared`: several are right by declaration, so that one is a set of one, and letters may
    stand without anything between them ("ACD").
    """
    value = parsed(value)
    if isinstance(value, list):
        return list(value) if len(value) > 1 or declared else None
    text = text_of(value)
    if text is None or readings(value, options):
        return [value] if declared else None
    for separator in _SEPARATORS:
        parts = [part.strip() for part in text.split(separator) if part.strip()]
        if len(parts) > 1 and all(readings(part, options) for part in parts):
            return list(parts)
    letters = list(text) if declared and _LETTERS.fullmatch(text) else []
    if letters and all("letter" in readings(letter, options) for letter in letters):
        return letters
    return [value] if declared else None


def number_in(row: TableRow, roles: Roles) -> RightNumber:
    """A row's right number with its tolerance and unit."""
    value = parsed(row.cells.get(roles.answer))
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    told = [row.cells.get(name) if name else None for name in (roles.tolerance, roles.unit)]
    tolerance, unit = (None if is_missing(one) else one for one in told)
    columns = f"{row.where}, column {roles.tolerance}", f"{row.where}, column {roles.unit}"
    if isinstance(tolerance, str) and as_float(tolerance) is not None:
        tolerance = as_float(tolerance)
    return right_number(value, tolerance, unit, f"{row.where}, column {roles.answer}", columns)


def texts_in(row: TableRow, roles: Roles) -> list[str]:
    """A row's accepted texts: one, a list, or with | between them."""
    value = parsed(row.cells.get(roles.answer))
    given = value if isinstance(value, list) else (text_of(value) or "").split("|")
    texts = [text for one in given if (text := text_of(one))]
    if not texts or len(texts) < len(given):
        raise DataError(
            f"{row.where}, column {roles.answer}: a text is needed, or several with | between "
            f"them; found {value!r:.80}."
        )
    return texts


def open_cell(answer: RightNumber | list[str]) -> dict[str, Any]:
    """The right number, or the accepted texts, as the schema has them."""
    if not isinstance(answer, RightNumber):
        return {"answer": answer, "form": "text"}
    room = f"{100 * answer.tolerance:.12g}%" if answer.relative else answer.tolerance
    unit = {"unit": answer.unit} if answer.unit else {}
    return {"answer": answer.value, "tolerance": room, **unit}


class FormsSeen:
    """What the rows of each task ask for; whole after the first reading of a table.

    If a row of a task has several right options and declares nothing, all of its questions ask for
    all that apply: that one alone is right must not be told to a model.
    """

    def __init__(self) -> None:
        self._by_task: dict[str, Counter[Form]] = defaultdict(Counter)
        self._undeclared: Counter[str] = Counter()

    def note(self, task: str, form: Form, *, undeclared: bool = False) -> None:
        self._by_task[task][form] += 1
        self._undeclared[task] += undeclared

    @property
    def have_options(self) -> bool:
        """Whether an answer is an option, or nothing is known of any row."""
        found = {form for forms in self._by_task.values() for form in forms}
        return not found or not found.isdisjoint(("option", "several"))

    def asked(self, task: str, form: Form | None) -> tuple[Form, str]:
        """What a row asks for, and its task: one for each form, where a task has several."""
        asked: Form = form or ("several" if self._undeclared[task] else "option")
        forms = set(self._by_task[task])
        if self._undeclared[task]:
            forms = forms - {"option"} | {"several"}
        apart = len(forms) > 1 and asked != "option"
        return asked, f"{task}-{asked}" if apart else task

    def told(self, way: str) -> str:
        """How the answers were understood; `way`: those that are options."""
        forms = sum(self._by_task.values(), Counter[Form]())
        said = [way] if way else []
        if mixed := sum(self._undeclared.values()):
            said.append(
                f"several right options in {mixed:,} rows, so that the questions of their tasks "
                "ask for all that apply (--map asks=option asks for one, and refuses these rows)"
            )
        elif forms["several"]:
            said.append(f"all that apply in {forms['several']:,} rows")
        said += [f"{FORM_WORDS[f]} in {forms[f]:,} rows" for f in ("number", "text") if forms[f]]
        return "; ".join(said)
