"""Images that a run's folder keeps beside its records, by their digests: those of a pack, or of an
imported log."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mubench_gen.data import open_dataset
from mubench_gen.data.recast import recast
from mubench_gen.errors import ImageError, UsageError
from mubench_gen.images.microscope import family_of, make_policy
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.types import Image, Row

IMAGES = "images"
_BEGINS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"II*\0": ".tif",
           b"MM\0*": ".tif", b"RIFF": ".webp"}  # fmt: skip


def keep_as(image: Image) -> str:
    """The name of the image's file in `images/`."""
    return image.sha256 + suffix_of(image.file_bytes)


def suffix_of(content: bytes) -> str:
    """The suffix of an image file by its first bytes; ".bin" for kinds that are not known."""
    return next((end for begin, end in _BEGINS.items() if content.startswith(begin)), ".bin")


def kept_images(folder: Path) -> Mapping[str, Image]:
    """The images that the run's folder keeps, by digest."""
    found: dict[str, Image] = {}
    with suppress(OSError):
        for entry in os.scandir(folder / IMAGES):
            path = Path(entry.path)
            found[path.stem] = Image(path.name, path.read_bytes, StandardPolicy())
    return found


def images_of(row: Row) -> Iterator[Image]:
    """The row's images, and those that its questions derive from the first."""
    yield from row.images
    for question in recast(row).questions.values():
        if question.draw is not None:
            yield question.draw(row.image)


def shown(folder: Path, manifest: Mapping[str, Any], wanted: set[str]) -> Iterator[Image]:
    """The images of these digests, from the run's folder and from the data of its manifest."""
    missing = set(wanted)
    for digest, image in kept_images(folder).items():
        if digest in missing and image.sha256 == digest:
            missing.discard(digest)
            yield image
    settings = manifest["settings"]
    image_set = {"policy": family_of(manifest.get("image_policy")), **settings.get("image_set", {})}
    if not missing:
        return
    with suppress(UsageError):  # no data here: no images
        policy = make_policy(image_set, seed=settings.get("seed", 0))
        outside = bool(settings.get("allow_outside"))
        dataset = open_dataset(
            settings["data"], policy, partial=True, outside=outside, mapping=settings.get("map")
        )
        for row in dataset:
            for image in images_of(row):
                with suppress(ImageError):
                    if image.sha256 in missing:
                        missing.discard(image.sha256)
                        yield image
            if not missing:
                return
