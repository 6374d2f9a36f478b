"""One row of μ-Bench's schema → Row, with every fault named by row and column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mubench_gen.data.image_columns import is_image_column
from mubench_gen.data.lazy import Lazy, LazyList
from mubench_gen.data.regions import boxes_of, polygons_of
from mubench_gen.data.right_answers import form_in, open_question, right_set
from mubench_gen.errors import DataError, QuestionError
from mubench_gen.prompts.image_places import numbered
from mubench_gen.types import Image, Question, Row

COLUMNS = (
    "image_id", "image", "label", "label_name", "dataset", "domain", "institution", "license",
    "microns_per_pixel", "modality", "ncbitaxon_id", "ncbitaxon_name", "pmid", "split", "stain",
    "subdomain", "submodality", "synthetic", "captions", "questions", "bbox", "polygon",
)  # fmt: skip
_NOT_META = frozenset(
    {"image_id", "image", "images", "dataset", "captions", "questions", "bbox", "polygon",
     "instances"}
)  # fmt: skip
_VARIANTS = 2
# The published rows of these two data sets have no `dataset`: the stain tells which it is.
_HELD_BY_STAIN = {
    "H2B-mCherry": "held_et_al_2010_h2b",
    "GalT-EGFP": "held_et_al_2010_galt",
}
# A question is NULL where all of these are: some writers keep no NULL of a whole struct.
QUESTION_IS_GIVEN_BY = ("question", "answer", "answer_idx")


def row_name(columns: Mapping[str, Any]) -> str:
    """ " (image_id …)" where the row has one."""
    image_id = columns.get("image_id")
    return f" (image_id {image_id})" if image_id else ""


def dataset_name(dataset: Any, stain: Any) -> str | None:
    """The row's data set: its column, or what the stain tells where that is NULL."""
    if isinstance(dataset, str) and dataset:
        return dataset
    if dataset is None and isinstance(stain, str):
        return _HELD_BY_STAIN.get(stain.replace("–", "-"))
    return None


def no_dataset(dataset: Any, stain: Any) -> str:
    """The message about a row without a known data set."""
    if dataset is not None:
        return f"column dataset: a text is needed, found {dataset!r}."
    return (
        "column dataset: NULL, which only the Held rows may have "
        f"(stain H2B-mCherry or GalT–EGFP); the stain here is {stain!r}."
    )


def to_row(
    index: int,
    columns: Mapping[str, Any],
    image: Image,
    *,
    where: str,
    repeated: bool,
    regions: Callable[[], Mapping[str, Any]] | None = None,
    more_images: tuple[Image, ...] = (),
) -> Row:
    """The row. `where` names file and row; `repeated`: an earlier row has its key.

    Questions, captions, meta, boxes and polygons are made, and checked, when they are first
    looked at. `regions` gives the columns `bbox` and `polygon`; None: nothing is marked. Markers
    of images in questions (`<image>`) are numbered.
    """
    image_id = columns.get("image_id")
    where = f"{where} (image_id {image_id})" if image_id else where
    if not isinstance(image_id, str) or not image_id:
        raise DataError(f"{where}, column image_id: a text is needed, found {image_id!r}.")
    dataset = columns.get("dataset")
    if not isinstance(dataset, str) or not dataset:
        dataset = dataset_name(dataset, stain := columns.get("stain"))
        if dataset is None:
            raise DataError(f"{where}, {no_dataset(columns.get('dataset'), stain)}")
    key = f"{dataset}/{image_id}" + (f"#{index}" if repeated else "")
    questions = Lazy(_questions, columns, where, 1 + len(more_images))
    return Row(
        index=index,
        key=key,
        image_id=image_id,
        dataset=dataset,
        image=image,
        questions=questions,
        captions=_Captions(columns, questions, where),
        meta=Lazy(_meta, columns),
        boxes=() if regions is None else LazyList(boxes_of, regions, where),
        polygons=() if regions is None else LazyList(polygons_of, regions, where),
        more_images=more_images,
    )


def check_row(row: Row) -> None:
    """DataError where anything of the row is not of the schema."""
    for part in (row.questions, row.meta, row.boxes, row.polygons):
        len(part)
    if isinstance(row.captions, _Captions):
        row.captions.check()


def _meta(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: columns[name]
        for name in columns
        if name not in _NOT_META and not is_image_column(name)
    }


def _questions(columns: Mapping[str, Any], where: str, images: int) -> dict[str, Question]:
    return {
        name: _question(name, cell, where, images)
        for name, cell in _struct(columns, "questions", where).items()
        if not _is_null(cell)
    }


def _is_null(cell: Any) -> bool:
    return cell is None or (
        isinstance(cell, dict)
        and cell.get("answer_idx") is None
        and all(cell.get(key) is None for key in QUESTION_IS_GIVEN_BY)
    )


def _struct(columns: Mapping[str, Any], column: str, where: str) -> Mapping[str, Any]:
    value = columns.get(column)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(f"{where}, column {column}: an object is needed, found {value!r:.80}.")
    return value


def _question(name: str, cell: Any, where: str, images: int) -> Question:
    where = f"{where}, column questions.{name}"
    if not isinstance(cell, dict):
        raise DataError(f"{where}: an object is needed, found {cell!r:.80}.")
    form = form_in(cell, where)
    asks_options = form in ("option", "several")
    options = _options(cell, where) if asks_options else ()
    text = cell.get("question")
    if not isinstance(text, str) or not text:
        raise DataError(f"{where}.question: a text is needed, found {text!r}.")
    gold, right = -1, None
    if form == "several":
        right = right_set(cell, options, where)
    elif asks_options:
        gold = _gold(cell, options, where)
    try:
        text, *shown = numbered((text, *options), images)
    except QuestionError as error:
        raise DataError(f"{where}: {error}.") from None
    if not asks_options:
        return open_question(name, cell, form, text, where)
    if len(set(shown)) != len(shown):
        raise DataError(f"{where}.options: two options are the same: {list(options)}.")
    return Question(name=name, text=text, options=tuple(shown), gold=gold, right=right)


def _gold(cell: Mapping[str, Any], options: tuple[str, ...], where: str) -> int:
    gold = _index(cell.get("answer_idx"), len(options), where)
    answer = cell.get("answer")
    if answer is not None and answer != options[gold]:
        raise DataError(
            f"{where}: answer_idx {gold} is {options[gold]!r}, but answer is {answer!r}."
        )
    return gold


def _options(cell: Mapping[str, Any], where: str) -> tuple[str, ...]:
    options = cell.get("options")
    if not isinstance(options, list) or len(options) < 2:
        raise DataError(f"{where}.options: two or more are needed, found {options!r:.80}.")
    if not _are_texts(options) or not all(map(str.strip, options)):
        wrong = next(o for o in options if not isinstance(o, str) or not o.strip())
        raise DataError(f"{where}.options: an option is empty or no text: {wrong!r}.")
    return tuple(options)


def _are_texts(values: list[Any]) -> bool:
    """Whether all are str; made for speed, as a row has hundreds."""
    return set(map(type, values)) <= {str}


def _index(value: Any, n: int, where: str) -> int:
    digits = isinstance(value, str) and len(value) < 20 and value.removeprefix("-").isdecimal()
    if not digits and (not isinstance(value, int) or isinstance(value, bool)):
        raise DataError(f"{where}.answer_idx: a whole number is needed, found {value!r:.80}.")
    index = int(value)
    if not 0 <= index < n:
        raise DataError(f"{where}.answer_idx: {index} is out of range for {n} options.")
    return index


class _Captions(Mapping[str, tuple[tuple[str, ...], ...]]):
    """A row's captions, read and checked when a question's are asked for.

    Most models never look at them, and they are most of a row.
    """

    __slots__ = ("_columns", "_questions", "_where")

    def __init__(
        self, columns: Mapping[str, Any], questions: Mapping[str, Question], where: str
    ) -> None:
        self._columns = columns
        self._questions = questions
        self._where = where

    def __getitem__(self, name: str) -> tuple[tuple[str, ...], ...]:
        variants = self._variants(name)
        if not any(variants):
            raise KeyError(name)
        return variants

    def check(self) -> None:
        """DataError where a caption of any question is not of the schema."""
        for name in self._questions:
            self._variants(name)

    def _variants(self, name: str) -> tuple[tuple[str, ...], ...]:
        question = self._questions[name]
        struct = _struct(self._columns, "captions", self._where)
        return tuple(
            _variant(struct.get(f"{name}_{i}"), question, (self._where, name, i))
            for i in range(_VARIANTS)
        )

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._questions if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _variant(cell: Any, question: Question, place: tuple[str, str, int]) -> tuple[str, ...]:
    """One variant's captions; `place` is formatted for an error alone, which saves time."""
    options = cell.get("options") if isinstance(cell, dict) else None
    if cell is None or (options is None and isinstance(cell, dict) and _is_null(cell)):
        return ()
    where = "{}, column captions.{}_{}".format
    if not isinstance(options, list) or not _are_texts(options) or not all(options):
        raise DataError(f"{where(*place)}: a list of captions is needed under options.")
    if len(options) != len(question.options):
        n = len(question.options)
        raise DataError(f"{where(*place)}: {len(options)} captions for {n} options.")
    told = cell.get("answer_idx")
    if told is not None and str(told) != str(question.gold):
        _index(told, len(options), where(*place))
        raise DataError(
            f"{where(*place)}.answer_idx: {told!r}, but the question's answer_idx is "
            f"{question.gold}."
        )
    return tuple(options)
