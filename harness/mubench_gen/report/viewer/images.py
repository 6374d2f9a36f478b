"""digests → pixels, out of the data that the runs' manifests name.

An image is found by the row that its item asks about, read then, and never shown unless its digest
is the recorded one. Thumbnails that were shown lately are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from mubench_gen.data.dataset import Dataset
from mubench_gen.errors import ImageError, UsageError
from mubench_gen.report.html.pictures import Picture, data_settings, make_picture, open_data
from mubench_gen.report.html.thumbnails import STEPS
from mubench_gen.report.viewer.index import RecordIndex
from mubench_gen.runs.kept_images import images_of, kept_images
from mubench_gen.runs.results import Run
from mubench_gen.types import Image, as_png

_KEPT = 500  # thumbnails, of some 10 kB each
_SHOWN_BY_BROWSERS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


class RunImages:
    """The images that the index names; `data`: where the data are, if not as in the runs."""

    def __init__(self, index: RecordIndex, data: str | None = None) -> None:
        self._index = index
        self._data = data
        self._sources: dict[str, _Source] = {}
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._lock = Lock()

    def thumbnail(self, digest: str) -> Picture | None:
        """A small JPEG of the image; None if it is missing or has changed."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return self._kept[digest]
        image = self._find(digest)
        try:
            picture = None if image is None else make_picture(image, STEPS[0])
        except ImageError:
            return None
        if picture is not None:
            with self._lock:
                self._kept[digest] = picture
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return picture

    def original(self, digest: str) -> tuple[str, bytes] | None:
        """The media type and the file of the picture, every pixel as the model was given it."""
        image = self._find(digest)
        if image is None:
            return None
        try:
            if image.conversion is None:
                for begin, kind in _SHOWN_BY_BROWSERS.items():
                    if image.data.startswith(begin):
                        return kind, image.data
            return "image/png", as_png(image.pixels())
        except ImageError:
            return None

    def _find(self, digest: str) -> Image | None:
        with self._index.lock:
            rows = self._index.database.execute(
                "SELECT row, run FROM pictures WHERE digest = ?", (digest,)
            ).fetchall()
        with self._lock:
            for row, number in rows:
                run = self._index.runs[number]
                kept = kept_images(run.dir).get(digest)
                if kept is not None and kept.sha256 == digest:
                    return kept
                for source in self._sources_of(run):
                    found = source.find(digest, row)
                    if found is not None:
                        return found
        return None

    def _sources_of(self, run: Run) -> Iterator[_Source]:
        for settings in data_settings([run], self._data):
            name = repr(settings)
            if name not in self._sources:
                self._sources[name] = _Source(settings)
            yield self._sources[name]


class _Source:
    """One data set as runs opened it. It is opened when an image of it is looked for."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._dataset: Dataset | None = None
        self._places: dict[str, int] = {}
        self._digests: dict[str, int] = {}
        self._missing = False

    def find(self, digest: str, row: str) -> Image | None:
        """The image of that digest that the row has, or of a shuffled run any row."""
        dataset = self._opened()
        if dataset is None:
            return None
        for place in self._candidates(dataset, digest, row):
            for image in images_of(dataset[place]):
                try:
                    if image.sha256 == digest:
                        return image
                except ImageError:
                    continue
        return None

    def _candidates(self, dataset: Dataset, digest: str, row: str) -> Sequence[int]:
        """The places of rows that may have the image; under "shuffled" any row may."""
        if self._settings["control"] != "shuffled":
            return [self._places[row]] if row in self._places else []
        if not self._digests:
            self._digests = dict(_digests(dataset))
        return [self._digests[digest]] if digest in self._digests else []

    def _opened(self) -> Dataset | None:
        if self._dataset is None and not self._missing:
            try:
                self._dataset = open_data(self._settings)
                self._places = {row.key: place for place, row in enumerate(self._dataset)}
            except UsageError:  # the data are not here
                self._missing = True
        return self._dataset


def _digests(dataset: Dataset) -> Iterator[tuple[str, int]]:
    for place, row in enumerate(dataset):
        for image in images_of(row):
            try:
                yield image.sha256, place
            except ImageError:
                continue
