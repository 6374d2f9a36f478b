"""An image policy within a time limit: what hangs on one image is abandoned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mubench_gen.errors import ImageError
from mubench_gen.images.files import is_png
from mubench_gen.images.jpeg import is_jpeg
from mubench_gen.plugins.worker_threads import TimeOver, Workers

if TYPE_CHECKING:
    from PIL import Image as PillowImage

    from mubench_gen.images.policy import StandardPolicy

T = TypeVar("T")
_MOST_HUNG = 8  # images that hang at once, before no further one is tried
_WORKERS = Workers("mubench-gen image", _MOST_HUNG)


class Timed:
    """Reads, checks and decodes an image in threads that are abandoned when their time is over.
    An image that hung once is not tried again.

    A file is checked in the thread that reads it: each change of threads costs time.
    """

    def __init__(
        self, name: str, read: Callable[[], bytes], policy: StandardPolicy, seconds: float
    ) -> None:
        self._name = name
        self._read = read
        self._policy = policy
        self._seconds = seconds
        self._hung = False
        self.name = policy.name
        self.transforms = policy.transforms
        self.moves_pixels = policy.moves_pixels
        self._checked: str | ImageError | None = None

    def read(self) -> bytes:
        return self.within(self._read_checked)

    def check(self, content: bytes, name: str) -> str | None:
        if isinstance(self._checked, ImageError):
            raise self._checked.with_traceback(None)
        return self._checked

    def _read_checked(self) -> bytes:
        content = self._read()
        try:
            self._checked = self._policy.check(content, self._name)
        except ImageError as error:
            self._checked = error
        return content

    def is_redrawn(self, content: bytes, name: str) -> bool:
        sound = not isinstance(self._checked, ImageError | None)
        return sound and self._policy.may_change(content)

    def variant(self, conversion: str) -> str:
        return self._policy.variant(conversion)

    def size(self, content: bytes, name: str) -> tuple[int, int]:
        if is_png(content):  # its header alone is looked at
            return self._policy.size(content, name)
        return self.within(lambda: self._policy.size(content, name))

    def verify(self, content: bytes, name: str) -> None:
        if is_jpeg(content):  # nothing else is decoded for it
            self.within(lambda: self._policy.verify(content, name))

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        return self.within(lambda: self._policy.decode(content, name))

    def within(self, call: Callable[[], T]) -> T:
        if not self._hung:
            try:
                return _WORKERS.call(call, self._seconds)
            except TimeOver:
                self._hung = True
        transform = self._policy.transform
        done = "read and decoded" if transform is None else "read, decoded and transformed"
        by = (
            "" if transform is None else f" by {transform.transform.name!r} of {transform.plugin!r}"
        )
        raise ImageError(f"{self._name}: was not {done}{by} within {self._seconds:g} s (--timeout)")
