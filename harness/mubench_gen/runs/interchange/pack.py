"""A run as one file, and back: a ZIP file with the run's own files and their digests.

`pack.json` names every member with its SHA-256. The same run gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mubench_gen.errors import ImageError, RunFolderError
from mubench_gen.runs.interchange.environment import environment, licences
from mubench_gen.runs.interchange.public import Public
from mubench_gen.runs.kept_images import IMAGES, keep_as
from mubench_gen.runs.packs import PACK, SUFFIX, VERSION
from mubench_gen.runs.results import Run
from mubench_gen.scores.measured import Measured
from mubench_gen.storage.json_files import sealed_text
from mubench_gen.storage.records import counted_lines, to_line
from mubench_gen.storage.run_folder import MANIFEST, RECORDS, SCORES
from mubench_gen.storage.scratch import Scratch

_BEGINNING = (1980, 1, 1, 0, 0, 0)  # of time, in a ZIP file
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was written: its path, size in bytes, records and images."""

    path: Path
    size: int
    records: int
    images: int


def pack(run: Run, out: Path | None = None, *, images: bool = False) -> Packed:
    """Write the run into one file, without secrets and private paths.

    `out`: by default RUN.run.zip beside the run's folder. `images`: with the images that it was
    shown, as far as the data are here. RunFolderError for a run without scores, and where another
    file is there already.
    """
    if not (run.dir / SCORES).is_file():
        raise RunFolderError(
            f"{run.dir} is not finished: it has no {SCORES}. The command that made it goes on."
        )
    name = str(run.manifest["id"])
    target = out or run.dir.with_name(run.dir.name + SUFFIX)
    try:
        with Scratch(target) as scratch:
            with open(scratch.path, "wb") as file:
                counts = _write(run, file, name, images=images)
            if target.exists() and not _same(target, scratch.path):
                raise RunFolderError(f"{target} exists already; give another --out.")
            scratch.become(target)
    except OSError as error:
        raise RunFolderError(f"{target}: cannot be written: {error.strerror}.") from None
    return Packed(target, target.stat().st_size, *counts)


def _write(run: Run, file: IO[bytes], name: str, *, images: bool) -> tuple[int, int]:
    public = Public(run)
    digests: dict[str, str] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:

        def add(member: str, pieces: Iterator[bytes]) -> int:
            digest, count = hashlib.sha256(), 0
            with archive.open(_entry(member), "w", force_zip64=True) as stream:
                for piece in pieces:
                    stream.write(piece)
                    digest.update(piece)
                    count += 1
            digests[member] = digest.hexdigest()
            return count

        add(
            MANIFEST,
            iter([sealed_text({**public.manifest(run.manifest), "packed": VERSION}).encode()]),
        )
        records = add(RECORDS, _records(run, public))
        for member, document in (
            (SCORES, {**_scores(run), "run_dir": name}),
            ("environment.json", environment(run)),
            ("licences.json", licences(run)),
        ):
            add(member, iter([_text(public.document(document))]))
        count = 0
        for image in run.images() if images else ():
            with suppress(ImageError):
                add(f"{IMAGES}/{keep_as(image)}", iter([image.file_bytes]))
                count += 1
        listed = {"format": VERSION, "run": name, "members": digests}
        archive.writestr(_entry(PACK), _text(listed))
    return records, count


def _records(run: Run, public: Public) -> Iterator[bytes]:
    for stored in counted_lines(run.dir / RECORDS):
        yield to_line(public.record(stored.record)) if public.concerns(stored.line) else stored.line


def _scores(run: Run) -> dict[str, Any]:
    measured: Measured = run.measured()
    return run.summary(measured=measured)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _BEGINNING)
    entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _MODE, 3
    return entry


def _text(document: Any) -> bytes:
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True, default=str)
    return (text + "\n").encode("utf-8", "replace")


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
