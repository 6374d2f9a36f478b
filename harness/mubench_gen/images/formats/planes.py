"""What the readers of the trade's formats share: a source made of a function, and its errors."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import ImageError, MissingExtraError
from mubench_gen.images.source import Channel, Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Read = Callable[[Mapping[str, int], int, "Region | None"], "NDArray[Any]"]

_LETTERS = 300  # of a reason
CONVERT = "convert it to OME-TIFF (Fiji's Bio-Formats, or: bfconvert FILE OUT.ome.tiff)"


@dataclass(frozen=True)
class Planes:
    """A Source whose planes are read by a function of place, level and region.

    Where the format has no levels, `levels` has one. Whatever `read` raises is an ImageError.
    """

    format: str
    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Read
    levels: Sequence[tuple[int, int]]
    samples: str = ""
    channels: Sequence[Channel] = ()
    orientation: int = 1
    is_whole: bool = False

    def plane(
        self, at: Mapping[str, int], *, level: int = 0, region: Region | None = None
    ) -> NDArray[Any]:
        with told(self.format, self.name):
            return self.read(at, level, region)


@contextmanager
def told(kind: str, name: str) -> Iterator[None]:
    """Turns what a reader raises into an ImageError."""
    try:
        yield
    except (ImageError, MissingExtraError):
        raise
    except Exception as error:  # readers raise what they like on damaged files
        reason = " ".join((str(error) or type(error).__name__).split())[:_LETTERS]
        raise ImageError(f"{name}: cannot be read as {kind}: {reason}") from None


def package(module: str, extra: str, kind: str, name: str) -> Any:
    """The package that reads a format. MissingExtraError: the pip line, and how to convert."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(
            module.partition(".")[0], extra, f"{name}: reading {kind}", f"Or {CONVERT}."
        ) from None


def cut(values: NDArray[Any], region: Region | None) -> NDArray[Any]:
    """The region of a plane, Y and X first."""
    if region is None:
        return values
    left, top, width, height = region
    return values[top : top + height, left : left + width]


def paste(into: NDArray[Any], tile: NDArray[Any], x: int, y: int) -> None:
    """Put a tile at a place of an array, as far as it lies in it."""
    height, width = into.shape[:2]
    left, top = max(0, -x), max(0, -y)
    part = tile[top : height - y, left : width - x]
    into[max(0, y) : max(0, y) + part.shape[0], max(0, x) : max(0, x) + part.shape[1]] = part


def hex_colour(text: str | None) -> tuple[int, int, int] | None:
    """The colour of "#RRGGBB", "RRGGBB" or "#AARRGGBB"; None for anything else."""
    digits = (text or "").lstrip("#")[-6:]
    try:
        return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))
    except ValueError:
        return None
