"""Data sets in μ-Bench's schema: `--data demo | ubench | PATH`, one type for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from mubench_gen.errors import DataError, did_you_mean
from mubench_gen.image import StandardPolicy
from mubench_gen.types import Row

NAMES = ("demo", "ubench")


class Dataset(Protocol):
    """Rows in a fixed order, in random access by index, images read when looked at.

    `digest` identifies the content; `questions` counts (data set, question name) pairs.
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
    def questions(self) -> dict[tuple[str, str], int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Row: ...

    def __iter__(self) -> Iterator[Row]: ...


def open_dataset(name: str, policy: StandardPolicy | None = None) -> Dataset:
    """The data set of that name, or in that folder or file. DataError says what is wrong."""
    from mubench_gen.data.jsonl import JsonlDataset

    policy = policy or StandardPolicy()
    if name == "demo":
        from mubench_gen.data.cache import demo_folder

        return JsonlDataset("demo", demo_folder() / "rows.jsonl", policy)
    path = Path(name).expanduser()
    if path.is_dir() and (path / "rows.jsonl").is_file():
        return JsonlDataset(path.name, path / "rows.jsonl", policy)
    if path.is_file() and path.suffix == ".jsonl":
        return JsonlDataset(path.stem, path, policy)
    raise DataError(_why_not(name, path))


def _why_not(name: str, path: Path) -> str:
    if name == "ubench":
        return "The data set 'ubench' cannot be read by this version; 'demo' and local data can."
    if path.is_dir():
        return f"The folder {name!r} holds no rows.jsonl: it is no data set of μ-Bench's schema."
    if path.exists():
        return f"{name!r} is no file that can be read as a data set: a .jsonl file is."
    return f"There is no data set {name!r}, nor a file or folder. {did_you_mean(name, NAMES)}"
