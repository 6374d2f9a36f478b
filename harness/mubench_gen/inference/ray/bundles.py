"""Groups requests into bundles by image, and puts each image into Ray's store once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mubench_gen.types import Image, Request

_MOST = 4  # times `size` that a bundle may have, for one image's requests
_IMAGES_KEPT = 16  # images whose reference is kept for the next bundle


class Bundles:
    """Bundles of about `size` requests; those about one image stay together."""

    def __init__(self, requests: Iterator[Request | None], size: int) -> None:
        self._requests = requests
        self._size = size
        self._kept: Request | None = None
        self._paused = False
        self.ended = False

    def next(self) -> list[Request] | None:
        """The next bundle; None at the end, and at a pause until it is resumed."""
        bundle: list[Request] = []
        if self._kept is not None:
            bundle, self._kept = [self._kept], None
        if self._paused or self.ended:
            return bundle or None
        for request in self._requests:
            if request is None:
                self._paused = True
                return bundle or None
            if len(bundle) >= self._size and not (
                len(bundle) < _MOST * self._size and _one_image(bundle[-1], request)
            ):
                self._kept = request
                return bundle
            bundle.append(request)
        self.ended = True
        return bundle or None

    def resume(self) -> bool:
        """Continue after a pause; False at the end."""
        paused, self._paused = self._paused, False
        return paused


def _one_image(one: Request, other: Request) -> bool:
    return one.image is not None and one.image is other.image


class References:
    """Images in Ray's store, each put there once while requests about it follow each other."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._known: dict[str, Any] = {}

    def of(self, image: Image) -> Any:
        reference = self._known.pop(image.sha256, None)
        if reference is None:
            reference = self._ray.put(image.file_bytes)
        self._known[image.sha256] = reference
        if len(self._known) > _IMAGES_KEPT:
            del self._known[next(iter(self._known))]
        return reference
