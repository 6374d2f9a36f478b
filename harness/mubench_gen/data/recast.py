"""Marked things in images, recast as questions: a data set with those questions added.

`boxes/NAME` asks for the boxes of everything of one name. `which_box/NAME` and
`count/NAME` are multiple choice, so that models without boxes, and contrastive ones, take
part. Wrong options are drawn by the row's key, so that all runs have the same.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from mubench_gen.data.dataset import Dataset
from mubench_gen.data.derived import Derived
from mubench_gen.data.lazy import Lazy
from mubench_gen.data.marking import COLOURS, Marks
from mubench_gen.images.geometry import marked
from mubench_gen.types import Box, Question, Row

BOXES, WHICH_BOX, COUNT = "boxes", "which_box", "count"
RECAST = (BOXES, WHICH_BOX, COUNT)
_NONE = "none of the above"
_COUNTS = 4  # numbers offered

Captions = tuple[tuple[str, ...], ...]


class RecastDataset(Derived):
    """A data set whose rows also have the questions made of what is marked in them.

    `wanted` says for which data sets (by name); rows of others are left as they are.
    """

    def __init__(self, dataset: Dataset, wanted: Callable[[str], bool]) -> None:
        super().__init__(dataset)
        self._wanted = wanted

    @cached_property
    def questions(self) -> dict[tuple[str, str], int]:
        """Counts by (data set, question); those made here under their first part."""
        counts = Counter(self._dataset.questions)
        for row in self._dataset:
            if self._wanted(row.dataset):
                names = {box.name for box in marked(row)}
                for question in RECAST:
                    counts[row.dataset, question] += len(names)
        return {pair: n for pair, n in counts.items() if n}

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Row:
        return self._recast(self._dataset[index])

    def __iter__(self) -> Iterator[Row]:
        return (self._recast(row) for row in self._dataset)

    def _recast(self, row: Row) -> Row:
        return recast(row) if self._wanted(row.dataset) else row


def recast(row: Row) -> Row:
    """The row with the questions made of its marks, and captions for those to choose from."""
    made = Lazy(lambda: _questions(row))
    return replace(
        row,
        questions=Lazy(lambda: {**row.questions, **made}),
        captions=Lazy(lambda: {**row.captions, **_captions(made)}),
    )


def _questions(row: Row) -> dict[str, Question]:
    boxes, found = marked(row), {}
    for name in sorted({box.name for box in boxes}):
        same = tuple(box for box in boxes if box.name == name)
        others = tuple(box for box in boxes if box.name != name)
        for question in (
            _boxes(name, same),
            _which_box(row, name, same, others),
            _count(row, name, len(same)),
        ):
            found[question.name] = question
    return found


def _boxes(name: str, same: tuple[Box, ...]) -> Question:
    said = _said(name)
    return Question(f"{BOXES}/{name}", said, (said,), 0, boxes=same)


def _which_box(row: Row, name: str, same: tuple[Box, ...], others: tuple[Box, ...]) -> Question:
    question = f"{WHICH_BOX}/{name}"
    drawn = _generator(row, question)
    place = drawn.randrange(len(COLOURS))
    return Question(
        name=question,
        text=f"Which of the drawn boxes holds the {_said(name)}?",
        options=(*(f"the {colour} box" for colour in COLOURS), _NONE),
        gold=place,
        draw=Marks(drawn.choice(same), place, same, others, seed=drawn.getrandbits(32)),
    )


def _count(row: Row, name: str, n: int) -> Question:
    question = f"{COUNT}/{name}"
    drawn = _generator(row, question)
    numbers = _numbers(drawn, n)
    return Question(
        name=question,
        text=f"How many instances of {_said(name)} are in this image?",
        options=(*map(str, numbers), _NONE),
        gold=numbers.index(n),
    )


def _numbers(drawn: random.Random, n: int) -> list[int]:
    """n and other numbers around it, shuffled; how many are below n is drawn too."""
    step = max(1, round(n / 4))
    below = min(drawn.randrange(_COUNTS), (n - 1) // step)
    numbers = [n + step * i for i in range(-below, _COUNTS - below)]
    drawn.shuffle(numbers)
    return numbers


def _captions(questions: Mapping[str, Question]) -> dict[str, Captions]:
    found: dict[str, Captions] = {}
    for name, question in questions.items():
        kind, _, thing = name.partition("/")
        said, options = _said(thing), question.options[:-1]
        if kind == WHICH_BOX:
            short = [f"{option} holds the {said}" for option in options]
            found[name] = _variants(short, [f"A micrograph in which {text}." for text in short])
        elif kind == COUNT:
            short = [f"{option} instances of {said}" for option in options]
            found[name] = _variants(short, [f"A micrograph with {text}." for text in short])
    return found


def _variants(*variants: list[str]) -> Captions:
    return tuple((*texts, _NONE) for texts in variants)


def _said(name: str) -> str:
    """A class as a prompt says it: "late_prophase" → "late prophase"."""
    return " ".join(name.replace("_", " ").split()) or "object"


def _generator(row: Row, question: str) -> random.Random:
    digest = hashlib.sha256(f"recast\0{row.key}\0{question}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))
