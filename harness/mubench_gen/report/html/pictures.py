"""digests of images → thumbnails, from the data that the runs' manifests name.

Missing or changed images become placeholders: the page never shows an image that the model was
not shown.
"""

from __future__ import annotations

import base64
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mubench_gen.data import open_dataset
from mubench_gen.data.dataset import Dataset
from mubench_gen.errors import ImageError, UsageError
from mubench_gen.images.microscope import family_of, make_policy
from mubench_gen.report.html.thumbnails import (
    ThumbnailSize,
    fair_cap,
    first_step,
    shrunk,
    thumbnail,
)
from mubench_gen.runs.kept_images import images_of, kept_images
from mubench_gen.runs.results import Run
from mubench_gen.tasks.stand_ins import StandIns
from mubench_gen.types import Image, Row

_JPEG = b"\xff\xd8\xff"
_DRAWN = ("mean", "noise")  # controls that show a picture in the place of the image
_WAITING = 64  # rows whose images are in memory at once
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail (JPEG), and the file's name and size in pixels."""

    content: bytes
    name: str
    width: int
    height: int


@dataclass(slots=True)
class Album:
    """Pictures by digest; `notes`: why some are missing."""

    pictures: dict[str, Picture] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def address(self, digest: str) -> str | None:
        """The picture as an address that holds it; None for a missing one."""
        one = self.pictures.get(digest)
        if one is None:
            return None
        return f"data:image/jpeg;base64,{base64.b64encode(one.content).decode()}"


def find_pictures(
    runs: Sequence[Run],
    wanted: Mapping[str, set[str]],
    *,
    most: int,
    data: str | None = None,
) -> Album:
    """The pictures of these digests; `wanted` gives the keys of rows that may have each.

    `most`: upper bound of the mean size of a picture in bytes. `data`: where the data are, if
    not where the manifests say.
    """
    album, step = Album(), first_step(most)
    if not wanted:
        return album
    for run in runs:
        _take_kept(run, wanted, album, step)
    sources = list(data_settings(runs, data)) if wanted.keys() - album.pictures.keys() else []
    for settings in sources:
        missing = {digest: rows for digest, rows in wanted.items() if digest not in album.pictures}
        if not missing:
            break
        try:
            dataset = open_data(settings)
            _look(dataset, missing, album, step, settings)
        except UsageError as error:
            album.notes.append(f"No images of {settings['data']}: {error}")
    _fit(album, most * len(wanted))
    lost = len(wanted) - len(album.pictures)
    if lost and not album.notes:
        album.notes.append(
            f"{lost:,} of {len(wanted):,} images are missing from the data or have changed: "
            "placeholders stand for them."
        )
    transforms = {_transform(settings) or "none": None for settings in sources}
    if len(transforms) > 1:
        album.notes.append(
            f"The runs were shown the images under several transforms ({', '.join(transforms)}): "
            "the page shows each image under the first of them that has it."
        )
    return album


def _take_kept(run: Run, wanted: Mapping[str, set[str]], album: Album, step: ThumbnailSize) -> None:
    """Take the pictures that the run's own folder keeps."""
    for digest, image in kept_images(run.dir).items():
        with suppress(ImageError, OSError):
            if digest in wanted and digest not in album.pictures and image.sha256 == digest:
                album.pictures[digest] = make_picture(image, step)


def data_settings(runs: Sequence[Run], data: str | None) -> Iterator[dict[str, Any]]:
    """The distinct settings with which the runs opened their data; shuffled ones last."""
    seen: dict[str, dict[str, Any]] = {}
    for run in runs:
        settings = run.manifest["settings"]
        if settings["control"] == "blind":
            continue
        asked = {
            "data": data or settings["data"],
            "image_set": {
                "policy": family_of(run.manifest.get("image_policy")),
                **(settings.get("image_set") or {}),
            },
            "control": settings["control"],
            "allow_outside": settings.get("allow_outside", False),
            "map": settings.get("map") or {},
        }
        if _transform(asked) or asked["control"] in _DRAWN:
            asked["seed"] = settings["seed"]
        seen.setdefault(repr(asked), asked)
    yield from sorted(
        seen.values(), key=lambda asked: (asked["control"] == "shuffled", _transform(asked))
    )


def _transform(settings: Mapping[str, Any]) -> str:
    """The image transform, or "" without one, so that untransformed images sort first."""
    return str(settings["image_set"].get("transform", ""))


def open_data(settings: Mapping[str, Any]) -> Dataset:
    """The data set as these settings of a run open it. May raise UsageError."""
    policy = make_policy(settings["image_set"], seed=settings.get("seed", 0))
    outside = settings["allow_outside"]
    return open_dataset(
        settings["data"], policy, partial=True, outside=outside, mapping=settings.get("map")
    )


def _look(
    dataset: Dataset,
    wanted: Mapping[str, set[str]],
    album: Album,
    step: ThumbnailSize,
    settings: Mapping[str, Any],
) -> None:
    """Search the rows that may have a wanted image; for shuffled runs, all rows."""
    control = settings["control"]
    shuffled, drawn = control == "shuffled", StandIns(dataset, settings.get("seed", 0))
    rows_of: dict[str, set[str]] = {}
    for digest, keys in wanted.items():
        for key in keys:
            rows_of.setdefault(key, set()).add(digest)

    def look(row: Row) -> list[tuple[str, Picture]]:
        expected = set(wanted) if shuffled else rows_of[row.key]
        found = []
        for image in drawn.of(row, control) if control in _DRAWN else images_of(row):
            try:
                digest = image.sha256
                if digest in expected and digest not in album.pictures:
                    found.append((digest, make_picture(image, step)))
            except ImageError:  # a placeholder stands for it
                continue
            if expected <= {digest for digest, _ in found}:
                break
        return found

    rows = (row for row in dataset if shuffled or row.key in rows_of)
    for found in _in_threads(look, rows):
        album.pictures.update(found)


def make_picture(image: Image, step: ThumbnailSize) -> Picture:
    """The image's thumbnail. May raise ImageError."""
    if image.conversion is None and image.data.startswith(_JPEG):
        return _drafted(image, step)
    pixels = image.pixels()
    return Picture(thumbnail(pixels, step), image.name, *pixels.size)


def _drafted(image: Image, step: ThumbnailSize) -> Picture:
    """A plain JPEG, decoded only at the resolution that the thumbnail needs."""
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(image.data)) as opened:
        size = opened.size
        opened.draft("RGB", (step.side, step.side))
        try:
            content = thumbnail(opened.convert("RGB"), step)
        except OSError as error:  # a damaged file
            raise ImageError(f"{image.name}: cannot be decoded: {error}") from None
    return Picture(content, image.name, *size)


def _fit(album: Album, room: int) -> None:
    """Shrink the largest pictures until all together take at most `room` bytes."""
    cap = fair_cap((len(one.content) for one in album.pictures.values()), room)
    large = [digest for digest, one in album.pictures.items() if len(one.content) > cap]

    def smaller(digest: str) -> tuple[str, Picture]:
        one = album.pictures[digest]
        return digest, replace(one, content=shrunk(one.content, cap))

    album.pictures.update(_in_threads(smaller, large))


def _in_threads(work: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """Map in threads, in order, with a bounded number of calls at once.

    Threads suffice because Pillow and hashlib release the interpreter lock.
    """
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) >= _WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
