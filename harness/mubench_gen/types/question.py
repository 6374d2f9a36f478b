"""row → sample: questions about images, what is right, and the tasks that ask them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from mubench_gen.types.image import Box, Image, Polygon
from mubench_gen.types.literals import Form


@dataclass(frozen=True, slots=True)
class RightSet:
    """The options that are all right, as sorted indices; at least one."""

    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RightNumber:
    """The right number. An answer is right within `tolerance`, both ends included: so much of
    `unit`, or, where it is `relative`, that share of `value`. `unit` is empty for a bare number.
    """

    value: float
    tolerance: float = 0.0
    relative: bool = False
    unit: str = ""

    @property
    def words(self) -> str:
        """It as people write it: "12.5 µm ± 0.5"."""
        said = f"{self.value:.12g} {self.unit}".rstrip()
        if not self.tolerance:
            return said
        room = self.tolerance * (100 if self.relative else 1)
        return f"{said} ± {room:.12g}{'%' if self.relative else ''}"


@dataclass(frozen=True, slots=True)
class RightText:
    """The texts of which each is a right answer; the first is the one to show."""

    accepted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A multiple-choice question about one image. `gold` is an index into `options`.

    Where `boxes` is given, boxes are asked for and these are the right ones; `text` and the
    one option then name what is in them. `draw` makes the shown image from the row's.
    Where `right` is given, the answer is open: several of the options, or a number or a text
    without options; `gold` then means nothing, and is -1.
    """

    name: str
    text: str
    options: tuple[str, ...]
    gold: int
    boxes: tuple[Box, ...] | None = None
    draw: Callable[[Image], Image] | None = None
    right: RightSet | RightNumber | RightText | None = None

    @property
    def form(self) -> Form:
        """What it asks for."""
        if self.boxes is not None:
            return "boxes"
        if self.right is None:
            return "option"
        return _FORMS[type(self.right)]


_FORMS: dict[type, Form] = {RightSet: "several", RightNumber: "number", RightText: "text"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data set in μ-Bench's schema: its images and what is asked about them.

    `image` is the first of its images and `more_images` are the others, in their order. `key` is
    unique in the data set ("DATASET/IMAGE_ID", with "#INDEX" where that repeats).
    `captions` maps a question's name to its caption variants (`_0`, `_1`), each a caption
    an option. `meta` holds the row's other columns (stain, modality, licence, …). `boxes`
    and `polygons` mark things in the image, where the data have any.
    """

    index: int
    key: str
    image_id: str
    dataset: str
    image: Image
    questions: Mapping[str, Question]
    captions: Mapping[str, tuple[tuple[str, ...], ...]]
    meta: Mapping[str, Any]
    boxes: Sequence[Box] = ()
    polygons: Sequence[Polygon] = ()
    more_images: tuple[Image, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of the row, in their order: `<image 1>` is the first."""
        return (self.image, *self.more_images)


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked: one question of the rows of some data sets (`datasets` empty: of all).

    `datasets` are names or globs; one that begins with "!" keeps a data set out. `question`
    is the key in a row's `questions`; `fields` are the author's own entries, seen by
    templates as `task.NAME`; `sha256` digests the definition; `tags` name the subsets that
    it belongs to; `expected` is what its published data has (questions, options); `aliases` are
    pairs of an option's text and the further words that mean it, for reading replies;
    `cluster` is the field by which its items were drawn, none: the image. `answer` is what it asks
    for, None: what the rows say; `tolerance` and `unit` are those of numbers whose rows name none.
    """

    name: str
    title: str
    group: str
    question: str
    datasets: tuple[str, ...]
    source: str
    sha256: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    expected: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cluster: str = ""
    answer: Form | None = None
    tolerance: float | str | None = None
    unit: str = ""

    def asks(self, dataset: str) -> bool:
        """Whether the task is about the data set of that name."""
        return _is_meant(self.datasets, dataset)

    def questions_of(self, row: Row) -> Sequence[str]:
        """The names of the row's questions that it asks: NAME, or all parts NAME/PART."""
        if not self.asks(row.dataset):
            return ()
        if self.question in row.questions:
            return (self.question,)
        return [name for name in row.questions if name.startswith(f"{self.question}/")]


@lru_cache(maxsize=4096)  # asked for every row and task
def _is_meant(names: tuple[str, ...], dataset: str) -> bool:
    if any(fnmatchcase(dataset, name[1:]) for name in names if name.startswith("!")):
        return False
    wanted = [name for name in names if not name.startswith("!")]
    return not wanted or any(fnmatchcase(dataset, name) for name in wanted)


@dataclass(frozen=True, slots=True)
class Sample:
    """One item: a task's question about one row. `id` is unique in a data set and task.

    `image` is the first of the images that are shown, `more_images` are the others: another row's
    under `shuffled`, none under `blind`.
    """

    id: str
    task: Task
    row: Row
    question: Question
    image: Image | None
    more_images: tuple[Image, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        """All images that are shown, in the row's order."""
        return () if self.image is None else (self.image, *self.more_images)


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A sample that a prompt shows with its right answer first, and the order of its options."""

    sample: Sample
    order: tuple[int, ...]
