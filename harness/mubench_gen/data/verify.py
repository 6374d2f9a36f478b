"""Checking a data set file by file: digest, every row, every image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.console.progress import Progress, bar
from mubench_gen.data import open_dataset
from mubench_gen.data.alike import Alike
from mubench_gen.data.arrow import ArrowDataset, open_source
from mubench_gen.data.image_files import shortened
from mubench_gen.data.jsonl import JsonlDataset
from mubench_gen.data.schema import check_row
from mubench_gen.data.shards import ShardFile, find_shards
from mubench_gen.data.ubench import UBENCH, shards_of
from mubench_gen.errors import DataError, ImageError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.digests import DigestCache, sha256_of
from mubench_gen.storage.paths import user_path
from mubench_gen.types import Image, Row


@dataclass(frozen=True, slots=True)
class FileCheck:
    """The result for one file: `problem` is None if it is intact."""

    path: Path
    size: int = 0
    sha256: str | None = None
    expected: str | None = None
    rows: int = 0
    problem: str | None = None


def verify(name: str, *, outside: bool = False) -> list[FileCheck]:
    """One result per file. Reads each file whole, even if its digest is in the cache.

    `outside`: images may lie outside of the data's folder.
    """
    shards = _shards(name)
    if not shards:
        return [_verify_rows(name, outside=outside)]
    with bar("files checked", len(shards)) as shown:
        return [_verify_shard(shard, i, len(shards), shown) for i, shard in enumerate(shards)]


def _shards(name: str) -> list[ShardFile]:
    if name == "ubench":
        return shards_of(UBENCH)
    published = {Path(file).name: digest for file, digest in UBENCH.files}
    found = find_shards(user_path(name)) if name != "demo" else []
    return [ShardFile(shard.path, published.get(shard.path.name)) for shard in found]


def _verify_shard(shard: ShardFile, done: int, total: int, shown: Progress) -> FileCheck:
    shown.at(done, total, shard.path.name)
    if not shard.path.exists():
        return FileCheck(shard.path, expected=shard.sha256, problem="missing")
    size = shard.path.stat().st_size
    found = sha256_of(shard.path, again=True)
    problem, rows = None, 0
    if shard.sha256 not in (None, found):
        problem = f"SHA-256 expected {shard.sha256}, found {found}"
    try:
        dataset = ArrowDataset(
            shard.path.name, shard.path, [open_source(shard.path)], StandardPolicy()
        )
        rows = len(dataset)
        _check(dataset, shard.path)
    except (DataError, ImageError) as error:
        problem = f"{problem}; {error}" if problem else str(error)
    shown.at(done + 1, total, shard.path.name)
    return FileCheck(shard.path, size, found, shard.sha256, rows, problem)


def _verify_rows(name: str, *, outside: bool) -> FileCheck:
    dataset = open_dataset(name, outside=outside)
    assert isinstance(dataset, JsonlDataset)
    problems: list[str] = []
    with DigestCache(dataset.path.parent) as memory, bar("rows checked", len(dataset)) as shown:
        for done, row in enumerate(dataset, 1):
            problems += _problems(row, memory)
            shown.at(done, len(dataset))
    if problems:
        told = "; ".join(shortened(problems))
        return FileCheck(dataset.path, rows=len(dataset), problem=told)
    size = dataset.path.stat().st_size
    return FileCheck(dataset.path, size, dataset.digest, rows=len(dataset))


def _problems(row: Row, memory: DigestCache) -> Iterator[str]:
    """What is wrong with a row's image: damaged, or changed since it was last read."""
    image = row.image
    try:
        _read_through(image)
        before = memory.last(image.name)
    except (DataError, ImageError) as error:
        yield str(error)
        return
    if before not in (None, image.sha256):
        yield (
            f"{image.name}: changed since it was last read (SHA-256 {before} then, {image.sha256} "
            "now)"
        )


def _check(rows: Iterable[Row], path: Path) -> None:
    alike = Alike(path)
    for row in rows:
        check_row(row)
        alike.note(row)
        _read_through(row.image)
    alike.tell()


def _read_through(image: Image) -> None:
    _ = image.conversion
    image.verify()
