"""Runs of all the shards → one run, as one process would have made it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.data.image_files import changes, combined, shortened
from mubench_gen.data.shard import Shard
from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import Run, load_run
from mubench_gen.runs.shown_images import read_shown_images, write_shown_images
from mubench_gen.storage.index import DiskTable, hashed
from mubench_gen.storage.json_files import sync
from mubench_gen.storage.records import Record, counted_lines, from_line, line_at
from mubench_gen.storage.run_folder import RECORDS, differences, write_manifest
from mubench_gen.storage.scratch import Scratch, sweep

# Parts of the manifests. Runs of the first versions do not note their image policy.
_EQUAL = ("settings", "content", "plugin", "image_policy")
_MAY_DIFFER = frozenset({"seconds", "usage"})  # between two records of one item
_BY_FILE = frozenset({"images"})  # parts of the content that are compared file by file
_SHOWN = 3
_OFFSET_BITS = 48  # of a place: the offset of a line; the folder's number is in the bits above
_OFFSETS = (1 << _OFFSET_BITS) - 1


@dataclass(frozen=True, slots=True)
class _Part:
    """One shard's run."""

    run: Run
    shard: Shard
    planned: int
    planned_in_all: int

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest without what is the shard's own: equal for all shards of one run."""
        whole = {"image_policy": {}, **self.run.manifest}
        whole["settings"] = {k: v for k, v in whole["settings"].items() if k != "shard"}
        return whole

    def __str__(self) -> str:
        return f"{self.run.dir} (shard {self.shard})"


def join(folders: Sequence[Path], out: Path | None = None) -> Run:
    """Make one run of the runs of all shards: in `out`, else in runs/ID beside the first.

    The undivided command resumes it and finds everything finished. RunFolderError for shards
    of different runs or of another division, for one that is missing or unfinished, and where
    two have answered the same item differently. Nothing is left behind then.
    """
    parts = sorted(
        (_part(folder) for folder in {path.resolve(): path for path in folders}.values()),
        key=lambda part: part.shard.index,
    )
    if not parts:
        raise RunFolderError("There is nothing to join: give the folders of the shards' runs.")
    _check_equal(parts)
    _check_division(parts)
    target = out or folders[0].parent / _whole_id(parts[0])
    if target.exists():
        raise RunFolderError(f"{target} exists already. Give another --out, or move it away.")
    lines = _Lines(parts)
    lines.check()
    _write(parts, lines, target)
    run = load_run(target)
    run.write_scores(recorded=parts[0].run.recorded_metrics())
    return run


def _write(parts: Sequence[_Part], lines: _Lines, target: Path) -> None:
    """The folder, whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent, [target.name])
        with Scratch(target, is_folder=True) as scratch:
            write_manifest(scratch.path, _joined_manifest(parts))
            folder = read_shown_images(parts[0].run.dir).get("folder", "")
            write_shown_images(scratch.path, Path(folder), _files(parts))
            lines.write(scratch.path / RECORDS)
            scratch.become(target)
    except OSError as error:
        raise RunFolderError(f"{target}: cannot be written: {error.strerror}.") from None


def _part(folder: Path) -> _Part:
    run = load_run(folder)
    shard = run.manifest.get("shard")
    if shard is None:
        raise RunFolderError(
            f"{folder} is no shard: it was made without --shard, and is a whole run by itself."
        )
    return _Part(
        run,
        Shard(int(shard["index"]), int(shard["of"])),
        int(run.manifest["planned"]),
        int(shard["planned_in_all"]),
    )


def _whole_id(part: _Part) -> str:
    return str(part.run.manifest["id"]).removesuffix(f"-{part.shard.index}-of-{part.shard.of}")


def _check_equal(parts: Sequence[_Part]) -> None:
    first = parts[0]
    versions = _versions(first.run.manifest)
    for part in parts[1:]:
        places = f"{first.run.dir}", f"{part.run.dir}"
        found = list(
            differences(first.manifest, part.manifest, _EQUAL, places=places, but=_BY_FILE)
        )
        found += _other_images(first, part)
        mine, theirs = _precision(first.run.manifest), _precision(part.run.manifest)
        if mine and theirs and mine != theirs:
            found.append(f"precision: {places[0]} {' '.join(mine)}, {places[1]} {' '.join(theirs)}")
        if found:
            raise RunFolderError(
                f"{first} and {part} are of different runs:\n  " + "\n  ".join(found) + "\n"
                "Only shards of one run can be joined: the same command but for --shard."
            )
        other = _versions(part.run.manifest)
        changed = sorted(k for k in versions.keys() & other.keys() if versions[k] != other[k])
        if changed:
            told = ", ".join(f"{k} {versions[k]} and {other[k]}" for k in changed)
            log(f"{first} and {part} were made with different versions: {told}.")


def _other_images(one: _Part, other: _Part) -> Iterator[str]:
    """Image files that both machines had, with other bytes; one may lack those of the other."""
    mine, theirs = (read_shown_images(part.run.dir).get("files", {}) for part in (one, other))
    common = {name: theirs[name] for name in mine if name in theirs}
    yield from shortened(changes({name: mine[name] for name in common}, common))


def _files(parts: Sequence[_Part]) -> dict[str, str] | None:
    """The image files that any shard had; None where images are no files of their own."""
    lists = [read_shown_images(part.run.dir).get("files") for part in parts]
    found = {name: sha256 for one in lists for name, sha256 in (one or {}).items()}
    return found if any(one is not None for one in lists) else None


def _check_division(parts: Sequence[_Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        if part.shard.of != first.shard.of:
            raise RunFolderError(
                f"{first} and {part} are of different divisions: every image is in one part of "
                f"{first.shard.of} and in one of {part.shard.of}. Join the shards of one N."
            )
        if part.planned_in_all != first.planned_in_all:
            raise RunFolderError(
                f"{first} is of {first.planned_in_all:,} items in all and {part} of "
                f"{part.planned_in_all:,}: they did not see the same data."
            )
    missing = sorted(set(range(1, first.shard.of + 1)) - {part.shard.index for part in parts})
    if missing:
        names = ", ".join(f"{index}/{first.shard.of}" for index in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise RunFolderError(
            f"There are gaps: no run of shard {names}{more} is given. "
            f"Run it with --shard {missing[0]}/{first.shard.of}, or name its folder too."
        )


class _Lines:
    """The lines of all shards: which there are, and which of them the joined run leaves out.

    An item that stands in several folders counts once, and must have been answered alike. Memory
    holds one number for each line that is left out.
    """

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self._left_out = [array("Q") for _ in parts]
        self._places = DiskTable(parts[0].run.dir.parent, combine=self._combine)
        self._alike = 0  # different ids with the same hash
        self._counts: list[int] = []

    def check(self) -> None:
        """RunFolderError where any is missing, or where two answers to an item disagree."""
        for number, part in enumerate(self._parts):
            count = 0
            for stored in counted_lines(part.run.dir / RECORDS):
                place = number << _OFFSET_BITS | stored.offset
                self._places.put(hashed(stored.record["id"]), place)
                count += 1
            self._counts.append(count)
        found, whole = len(self._places) + self._alike, self._parts[0].planned_in_all
        if found != whole:
            short = [
                f"{part} has {count:,} of {part.planned:,} items"
                for part, count in zip(self._parts, self._counts, strict=True)
                if count != part.planned
            ]
            raise RunFolderError(
                f"There are gaps: {found:,} of {whole:,} items are there.\n  "
                + "\n  ".join(
                    short or ["every shard is finished: they did not see the same images"]
                )
                + "\nThe command that made a shard goes on with it."
            )

    def write(self, path: Path) -> None:
        """All lines that count, as they stand, shard by shard."""
        with path.open("xb") as out:
            for part, left_out in zip(self._parts, self._left_out, strict=True):
                skipped = iter(sorted(left_out))
                skip = next(skipped, -1)
                for stored in counted_lines(part.run.dir / RECORDS):
                    if stored.offset == skip:
                        skip = next(skipped, -1)
                    else:
                        out.write(stored.line)
            out.flush()
            sync(out.fileno(), path.parent)

    def _combine(self, earlier: int, later: int) -> int:
        """Which of two records of an item counts: the answered one, of two errors the last."""
        one, other = self._read(earlier), self._read(later)
        if one["id"] != other["id"]:
            self._alike += 1
            return earlier
        failed = [record["status"] == "error" for record in (one, other)]
        if failed == [False, False]:
            self._compare(one, earlier, other, later)
        kept, left = (later, earlier) if failed[0] else (earlier, later)
        self._left_out[left >> _OFFSET_BITS].append(left & _OFFSETS)
        return kept

    def _compare(self, one: Record, earlier: int, other: Record, later: int) -> None:
        differing = _differing(one, other)
        if not differing:
            return
        first, second = (self._parts[place >> _OFFSET_BITS].run.dir for place in (earlier, later))
        told = "\n  ".join(
            f"{name}: {first} {one.get(name)!r:.60}, {second} {other.get(name)!r:.60}"
            for name in differing[:_SHOWN]
        )
        raise RunFolderError(
            f"Two records of the item {one['id']} disagree:\n  {told}\n"
            "Leave one of the two folders out, or make its shard again."
        )

    def _read(self, place: int) -> Record:
        folder = self._parts[place >> _OFFSET_BITS].run.dir
        with (folder / RECORDS).open("rb") as file:
            record = from_line(line_at(file, place & _OFFSETS))
        assert record is not None  # it counted
        return record


def _differing(one: Record, other: Record) -> list[str]:
    names = (one.keys() | other.keys()) - _MAY_DIFFER
    return sorted(name for name in names if one.get(name) != other.get(name))


def _joined_manifest(parts: Sequence[_Part]) -> dict[str, Any]:
    """The manifest of the undivided run, with the sessions of all shards."""
    first, files = parts[0], _files(parts)
    manifest = {k: v for k, v in first.manifest.items() if k != "shard"}
    images = {} if files is None else {"images": combined(files)}
    return manifest | {
        "content": {**first.manifest["content"], **images},
        "id": _whole_id(first),
        "planned": first.planned_in_all,
        "sessions": [
            {**session, "shard": str(part.shard)}
            for part in parts
            for session in part.run.manifest["sessions"]
        ],
        "joined": [part.run.dir.name for part in parts],
    }


def _precision(manifest: Mapping[str, Any]) -> list[str]:
    models = [session.get("model", {}) for session in manifest["sessions"]]
    return sorted({str(model["dtype"]) for model in models if model.get("dtype") is not None})


def _versions(manifest: Mapping[str, Any]) -> dict[str, str]:
    return dict(manifest["sessions"][-1].get("versions", {}))
