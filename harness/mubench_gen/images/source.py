"""Scientific image files as named axes, of which one plane is read at a time.

A format is a `Reader`: it knows its files by their first bytes or their name, and opens one as
one `Source` or several. What is shown of it is the image policy's choice (`images/auto.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Region = tuple[int, int, int, int]  # left, top, width, height


@dataclass(frozen=True, slots=True)
class Channel:
    """What a file says of a channel: `name` of its dye or light, `colour` (8-bit RGB) that it is
    shown in, `window`: the values that are black and full brightness. None: it says nothing.
    `hidden`: the file's display settings leave it out.
    """

    name: str = ""
    colour: tuple[int, int, int] | None = None
    window: tuple[float, float] | None = None
    hidden: bool = False


class Source(Protocol):
    """An opened file. Its header alone was read.

    `axes`: a letter an axis, sized by `shape`, of the finest level: Y, X (rows, columns), C
    (channels), Z (planes), T (times), S (colour samples, last), others as tifffile names them; I
    or Q: pages of which the file does not say what they are. `samples`: what S holds: "RGB",
    "RGBA", "CMYK", "LA"; "RGBa", "La": the colour was multiplied by the transparency. `channels`:
    one an entry of C, or empty. `levels`: (width, height) of each level of a pyramid, the finest
    first. `orientation`: of EXIF, 1 to 8. `is_whole`: a plane is decoded whole also for a region.
    """

    @property
    def format(self) -> str: ...

    @property
    def axes(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def samples(self) -> str: ...

    @property
    def channels(self) -> Sequence[Channel]: ...

    @property
    def levels(self) -> Sequence[tuple[int, int]]: ...

    @property
    def orientation(self) -> int: ...

    @property
    def is_whole(self) -> bool: ...

    def plane(
        self, at: Mapping[str, int], *, level: int = 0, region: Region | None = None
    ) -> NDArray[Any]:
        """One plane, of shape Y × X or Y × X × S, more light being the larger number.

        `at`: the place on each axis but Y, X and S, where it is not the first. `region`: in
        pixels of the level; None: all of it. Nothing of other planes is decoded.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reader:
    """A format: `open(content, name)` gives a file's pictures (scenes, series), one or more:
    ImageError for a damaged file, MissingExtraError where a package is missing.

    `heads`: how its files begin; none: in any way. `accepts(content, name)` is asked too, where
    that does not tell. `is_plain`, of a format that Pillow reads too: whether it shows a
    picture of it as it is.
    """

    format: str
    heads: tuple[bytes, ...]
    open: Callable[[bytes, str], AbstractContextManager[Sequence[Source]]]
    accepts: Callable[[bytes, str], bool] | None = None
    is_plain: Callable[[Source], bool] | None = None
