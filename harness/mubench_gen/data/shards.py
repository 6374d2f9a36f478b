"""Finds the data files that a path means, and opens them as one data set.

The names of a set of shards tell how many there are (NAME-00000-of-00007.arrow), so that missing
ones are noticed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.console.progress import log
from mubench_gen.data.arrow import ArrowDataset, open_source
from mubench_gen.data.arrow_file import RowFile
from mubench_gen.errors import DataError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.digests import digests_of, sha256_of

SUFFIXES = (".arrow", ".parquet", ".feather", ".ipc")
_MEMBER = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.\w+)")


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A data file that is expected, and its expected SHA-256 if that is known."""

    path: Path
    sha256: str | None = None


def find_shards(path: Path, *, checked: bool = True) -> list[ShardFile]:
    """The data files that a file or folder means, by name; empty where there are none.

    A folder's own files; where it has none, those of the folders in it. DataError for files of
    several kinds, unless `checked` is False.
    """
    if path.is_file():
        return [ShardFile(path)] if path.suffix in SUFFIXES else []
    if not path.is_dir():
        return []
    found = _in(path, "*") or _in(path, "**/*")
    if checked:
        _check_kinds(path, found)
    return [ShardFile(member) for member in sorted({m for one in found for m in _family(one)})]


def open_shards(
    name: str,
    path: Path,
    shards: Sequence[ShardFile],
    policy: StandardPolicy,
    *,
    partial: bool = False,
    revision: str | None = None,
) -> ArrowDataset:
    """The shards as one data set. `partial`: those that can't be used are left out, and named."""
    sources: list[RowFile] = []
    problems: list[str] = []
    # Here with a progress bar: `open_shard` then finds the digests in the cache.
    digests_of([s.path for s in shards if s.sha256 is not None and s.path.exists()])
    for shard in shards:
        try:
            sources.append(open_shard(shard))
        except DataError as error:
            problems.append(str(error))
    if problems and (not partial or not sources):
        raise DataError(_unusable(problems, len(shards)))
    for problem in problems:
        log(f"Left out: {problem}")
    return ArrowDataset(name, path, sources, policy, revision=revision)


def open_shard(shard: ShardFile) -> RowFile:
    """Open the file, after a check of its digest if that is known."""
    if not shard.path.exists():
        raise DataError(f"{shard.path}: missing.")
    if shard.sha256 is not None:
        found = sha256_of(shard.path)
        if found != shard.sha256:
            raise DataError(_wrong_digest(shard, found))
    return open_source(shard.path)


def _wrong_digest(shard: ShardFile, found: str) -> str:
    size = shard.path.stat().st_size
    return (
        f"{shard.path}: not the published file ({size:,} bytes): "
        f"SHA-256 expected {shard.sha256}, found {found}."
    )


def _unusable(problems: Sequence[str], count: int) -> str:
    if len(problems) == count:
        return problems[0] if count == 1 else f"None of {count} files can be used: {problems[0]}"
    return (
        "\n".join(problems)
        + f"\n{len(problems)} of {count} files cannot be used; --partial uses the others."
    )


def _in(folder: Path, pattern: str) -> list[Path]:
    return sorted(p for p in folder.glob(pattern) if p.suffix in SUFFIXES and p.is_file())


def _family(member: Path) -> list[Path]:
    """All files of the set of shards that the file's name belongs to."""
    found = _MEMBER.fullmatch(member.name)
    if found is None:
        return [member]
    stem, count, suffix = found["stem"], int(found["count"]), found["suffix"]
    return [member.with_name(f"{stem}-{i:05d}-of-{count:05d}{suffix}") for i in range(count)]


def _check_kinds(folder: Path, found: Sequence[Path]) -> None:
    kinds = sorted({path.suffix for path in found})
    if len(kinds) > 1:
        raise DataError(
            f"{folder}: holds files of several kinds ({', '.join(kinds)}); give one file, or a "
            "folder with one kind."
        )
