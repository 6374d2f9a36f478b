"""What a data set knows of all its rows without decoding them: names, keys, questions.

Made of a few small buffers of each record batch, without pyarrow.compute and pandas, whose
imports take longer than all of the work here.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.data.columnar import validity
from mubench_gen.data.schema import QUESTION_IS_GIVEN_BY, dataset_name, no_dataset
from mubench_gen.errors import DataError
from mubench_gen.types import Form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Index:
    """`repeated[i]`: 1 if an earlier row has the key of row i. `questions`: rows by (set, name),
    `forms`: what they ask for."""

    repeated: array[int]
    questions: dict[tuple[str, str], int]
    forms: dict[tuple[str, str], Form]


class IndexMaker:
    """Takes the record batches of all files in order, and makes the index of them."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str | None]] = set()
        self._repeated = array("b")
        self._asked: Counter[tuple[str, int]] = Counter()
        self._bits: dict[str, int] = {}
        self._forms: dict[str, Form] = {}

    def add(self, path: Path, first: int, batch: Any) -> None:
        """`first` is the number of the batch's first row in its file."""
        if batch.num_rows == 0:
            return
        names = _dataset_names(path, first, batch)
        for key in zip(names, batch.column("image_id").to_pylist(), strict=True):
            self._repeated.append(key in self._keys)
            self._keys.add(key)
        self._asked.update(zip(names, self._masks(path, batch.column("questions")), strict=True))

    def make(self) -> Index:
        found: Counter[tuple[str, str]] = Counter()
        for (name, mask), n in self._asked.items():
            for question, bit in self._bits.items():
                if mask >> bit & 1:
                    found[name, question] += n
        forms = {pair: self._forms[pair[1]] for pair in found}
        return Index(self._repeated, dict(sorted(found.items())), forms)

    def _note_form(self, path: Path, name: str, cells: Any, given: NDArray[np.bool_]) -> None:
        form = form_of_column(cells, given)
        if form is None or (given.any() and self._forms.setdefault(name, form) != form):
            raise DataError(
                f"{path}, column questions.{name}: some rows ask for one form of answer and "
                "others for another (one option, several, a number, a text). Give each form a "
                "question name of its own."
            )

    def _masks(self, path: Path, questions: Any) -> list[int]:
        """For each row, a bit for each question that it has."""
        import numpy as np

        whole = validity(questions)
        masks = np.zeros(len(questions), dtype=np.int64)
        for i, field in enumerate(questions.type):
            bit = self._bits.setdefault(field.name, len(self._bits))
            given = whole & _given(questions.field(i))
            self._note_form(path, field.name, questions.field(i), given)
            masks |= given.astype(np.int64) << bit
        found: list[int] = masks.tolist()
        return found


def _dataset_names(path: Path, first: int, batch: Any) -> list[str]:
    """The column `dataset`, with the names that only the stain gives filled in."""
    column = batch.column("dataset").to_pylist()
    if all(column):
        return list(column)
    found = []
    there = "stain" in batch.schema.names
    stains = batch.column("stain").to_pylist() if there else [None] * len(column)
    for at, stain in enumerate(stains):
        name = dataset_name(column[at], stain)
        if name is None:
            problem = no_dataset(column[at], stain)
            raise DataError(f"{path}, row {first + at + 1}, {problem}")
        found.append(name)
    return found


def _given(cells: Any) -> NDArray[np.bool_]:
    """Where a question is not NULL."""
    import numpy as np
    import pyarrow.types as kinds

    valid = validity(cells)
    if not kinds.is_struct(cells.type):
        return valid
    places = [cells.type.get_field_index(name) for name in QUESTION_IS_GIVEN_BY]
    children = [validity(cells.field(i)) for i in places if i >= 0]
    return valid & np.logical_or.reduce(children) if children else valid


def form_of_column(cells: Any, given: NDArray[np.bool_]) -> Form | None:
    """What a column of questions asks for, by its types; None where rows with and without options
    are mixed."""
    import pyarrow.types as kinds

    if not kinds.is_struct(cells.type):
        return "option"
    types = {field.name: field.type for field in cells.type}
    if _is(kinds.is_list, types.get("answer_idx")):
        return "several"
    lacks = given.copy()  # rows that have neither options nor the number of one
    for name in ("options", "answer_idx"):
        if name in types:
            lacks &= ~validity(cells.field(cells.type.get_field_index(name)))
    if not lacks.any():
        listed = _is(kinds.is_list, types.get("answer")) and "answer_idx" not in types
        return "several" if listed else "option"
    if not lacks[given].all():
        return None
    answer = types.get("answer")
    numeric = _is(kinds.is_integer, answer) or _is(kinds.is_floating, answer)
    return "number" if numeric or "tolerance" in types else "text"


def _is(kind: Callable[[Any], bool], of: Any) -> bool:
    return of is not None and kind(of)
