"""Pictures of a data set, a folder or a file, as a model is given them."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.data.dataset import has_several_images
from mubench_gen.data.examine import Examined, duplicates, examine
from mubench_gen.data.image_files import ImageFiles
from mubench_gen.data.right_answers import answer_in_words
from mubench_gen.errors import DataError, ImageError, UsageError
from mubench_gen.images.formats import SUFFIXES
from mubench_gen.images.formats.ome_zarr import is_zarr_folder
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.images.stacks import open_images
from mubench_gen.report.html.thumbnails import ThumbnailSize, thumbnail
from mubench_gen.report.preview.words import policy_words
from mubench_gen.types import Image, Row, Task

if TYPE_CHECKING:
    from mubench_gen.data.dataset import Dataset
    from mubench_gen.engines.transformers.image_input import ImageInput, ModelInput

_STEP = ThumbnailSize(384, 85, 0)
_BINS = 64


@dataclass(frozen=True, slots=True)
class Previewed:
    """One picture: `content` (JPEG) is a small copy of what a model gets; `histogram`: the share
    of pixels in each of 64 bins, of red, green and blue. `fault`: why there is no picture."""

    number: int
    name: str
    where: str
    file_bytes: int = 0
    width: int = 0
    height: int = 0
    content: bytes = b""
    histogram: tuple[tuple[float, ...], ...] = ()
    conversion: str | None = None
    facts: Mapping[str, Any] | None = None
    model: str = ""
    questions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """`total`: the pictures that there are, of which `shown` are shown, in order. `conversions`:
    what is changed, and of how many. `policy`: sentences. `warnings` stand first."""

    title: str
    path: str
    total: int
    shown: Sequence[Previewed]
    conversions: Mapping[str, int]
    policy: Sequence[str]
    warnings: Sequence[str]
    model: str | None


@dataclass(frozen=True, slots=True)
class _One:
    """A picture that was chosen, and what is asked about it."""

    where: str
    image: Image
    questions: tuple[str, ...] = ()


def gather(
    source: Dataset | Path,
    policy: StandardPolicy,
    *,
    title: str,
    most: int,
    seed: int = 0,
    task: Task | None = None,
    model: ImageInput | None = None,
) -> Preview:
    """Decode `most` pictures of a data set, of an image file, or of a folder of these.

    Of more, a sample is drawn by the seed: of rows, with all their images. `task`: only the rows
    that it asks about, with the images that it shows. `model`: the processor that says what a
    model makes of each. DataError where there is no picture.
    """
    if isinstance(source, Path):
        total, chosen = _files(source, policy, most, seed)
    else:
        total, chosen = _rows(source, most, seed, task)
    asked: list[tuple[str, ...]] = []
    images = _in_turn(chosen, asked)
    look = partial(_copied, policy=policy, model=model, alone=threading.Lock())
    looked = list(examine(images, min(total, most), look=look))
    same = {id(later): first for first, later in duplicates(looked)}
    shown = [
        _shown(number, seen, questions, same.get(id(seen)))
        for number, (seen, questions) in enumerate(zip(looked, asked, strict=True), 1)
    ]
    conversions = Counter(one.conversion or "" for one in shown if one.fault is None)
    return Preview(
        title,
        str(source if isinstance(source, Path) else source.path),
        total,
        shown,
        dict(conversions.most_common()),
        policy_words(policy),
        _warnings(shown),
        None if model is None else model.model,
    )


def _in_turn(chosen: Iterator[_One], asked: list[tuple[str, ...]]) -> Iterator[tuple[str, Image]]:
    """The images, none of which is kept, and what is asked about each."""
    for one in chosen:
        asked.append(one.questions)
        yield one.where, one.image


def _files(path: Path, policy: StandardPolicy, most: int, seed: int) -> tuple[int, Iterator[_One]]:
    is_one = not path.is_dir() or is_zarr_folder(path)
    folder = path.parent if is_one else path
    names = [path.name] if is_one else sorted(_pictures_in(path))
    if not names:
        raise DataError(
            f"{path}: holds no data set (rows.jsonl, Arrow or Parquet files) and no image file "
            f"whose name ends in one of {', '.join(sorted(SUFFIXES))}."
        )
    files = ImageFiles(folder, outside=False)
    chosen = (names[number] for number in _drawn(len(names), most, seed))
    return len(names), (
        _One("", image)
        for name in chosen
        for image in open_images(name, partial(files.read, name), policy)
    )


def _pictures_in(folder: Path) -> Iterator[str]:
    """The image files in a folder and below, and the folders of OME-Zarr."""
    for place, folders, files in os.walk(folder):
        here = Path(place).relative_to(folder)
        inner = [name for name in folders if is_zarr_folder(Path(place) / name)]
        folders[:] = [name for name in folders if name not in inner]
        named = [name for name in files if Path(name).suffix.lower() in SUFFIXES]
        yield from ((here / name).as_posix() for name in (*inner, *named))


def _rows(dataset: Dataset, most: int, seed: int, task: Task | None) -> tuple[int, Iterator[_One]]:
    meant: Sequence[int] = range(len(dataset))
    if task is not None:
        meant = [row.index for row in dataset if task.questions_of(row)]
    if not meant:
        raise DataError(
            f"No row of {dataset.name!r} has a question of the task {task.name!r}."
            if task is not None
            else f"{dataset.name!r} holds no rows."
        )
    pictures = len(meant)
    if has_several_images(dataset):
        pictures = sum(len(dataset[number].images) for number in meant)
    rows = (dataset[meant[number]] for number in _drawn(len(meant), most, seed))
    return pictures, (one for row in rows for one in _of_row(row, task))


def _of_row(row: Row, task: Task | None) -> Iterator[_One]:
    """The row's images, or the one that the task's question derives from the first."""
    names = list(row.questions) if task is None else task.questions_of(row)
    draw = None if task is None else row.questions[names[0]].draw
    images = row.images if draw is None else (draw(row.image),)
    where, asked = f"row {row.index + 1}", tuple(_questions(row, names))
    for number, image in enumerate(images, 1):
        place = where if len(images) == 1 else f"{where}, image {number} of {len(images)}"
        yield _One(place, image, asked)


def _drawn(count: int, most: int, seed: int) -> list[int]:
    if count <= most:
        return list(range(count))
    return sorted(random.Random(seed).sample(range(count), most))


def _questions(row: Row, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        one = row.questions[name]
        options = f" ({' | '.join(one.options)})" if one.options else ""
        answer = f"{options} → {answer_in_words(one)}" if one.boxes is None else ""
        yield f"{name}: {one.text}{answer}"


def _shown(
    number: int, seen: Examined, questions: tuple[str, ...], same: Examined | None
) -> Previewed:
    if seen.looks is None:
        return Previewed(number, seen.image, seen.where, questions=questions, fault=seen.fault)
    warnings = seen.looks.warnings()
    if same is not None:
        there = f" ({same.where})" if same.where else ""
        warnings.append(f"the same picture as {same.image}{there}")
    copied: Previewed = seen.found
    return replace(
        copied, number=number, where=seen.where, questions=questions, warnings=tuple(warnings)
    )


def _copied(
    image: Image, *, policy: StandardPolicy, model: ImageInput | None, alone: threading.Lock
) -> Previewed:
    """What the page shows of a decoded image; the processor is asked by one thread at a time."""
    picture = image.pixels()
    with alone:
        in_model = _of_model(model, picture)
    return Previewed(
        number=0,
        name=image.name,
        where="",
        file_bytes=len(image.file_bytes),
        width=picture.width,
        height=picture.height,
        content=thumbnail(picture, _STEP),
        histogram=_histogram(picture),
        conversion=image.conversion,
        facts=_facts(image, policy),
        model=in_model,
    )


def _of_model(model: ImageInput | None, picture: Any) -> str:
    if model is None:
        return ""
    try:
        found: ModelInput = model.of(picture)
    except UsageError as error:
        return str(error)
    return found.words()


def _facts(image: Image, policy: StandardPolicy) -> Mapping[str, Any]:
    """What the policy chose by the file's values."""
    told = getattr(policy, "facts", None)
    if told is None or image.conversion is None:
        return {}
    try:
        found: Mapping[str, Any] = told(image.file_bytes, image.name)
    except ImageError:
        return {}
    return found


def _histogram(picture: Any) -> tuple[tuple[float, ...], ...]:
    counts = picture.histogram()
    wide = 256 // _BINS
    pixels = picture.width * picture.height
    shares = [sum(counts[at : at + wide]) / pixels for at in range(0, 3 * 256, wide)]
    return tuple(tuple(shares[at : at + _BINS]) for at in range(0, 3 * _BINS, _BINS))


def _warnings(shown: Sequence[Previewed]) -> list[str]:
    """Counts of what is wrong or strange, the worst first."""
    faults = [one for one in shown if one.fault is not None]
    found = []
    if faults:
        found.append(
            f"{_many(len(faults))} cannot be shown, and items about them would fail: "
            f"{_numbers(faults)}."
        )
    kinds: dict[str, list[Previewed]] = {}
    for one in shown:
        for told in one.warnings:
            kinds.setdefault(told.partition(":")[0].partition(" as ")[0], []).append(one)
    words = {
        "nearly constant": "nearly constant (one grey or colour): a model sees nothing on them",
        "saturated, or on white": "at full brightness over a tenth of their pixels: saturated, "
        "or on a white background",
        "very small": "smaller than 32 pixels on a side: a model's processor enlarges them",
        "the same picture": "the same to the eye as another one here",
    }
    for kind, text in words.items():
        if kind in kinds:
            found.append(f"{_many(len(kinds[kind]))}, {text}: {_numbers(kinds[kind])}.")
    return found


def _many(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _numbers(some: Sequence[Previewed]) -> str:
    most = 12
    told = ", ".join(f"no. {one.number}" for one in some[:most])
    return told + (f" and {len(some) - most} more" if len(some) > most else "")
