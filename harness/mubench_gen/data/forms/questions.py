"""A table of questions about images → rows of μ-Bench's schema.

The table is read twice: what its answers mean is decided by all of them, before any is used.
Between the two, rows wait in a temporary file, without their images.
"""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from mubench_gen.data.forms import explained
from mubench_gen.data.forms.answers import MIXED, WAYS, AnswerColumn, chosen, is_hidden, readings
from mubench_gen.data.forms.cells import is_missing, text_of
from mubench_gen.data.forms.open_answers import (
    FormsSeen,
    form_of_row,
    number_in,
    open_cell,
    several_in,
    texts_in,
)
from mubench_gen.data.forms.parts import (
    PLACE,
    Offered,
    caption_of,
    dataset_of,
    facts_of,
    grouped,
    options_in,
    question_of,
    task_name,
    task_of,
)
from mubench_gen.data.forms.pictures import NamedImage, Pictures, identifier
from mubench_gen.data.forms.roles import Wishes, is_own, roles_of
from mubench_gen.data.forms.tables import Table, TableRow
from mubench_gen.data.schema import check_row, to_row
from mubench_gen.errors import DataError, ImageError
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.types import Form

OWN_TASK = "classification"


@dataclass(slots=True)
class _Waiting:
    """A row between the first and the second reading."""

    where: str
    fault: str | None = None
    id: str = ""
    question: Any = None
    options: Sequence[Offered] = ()
    answer: Any = None
    images: Sequence[NamedImage] = ()
    form: Form | None = None
    task: str = ""
    dataset: str = ""
    caption: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Questions:
    """Reads a table. After `rows` was gone through, `told`, `warnings` and `faults` are whole."""

    def __init__(
        self,
        table: Table,
        name: str,
        wishes: Wishes,
        pictures: Pictures,
        *,
        license_name: str | None = None,
        about: Sequence[str] | None = None,
    ) -> None:
        """`about`: what is said of the table in place of how its columns were understood."""
        self.path = table.path
        own = is_own(table.path, table.columns)
        self.roles = roles_of(table.path, table.columns, wishes, own=own)
        self.name = name
        self.task = OWN_TASK if own else task_name(name)
        self.told: list[str] = list(about or ())
        self._describes_itself = about is not None
        self.warnings: list[str] = []
        self.faults: list[str] = []
        self.tasks: dict[str, str] = {}  # and the question of each
        self._table = table
        self._wishes = wishes
        self._pictures = pictures
        self._license = license_name
        self._answers = AnswerColumn(table.path, self.roles.answer)
        self._owners: dict[str, Sequence[NamedImage]] = {}
        self._ids: Counter[str] = Counter()
        self._splits: Counter[str] = Counter()
        self._forms = FormsSeen()
        self._hidden = self._rows = 0

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(file and row, columns of the schema) of each sound row; the others are `faults`."""
        with tempfile.TemporaryFile(prefix="mubench-gen-") as waiting:
            self._read(waiting)
            if self._hidden == self._rows:
                raise DataError(explained.no_answers(self.path, self.roles))
            wanted = self._wishes.choices.get("answer_as")
            way = self._answers.way(wanted) if self._forms.have_options else ""
            self._tell(way)
            waiting.seek(0)
            made = self._made(waiting, way)
            yield from grouped(made) if self.roles.task else made

    def _read(self, waiting: IO[bytes]) -> None:
        only = self._wishes.choices.get("only")
        for number, row in enumerate(self._table.rows(), 1):
            split = text_of(row.cells.get(self.roles.split)) if self.roles.split else None
            if split:
                self._splits[split] += 1
            if only is not None and split != only:
                continue
            self._rows += 1
            pickle.dump(self._first_look(row, number), waiting)
        if only is not None and not self._rows:
            raise DataError(explained.no_such_split(self.path, only, self._splits))
        if not self._rows:
            raise DataError(f"{self.path}: holds no question.")

    def _first_look(self, row: TableRow, number: int) -> _Waiting:
        """What stands in a row, with the first fault that is found; its answer is noted."""
        roles, cells = self.roles, row.cells
        found = _Waiting(row.where)
        try:
            found.question = question_of(row, roles)
            found.task = task_of(row, roles, self.task)
            found.form = form_of_row(row, roles, self._wishes.choices.get("asks"))
            found.answer = cells.get(roles.answer)
            self._take_answer(found, row)
            found.images = self._images(row, number)
            found.caption = caption_of(row, roles)
            found.dataset = dataset_of(row, roles)
        except DataError as error:
            found.fault = str(error)
        found.id = self._id(row, number, found.images)
        if roles.id and found.images and not found.images[0].owner:
            self._owners.setdefault(found.id, found.images)
        found.facts = facts_of(row, roles)
        return found

    def _take_answer(self, found: _Waiting, row: TableRow) -> None:
        """Note the row's answer and what it asks for; a number or a text is kept as it is meant."""
        if found.form in ("number", "text"):
            if is_missing(found.answer):
                self._note_answer(found)
            number = found.form == "number"
            found.answer = number_in(row, self.roles) if number else texts_in(row, self.roles)
            self._forms.note(found.task, found.form)
            return
        found.options = options_in(row, self.roles)
        self._note_answer(found)
        declared = found.form == "several"
        several = None
        if found.form != "option":
            several = several_in(found.answer, found.options, declared=declared)
        if several is not None:
            found.answer, found.form = several, "several"
        self._note_options(found)
        undeclared = several is not None and not declared
        self._forms.note(found.task, found.form or "option", undeclared=undeclared)

    def _note_answer(self, found: _Waiting) -> None:
        if is_hidden(found.answer):
            self._hidden += 1
            raise DataError(explained.hidden_answer(found.where, self.roles, found.answer))

    def _note_options(self, found: _Waiting) -> None:
        answer = found.answer
        if found.form != "several" and isinstance(answer, list) and len(answer) > 1:
            raise DataError(explained.several_answers(found.where, self.roles, answer))
        row = found.where.removeprefix(f"{self.path}, ")
        for one in answer if found.form == "several" else [answer]:
            self._answers.note(row, one, found.options)

    def _images(self, row: TableRow, number: int) -> Sequence[NamedImage]:
        columns = self.roles.images
        try:
            shown = self._pictures.of(row, number, columns)
            if not shown and self.roles.second_images:
                columns = self.roles.second_images
                shown = self._pictures.of(row, number, columns)
        except ImageError as error:
            told = str(error).rstrip(".")
            raise DataError(f"{row.where}, column {'+'.join(columns)}: {told}.") from None
        if not shown:
            raise DataError(
                f"{row.where}, column {'+'.join(columns)}: a file's name is needed, or an image; "
                "found nothing. Give the row an image, or take it out."
            )
        return shown

    def _id(self, row: TableRow, number: int, images: Sequence[NamedImage]) -> str:
        given = row.cells.get(self.roles.id) if self.roles.id else None
        if not is_missing(given) and identifier(given):
            return identifier(given)
        return self._pictures.paths_of(images) or str(number)

    def _made(self, waiting: IO[bytes], way: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for _ in range(self._rows):
            row: _Waiting = pickle.load(waiting)
            try:
                yield row.where, self._columns(row, way)
            except DataError as error:
                self.faults.append(str(error))

    def _columns(self, row: _Waiting, way: str) -> dict[str, Any]:
        """A row as columns of the schema. DataError where something is wrong with it."""
        if row.fault is not None:
            raise DataError(row.fault)
        texts = [option.text for option in row.options]
        form, task = self._forms.asked(row.task, row.form)
        names = [shown.name for shown in self._resolved(row)]
        cells = [{"bytes": None, "path": name} for name in names]
        dataset = row.dataset or self.name
        license_name = {} if self._license is None else {"license": self._license}
        question = {"question": row.question, **self._right(row, form, way)}
        captions = [row.caption.replace(PLACE, text) for text in texts]
        columns = {
            "image_id": row.id,
            "image": cells[0] if len(cells) == 1 else cells,
            "dataset": dataset,
            **license_name,
            **row.facts,
            "questions": {task: question},
            "captions": {f"{task}_0": {"options": captions}} if row.caption and texts else {},
        }
        first, *others = (open_image(name, bytes, StandardPolicy()) for name in names)
        more = tuple(others)
        check_row(
            to_row(
                0,
                columns,
                first,
                where=row.where,
                repeated=False,
                regions=lambda: columns,
                more_images=more,
            )
        )
        self.tasks[task] = task
        self._ids[f"{dataset}/{row.id}"] += 1
        return columns

    def _right(self, row: _Waiting, form: Form, way: str) -> dict[str, Any]:
        """The options and the right answer of a row, as the schema has them."""
        if form not in ("option", "several"):
            return open_cell(row.answer)
        given = row.answer if row.form == "several" else [row.answer]
        right = [chosen(readings(one, row.options), way) for one in given]
        if None in right:
            raise DataError(
                explained.no_option(
                    row.where, self.roles, given[right.index(None)], row.options, way
                )
            )
        texts = [option.text for option in row.options]
        return {"options": texts, "answer_idx": right if form == "several" else right[0]}

    def _resolved(self, row: _Waiting) -> Iterator[NamedImage]:
        """The row's images, with those of other rows in place of their numbers."""
        for shown in row.images:
            if not shown.owner:
                yield shown
                continue
            images = self._owners.get(shown.owner)
            if images is None:
                raise DataError(
                    explained.no_image(row.where, self.roles, shown.owner, self._table.base)
                )
            yield from images

    def _tell(self, way: str) -> None:
        self.warnings += self._answers.warnings(way)
        if len(self._splits) > 1:
            names = ", ".join(f"{name} ({n:,})" for name, n in self._splits.items())
            self.told.append(f"split: {names}; --map only=NAME takes one")
        if self._describes_itself:
            return
        meant = WAYS.get(way, MIXED) if way else ""
        self.told += [
            *self._table.told,
            *explained.columns_read(self.roles, self._forms.told(meant), self._pictures.kinds),
        ]

    def doubled(self) -> Iterator[str]:
        """A warning where ids stand twice."""
        twice = [name for name, n in self._ids.items() if n > 1]
        if twice and self.roles.id:
            yield explained.repeated_ids(self.path, self.roles, twice)
