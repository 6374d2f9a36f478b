"""Runs of all the shards → one run, as one process would have made it."""

from __future__ import annotations

import os
import shutil
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mubench_gen.errors import RunFolderError
from mubench_gen.progress import log
from mubench_gen.records import Record, StoredLine, counted_lines
from mubench_gen.results import Run, load_run
from mubench_gen.runfolder import MANIFEST, RECORDS, differences, sync, write_json
from mubench_gen.shard import Shard

_EQUAL = ("settings", "content", "plugin")  # parts of the manifests
_MAY_DIFFER = frozenset({"seconds", "usage"})  # between two records of one item
_SHOWN = 3


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
        whole = dict(self.run.manifest)
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
    repeated = _repeated(parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-joining-", dir=target.parent))
    except OSError as error:
        raise RunFolderError(f"{target}: cannot be written: {error.strerror}.") from None
    try:
        write_json(scratch / MANIFEST, _joined_manifest(parts))
        _write_records(parts, repeated, scratch / RECORDS)
        os.chmod(scratch, 0o755)
        os.rename(scratch, target)
    except OSError as error:
        raise RunFolderError(f"{target}: cannot be written: {error.strerror}.") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    run = load_run(target)
    run.write_scores()
    return run


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
        found = list(differences(first.manifest, part.manifest, _EQUAL, places=places))
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


def _repeated(parts: Sequence[_Part]) -> set[int]:
    """Hashes of the ids that stand in more than one folder; RunFolderError where any is missing.

    Eight bytes a record in memory.
    """
    import numpy as np

    hashes, counts = array("q"), []
    for part in parts:
        before = len(hashes)
        hashes.extend(hash(stored.record["id"]) for stored in _lines(part))
        counts.append(len(hashes) - before)
    found, times = np.unique(np.frombuffer(hashes, np.int64), return_counts=True)
    whole = parts[0].planned_in_all
    if len(found) != whole:
        short = [
            f"{part} has {count:,} of {part.planned:,} items"
            for part, count in zip(parts, counts, strict=True)
            if count != part.planned
        ]
        raise RunFolderError(
            f"There are gaps: {len(found):,} of {whole:,} items are there.\n  "
            + "\n  ".join(short or ["every shard is finished, so they did not see the same images"])
            + "\nThe command that made a shard goes on with it."
        )
    return {int(value) for value in found[times > 1]}


def _lines(part: _Part) -> Iterator[StoredLine]:
    return counted_lines(part.run.dir / RECORDS)


def _write_records(parts: Sequence[_Part], repeated: set[int], path: Path) -> None:
    """All lines as they stand, shard by shard; of an item that stands twice the better one."""
    twice: dict[str, list[tuple[_Part, StoredLine]]] = defaultdict(list)
    with path.open("xb") as file:
        for part in parts:
            for stored in _lines(part):
                if hash(stored.record["id"]) in repeated:
                    twice[stored.record["id"]].append((part, stored))
                else:
                    file.write(stored.line)
        _write_repeated(twice, file)
        file.flush()
        sync(file.fileno(), path.parent)


def _write_repeated(
    twice: Mapping[str, Sequence[tuple[_Part, StoredLine]]], file: BinaryIO
) -> None:
    for item, lines in twice.items():
        answered = [(p, s) for p, s in lines if s.record["status"] != "error"] or lines[-1:]
        first, chosen = answered[0]
        for part, stored in answered[1:]:
            differing = _differing(chosen.record, stored.record)
            if differing:
                told = "\n  ".join(
                    f"{name}: {first.run.dir} {chosen.record.get(name)!r:.60}, "
                    f"{part.run.dir} {stored.record.get(name)!r:.60}"
                    for name in differing[:_SHOWN]
                )
                raise RunFolderError(
                    f"Two records of the item {item} disagree:\n  {told}\n"
                    "Leave one of the two folders out, or make its shard again."
                )
        file.write(chosen.line)


def _differing(one: Record, other: Record) -> list[str]:
    names = (one.keys() | other.keys()) - _MAY_DIFFER
    return sorted(name for name in names if one.get(name) != other.get(name))


def _joined_manifest(parts: Sequence[_Part]) -> dict[str, Any]:
    """As of the undivided run, with the sessions of all shards."""
    first = parts[0]
    manifest = {k: v for k, v in first.manifest.items() if k != "shard"}
    return manifest | {
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
