"""One row of μ-Bench's schema → Row, with every fault named by row and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mubench_gen.errors import DataError
from mubench_gen.types import Image, Question, Row

COLUMNS = (
    "image_id", "image", "label", "label_name", "dataset", "domain", "institution", "license",
    "microns_per_pixel", "modality", "ncbitaxon_id", "ncbitaxon_name", "pmid", "split", "stain",
    "subdomain", "submodality", "synthetic", "captions", "questions", "bbox", "polygon",
)  # fmt: skip
_NOT_META = frozenset({"image_id", "image", "dataset", "captions", "questions", "bbox", "polygon"})
_VARIANTS = 2


def row_name(columns: Mapping[str, Any]) -> str:
    """ " (image_id …)" where the row has one."""
    image_id = columns.get("image_id")
    return f" (image_id {image_id})" if image_id else ""


def to_row(
    index: int, columns: Mapping[str, Any], image: Image, *, where: str, repeated: bool
) -> Row:
    """The row, checked. `where` names file and row; `repeated`: its key stood before."""
    where += row_name(columns)
    image_id = _text(columns, "image_id", where)
    dataset = _text(columns, "dataset", where)
    key = f"{dataset}/{image_id}" + (f"#{index}" if repeated else "")
    questions = {
        name: _question(name, cell, where)
        for name, cell in _struct(columns, "questions", where).items()
        if cell is not None
    }
    return Row(
        index=index,
        key=key,
        image_id=image_id,
        dataset=dataset,
        image=image,
        questions=questions,
        captions=_Captions(_struct(columns, "captions", where), questions, where),
        meta={k: v for k, v in columns.items() if k not in _NOT_META},
    )


def _text(columns: Mapping[str, Any], column: str, where: str) -> str:
    value = columns.get(column)
    if not isinstance(value, str) or not value:
        raise DataError(f"{where}, column {column}: a text is needed, found {value!r}.")
    return value


def _struct(columns: Mapping[str, Any], column: str, where: str) -> Mapping[str, Any]:
    value = columns.get(column)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(f"{where}, column {column}: an object is needed, found {value!r:.80}.")
    return value


def _question(name: str, cell: Any, where: str) -> Question:
    where = f"{where}, column questions.{name}"
    if not isinstance(cell, dict):
        raise DataError(f"{where}: an object is needed, found {cell!r:.80}.")
    options, text = _options(cell, where), cell.get("question")
    if not isinstance(text, str) or not text:
        raise DataError(f"{where}.question: a text is needed, found {text!r}.")
    if len(set(options)) != len(options):
        raise DataError(f"{where}.options: two options are the same: {options}.")
    gold = _index(cell.get("answer_idx"), len(options), where)
    answer = cell.get("answer")
    if answer is not None and answer != options[gold]:
        raise DataError(
            f"{where}: answer_idx {gold} is {options[gold]!r}, but answer is {answer!r}."
        )
    return Question(name=name, text=text, options=options, gold=gold)


def _options(cell: Mapping[str, Any], where: str) -> tuple[str, ...]:
    options = cell.get("options")
    if not isinstance(options, list) or len(options) < 2:
        raise DataError(f"{where}.options: two or more are needed, found {options!r:.80}.")
    for option in options:
        if not isinstance(option, str) or not option.strip():
            raise DataError(f"{where}.options: an option is empty or no text: {option!r}.")
    return tuple(options)


def _index(value: Any, n: int, where: str) -> int:
    try:
        index = int(value)
    except (TypeError, ValueError):
        raise DataError(f"{where}.answer_idx: a number is needed, found {value!r}.") from None
    if not 0 <= index < n:
        raise DataError(f"{where}.answer_idx: {index} is out of range for {n} options.")
    return index


class _Captions(Mapping[str, tuple[tuple[str, ...], ...]]):
    """A row's captions, read and checked when a question's are asked for.

    Most models never look at them, and they are most of a row.
    """

    __slots__ = ("_questions", "_struct", "_where")

    def __init__(
        self, struct: Mapping[str, Any], questions: Mapping[str, Question], where: str
    ) -> None:
        self._struct = struct
        self._questions = questions
        self._where = where

    def __getitem__(self, name: str) -> tuple[tuple[str, ...], ...]:
        options = len(self._questions[name].options)
        variants = tuple(
            _variant(
                self._struct.get(f"{name}_{i}"),
                options,
                f"{self._where}, column captions.{name}_{i}",
            )
            for i in range(_VARIANTS)
        )
        if not any(variants):
            raise KeyError(name)
        return variants

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._questions if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _variant(cell: Any, n: int, where: str) -> tuple[str, ...]:
    if cell is None:
        return ()
    options = cell.get("options") if isinstance(cell, dict) else None
    if not isinstance(options, list) or not all(isinstance(o, str) for o in options):
        raise DataError(f"{where}: a list of captions is needed under options.")
    if len(options) != n:
        raise DataError(f"{where}: {len(options)} captions for {n} options.")
    return tuple(options)
