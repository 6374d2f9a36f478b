"""What every data set offers, wherever its rows are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mubench_gen.types import Form, Row, Task

if TYPE_CHECKING:
    from mubench_gen.images.policy import StandardPolicy


def has_several_images(dataset: object) -> bool:
    """Whether a row of the data set may have several images; True where that is not known."""
    return bool(getattr(dataset, "has_several_images", True))


def forms_of(dataset: object) -> Mapping[tuple[str, str], Form]:
    """What questions ask for, by (data set, question); one option where nothing is known."""
    found: Mapping[tuple[str, str], Form] = getattr(dataset, "forms", {})
    return found


def known_of(dataset: object) -> dict[Any, Any]:
    """What was found by reading the rows, so that it need not be found again: the same one however
    the images are shown."""
    found: dict[Any, Any] = getattr(dataset, "known", {})
    return found


class Dataset(Protocol):
    """Rows in a fixed order, accessible by index; an image is read when it is used.

    `digest` identifies the content, `rows_digest` that of the files that hold the rows. `questions`
    counts (data set, question name) pairs. `image_files`: SHA-256 of the files beside the rows that
    hold their images, by path from the `image_folder`, of all that can be read; None where the
    images stand in the rows.
    `tasks`: the definitions that it brings beside those in the folder `tasks/` of its `path`.
    `facts`: what a manifest says of it besides: how a table of another form was understood.
    """

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def revision(self) -> str | None: ...

    @property
    def digest(self) -> str: ...

    @property
    def rows_digest(self) -> str: ...

    @property
    def image_folder(self) -> Path: ...

    @property
    def image_files(self) -> Mapping[str, str] | None: ...

    @property
    def questions(self) -> dict[tuple[str, str], int]: ...

    @property
    def tasks(self) -> Sequence[Task]: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    def shown_by(self, policy: StandardPolicy) -> Dataset:
        """The same rows, not read again, their images shown by another policy, which may differ
        from the data set's own in the transform alone."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Row: ...

    def __iter__(self) -> Iterator[Row]: ...
