"""Which column of a table is the question, the options, the answer, the image: by their names.

What `--map` says wins. Everything that was decided is told, a line a part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mubench_gen.data.forms.cells import label_of
from mubench_gen.data.image_columns import image_columns
from mubench_gen.data.right_answers import known_form
from mubench_gen.errors import DataError, SettingError, did_you_mean

NAMES: dict[str, tuple[str, ...]] = {
    "question": ("question", "query", "prompt", "question_text", "instruction", "text"),
    "options": ("options", "choices", "multi_choice", "candidates", "answer_choices", "option"),
    "answer": (
        "answer", "correct_answer", "answer_idx", "answer_index", "answer_label", "correct",
        "correct_choice", "correct_option", "correct_index", "correct_idx", "correct_option_index",
        "gold", "ground_truth", "gt_answer", "gt", "label", "target",
    ),
    "image": (
        "image", "images", "image_path", "image_paths", "image_file", "file_name", "filename",
        "img", "img_path", "picture", "pictures", "figure_path", "path",
    ),
    "id": ("index", "id", "question_id", "qid", "sample_id", "uid", "uuid", "key", "image_id"),
    "hint": ("hint",),
    "split": ("split",),
    "caption": ("caption",),
    "task": ("task",),
    "dataset": ("dataset",),
    "form": ("answer_form",),
    "tolerance": ("tolerance",),
    "unit": ("unit",),
}  # fmt: skip
# How something is read, which no column says.
CHOICES = ("asks", "answer_as", "separator", "encoding", "sheet", "only", "folder", "names", "name")
_ONLY_AS_ASKED = ("caption", "task")  # unless the table is of the form of one's own images
_OWN_COLUMNS = frozenset({"question", "answer"})  # and image, or image_1, …
_OR_OPEN = frozenset({"options", "tolerance", "answer_form"})  # and one of these
_OWN_SUFFIXES = (".csv", ".jsonl", ".xlsx")
_SERIES = re.compile(r"(?:option|choice|opt|answer_choice|candidate|option_text)_?([a-z]|\d{1,2})")
_IMAGES = re.compile(r"(?:image|img|picture|figure)_?(\d{1,2})(?:_path)?")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What `--map` says: `columns` by part, and how things are read."""

    columns: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)


def wishes_of(mapping: Mapping[str, str]) -> Wishes:
    """The wishes of `--map`. SettingError for a part that there is none of."""
    known = (*NAMES, *CHOICES)
    for part in mapping:
        if part not in known:
            raise SettingError(
                f"--map {part}=…: there is no part {part!r}. {did_you_mean(part, known)} "
                f"The parts are {', '.join(known)}."
            )
    return Wishes(
        {part: name for part, name in mapping.items() if part in NAMES},
        {part: value for part, value in mapping.items() if part in CHOICES},
    )


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of each part. `series`: (label, column) where each option has a column."""

    question: str
    answer: str
    options: str | None
    series: tuple[tuple[str, str], ...]
    images: tuple[str, ...]
    second_images: tuple[str, ...] = ()
    id: str | None = None
    hint: str | None = None
    split: str | None = None
    caption: str | None = None
    task: str | None = None
    dataset: str | None = None
    form: str | None = None
    tolerance: str | None = None
    unit: str | None = None
    unused: tuple[str, ...] = ()

    def used(self) -> set[str]:
        """All columns that have a part."""
        plain = (
            self.question, self.answer, self.options, self.id, self.hint, self.split,
            self.caption, self.task, self.dataset, self.form, self.tolerance, self.unit,
        )  # fmt: skip
        series = (name for _, name in self.series)
        return {*filter(None, plain), *series, *self.images, *self.second_images}


def plain(name: str) -> str:
    """A column's name for comparison: "Question ID" is question_id."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def is_own(path: Path, columns: Sequence[str]) -> bool:
    """Whether a table is of the form of one's own images."""
    named = set(columns) >= _OWN_COLUMNS and bool(image_columns(columns))
    return named and not _OR_OPEN.isdisjoint(columns) and path.suffix.lower() in _OWN_SUFFIXES


def roles_of(path: Path, columns: Sequence[str], wishes: Wishes, *, own: bool = False) -> Roles:
    """The parts of these columns. DataError for a part that is not there, with what to type.

    `own`: a table of one's own images, whose columns `caption` and `task` have a meaning.
    """
    named = _named(path, columns, wishes)
    plains: dict[str, str] = {}
    for column in columns:
        plains.setdefault(plain(column), column)

    def found(part: str) -> str | None:
        if part in named:
            return named[part][0]
        taken = {name for names in named.values() for name in names}
        if part in _ONLY_AS_ASKED and not own:
            return None
        wanted = (plains[name] for name in NAMES[part] if name in plains)
        return next((name for name in wanted if name not in taken), None)

    options = found("options")
    series = () if options else _series(columns)
    if "options" in named and len(named["options"]) > 1:
        labels = _labels(named["options"])
        options, series = None, tuple(zip(labels, named["options"], strict=True))
    question, answer = found("question"), found("answer")
    asks = known_form(wishes.choices["asks"], "--map asks") if "asks" in wishes.choices else None
    form = found("form")
    has_numbers = asks == "number" or form is not None or not (options or series)
    of_numbers = {part: found(part) if has_numbers else None for part in ("tolerance", "unit")}
    is_open = asks in ("number", "text") or form or of_numbers["tolerance"]
    if question is None or answer is None or not (options or series or is_open):
        raise DataError(_lacking(path, columns, question, options or series, answer))
    images, second = _image_columns(columns, plains, named.get("image"))
    if not images:
        raise DataError(
            f"{path}: no column holds an image; there are: {', '.join(columns)}. "
            "Type --map image=COLUMN."
        )
    return Roles(
        question, answer, options, series, images, second,
        **{part: found(part) for part in ("id", "hint", "split", "caption", "task", "dataset")},
        **of_numbers,
        form=form,
        unused=_unused(plains, question, answer, options),
    )  # fmt: skip


def _named(path: Path, columns: Sequence[str], wishes: Wishes) -> dict[str, list[str]]:
    """The columns that the user named, by part."""
    found: dict[str, list[str]] = {}
    for part, given in wishes.columns.items():
        names = [given] if given in columns else [name.strip() for name in given.split("+")]
        for name in names:
            if name not in columns:
                raise DataError(
                    f"{path}: --map {part}={given}: there is no column {name!r}. "
                    f"{did_you_mean(name, columns)} There are: {', '.join(columns)}."
                )
        found[part] = names
    return found


def _series(columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(label, column) of options that stand in a column each: A, B, …; option_a, …; choice_0, …"""
    letters = [(name, name) for name in columns if re.fullmatch("[A-Z]", name)]
    if [label for label, _ in sorted(letters)][:2] == ["A", "B"]:
        return tuple(sorted(letters))
    found = [(match[1], name) for name in columns if (match := _SERIES.fullmatch(plain(name)))]
    numbers = sorted((pair for pair in found if pair[0].isdecimal()), key=lambda p: int(p[0]))
    words = sorted((label.upper(), name) for label, name in found if not label.isdecimal())
    if len(words) > 1 and words[0][0] == "A":
        return tuple(words)
    if len(numbers) > 1 and int(numbers[0][0]) in (0, 1):
        return tuple(numbers)
    small = sorted((name.upper(), name) for name in columns if re.fullmatch("[a-z]", name))
    return tuple(small) if [label for label, _ in small][:2] == ["A", "B"] else ()


def _labels(names: Sequence[str]) -> list[str]:
    return [label_of(place) for place in range(len(names))]


def _image_columns(
    columns: Sequence[str], plains: Mapping[str, str], named: list[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of a row's images, and those that are looked at where these are empty."""
    if named is not None:
        return tuple(named), ()
    numbered = [(int(m[1]), name) for name in columns if (m := _IMAGES.fullmatch(plain(name)))]
    series = tuple(name for _, name in sorted(numbered))
    single = [plains[name] for name in NAMES["image"] if name in plains]
    if series:
        first = tuple(name for name in single[:1] if plain(name) == "image")
        return (*first, *series), ()
    return tuple(single[:1]), tuple(single[1:2])


def _unused(
    plains: Mapping[str, str], question: str, answer: str, options: str | None
) -> tuple[str, ...]:
    """Columns that could have been one of the parts too."""
    parts = ("question", "options", "answer")
    named = [plains[name] for part in parts for name in NAMES[part] if name in plains]
    return tuple(dict.fromkeys(n for n in named if n not in (question, answer, options)))


_OPEN = (
    " If the answers are numbers or short texts, which have no options, type --map asks=number or "
    "--map asks=text."
)


def _lacking(
    path: Path, columns: Sequence[str], question: object, options: object, answer: object
) -> str:
    parts = {"question": question, "options": options, "answer": answer}
    missing = [part for part, column in parts.items() if not column]
    typed = ",".join(f"{part}=COLUMN" for part in missing)
    return (
        f"{path}: no column is known as {' or '.join(missing)}; there are: "
        f"{', '.join(columns)}. Say which it is: --map {typed} "
        "(options in a column each: --map options=FIRST+SECOND+…)."
        f"{'' if options else _OPEN}"
    )
