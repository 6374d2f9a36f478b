"""Checking a data set file by file: digest, every row, every image decoded as a run would."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mubench_gen.data import default_policy, is_form, open_dataset
from mubench_gen.data.arrow import ArrowDataset, open_source
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.equal_options import Alike
from mubench_gen.data.examine import Examined, duplicates, examine
from mubench_gen.data.forms.dataset import FormDataset
from mubench_gen.data.jsonl import JsonlDataset
from mubench_gen.data.schema import check_row
from mubench_gen.data.shards import ShardFile, find_shards
from mubench_gen.data.ubench import UBENCH, shards_of
from mubench_gen.errors import DataError
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.digests import DigestCache, sha256_of
from mubench_gen.storage.paths import user_path
from mubench_gen.types import Image, Row

_ROW = re.compile(r"\brows? (\d+)")
_SECONDS = 600.0  # for one image, as `eval --timeout` has it where nothing else is said


@dataclass(frozen=True, slots=True)
class FileCheck:
    """The result for one file: `problem` is None if it is intact, else `problems` in one line.

    `warnings`: pictures that can be shown, and that somebody should look at.
    """

    path: Path
    size: int = 0
    sha256: str | None = None
    expected: str | None = None
    rows: int = 0
    problem: str | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class _Found:
    """What is found while a file is read; each fault is listed once."""

    faults: dict[str, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seen: list[Examined] = field(default_factory=list)

    def note(self, one: Examined) -> None:
        if one.fault is not None or one.looks is None:
            self.faults[f"{one.where}: {one.fault}"] = None
            return
        self.warnings += [f"{one.where}: {one.image}: {told}" for told in one.looks.warnings()]
        self.seen.append(one)


def verify(
    name: str,
    *,
    outside: bool = False,
    image_set: Mapping[str, str] | None = None,
    mapping: Mapping[str, str] | None = None,
) -> list[FileCheck]:
    """One result per file. Reads each file whole, even if its digest is in the cache.

    `outside`: images may lie outside of the data's folder. `image_set`: how images are shown,
    as `eval --image-set`. `mapping`: how a table of another form is read, as `eval --map`.
    """
    policy = make_policy(image_set or {}, seconds=_SECONDS, default=default_policy(name))
    shards = [] if is_form(name, mapping) else _shards(name)
    if not shards:
        return [_verify_rows(name, policy, mapping, outside=outside)]
    seen: list[list[Examined]] = []
    checks = [_verify_shard(shard, policy, seen) for shard in shards]
    return _with_duplicates(checks, seen)


def _shards(name: str) -> list[ShardFile]:
    if name == "ubench":
        return shards_of(UBENCH)
    published = {Path(file).name: digest for file, digest in UBENCH.files}
    found = find_shards(user_path(name)) if name != "demo" else []
    return [ShardFile(shard.path, published.get(shard.path.name)) for shard in found]


def _verify_shard(
    shard: ShardFile, policy: StandardPolicy, seen: list[list[Examined]]
) -> FileCheck:
    found = _Found()
    seen.append(found.seen)
    if not shard.path.exists():
        return FileCheck(
            shard.path, expected=shard.sha256, problem="missing", problems=("missing",)
        )
    size = shard.path.stat().st_size
    sha256 = sha256_of(shard.path, again=True)
    if shard.sha256 not in (None, sha256):
        found.faults[f"SHA-256 expected {shard.sha256}, found {sha256}"] = None
    rows = 0
    try:
        dataset = ArrowDataset(shard.path.name, shard.path, [open_source(shard.path)], policy)
        rows = len(dataset)
        alike = Alike(shard.path)
        for one in examine(_images(dataset, found, alike), rows, shard.path.name):
            found.note(one)
        alike.tell()
    except DataError as error:
        found.faults[str(error)] = None
    return _check(FileCheck(shard.path, size, sha256, shard.sha256, rows), found)


def _verify_rows(
    name: str, policy: StandardPolicy, mapping: Mapping[str, str] | None, *, outside: bool
) -> FileCheck:
    faults: list[str] = []
    dataset = _rows_file(name, policy, mapping, outside=outside, faults=faults)
    found = _Found(faults=dict.fromkeys(faults))
    is_inside = isinstance(dataset, FormDataset)  # its names of images are none of files
    with DigestCache(dataset.path.parent) as memory:
        for one in examine(_each_once(dataset, found), len(dataset)):
            before = None if is_inside else memory.last(one.image)
            if one.fault is None and before not in (None, one.sha256):
                told = f"SHA-256 {before} then, {one.sha256} now"
                one = replace(one, fault=f"{one.image}: changed since it was last read ({told})")
            found.note(one)
    size = dataset.path.stat().st_size
    whole = dataset.digest if not found.faults else None
    check = _check(FileCheck(dataset.path, size, whole, rows=len(dataset)), found)
    return _with_duplicates([check], [found.seen])[0]


def _rows_file(
    name: str,
    policy: StandardPolicy,
    mapping: Mapping[str, str] | None,
    *,
    outside: bool,
    faults: list[str],
) -> JsonlDataset:
    dataset = open_dataset(name, policy, outside=outside, faults=faults, mapping=mapping)
    assert isinstance(dataset, JsonlDataset)
    return dataset


def _images(dataset: Dataset, found: _Found, alike: Alike) -> Iterator[tuple[str, Image]]:
    """The images of each sound row; the faults of the others are noted."""
    for index in range(len(dataset)):
        try:
            row = dataset[index]
            check_row(row)
        except DataError as error:
            found.faults[str(error)] = None
            continue
        alike.note(row)
        yield from _placed(row, row.index + 1)


def _each_once(dataset: JsonlDataset, found: _Found) -> Iterator[tuple[str, Image]]:
    """Each image file once, with the first row that has it."""
    names: set[str] = set()
    for index in range(len(dataset)):
        try:
            row = dataset[index]
        except DataError as error:
            found.faults[str(error)] = None
            continue
        for where, image in _placed(row, dataset.number_of(index)):
            if image.name not in names:
                names.add(image.name)
                yield where, image


def _placed(row: Row, number_of_row: int) -> Iterator[tuple[str, Image]]:
    """The row's images, and where they stand."""
    for number, image in enumerate(row.images, 1):
        which = f", image {number}" if row.more_images else ""
        yield f"row {number_of_row}{which}", image


def _check(check: FileCheck, found: _Found) -> FileCheck:
    problems = tuple(sorted(found.faults, key=_row_number))
    told = "; ".join(problems) or None
    return replace(check, problem=told, problems=problems, warnings=tuple(found.warnings))


def _row_number(fault: str) -> int:
    """The row that a fault is about; 0 for one about the whole file."""
    found = _ROW.search(fault)
    return int(found[1]) if found else 0


def _with_duplicates(
    checks: Sequence[FileCheck], seen: Sequence[Sequence[Examined]]
) -> list[FileCheck]:
    """The results with a warning for each picture that an earlier file or row has too."""
    owners = {id(one): number for number, part in enumerate(seen) for one in part}
    told: dict[int, list[str]] = {}
    for first, later in duplicates(one for part in seen for one in part):
        number, other = owners[id(later)], owners[id(first)]
        there = first.where if number == other else f"{checks[other].path.name}, {first.where}"
        same = "the same bytes" if first.sha256 == later.sha256 else "alike to the eye"
        told.setdefault(number, []).append(
            f"{later.where}: {later.image}: the same picture as {first.image} ({there}; {same})"
        )
    return [
        replace(check, warnings=(*check.warnings, *told.get(number, ())))
        for number, check in enumerate(checks)
    ]
