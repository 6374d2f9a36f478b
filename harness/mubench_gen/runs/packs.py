"""Packs as run folders: a pack is unpacked once into the cache, by its digest, and read there."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from mubench_gen.errors import RunFolderError
from mubench_gen.storage.digests import sha256_of
from mubench_gen.storage.paths import cache_folder
from mubench_gen.storage.scratch import Scratch
from mubench_gen.storage.user_files import parse_json

PACK, SUFFIX, VERSION = "pack.json", ".run.zip", 1
MEMBER = re.compile(
    r"(manifest|scores|environment|licences|pack)\.json|records\.jsonl|images/[0-9a-f]{64}\.\w{3,4}"
)
_NEEDED = ("manifest.json", "records.jsonl", "scores.json")
_CHUNK = 2**20
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)  # the last two: of a method or encrypted


def folder_of(path: Path) -> Path:
    """The folder of a run; that of a pack lies in the cache. RunFolderError for another file, and
    for a pack whose content does not fit its digests."""
    if not path.is_file():
        return path
    target = cache_folder() / "packs" / sha256_of(path)[:24] / path.name.removesuffix(SUFFIX)
    if target.is_dir():
        return target
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with Scratch(target, is_folder=True) as scratch:
                for name, digest in members.items():
                    _unpack(archive, name, digest, scratch.path, path)
                (scratch.path / PACK).write_bytes(archive.read(PACK))
                scratch.become(target)
    except _DAMAGED as error:
        raise RunFolderError(
            f"{path} is neither a run's folder nor a pack that can be read ({error})."
        ) from None
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be unpacked: {error.strerror or error}.") from None
    return target


def documents(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the scores in a pack, as they stand there: nothing is checked."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest, scores = (
                parse_json(archive.read(f"{n}.json")) for n in ("manifest", "scores")
            )
        if not (isinstance(manifest, dict) and isinstance(scores, dict)):
            raise ValueError("its manifest or scores are no JSON object")
    except (OSError, KeyError, *_DAMAGED) as error:
        raise RunFolderError(f"{path} is no pack that can be read ({error}).") from None
    return manifest, scores


def digests(path: Path) -> dict[str, str]:
    """The SHA-256 of each member of a pack. RunFolderError for another file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _members(archive, path)
    except (OSError, *_DAMAGED) as error:
        raise RunFolderError(f"{path} is no pack that can be read ({error}).") from None


def refuse_pack(folder: Path) -> None:
    """RunFolderError for the folder of a pack, in which nothing is written."""
    if (folder / PACK).exists():
        raise RunFolderError(
            f"{folder.name} is a pack, which stays as it is: `unzip` it, and give the folder."
        )


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, str]:
    """The members of a pack with their digests."""
    try:
        listed: Any = json.loads(archive.read(PACK))
        if int(listed["format"]) > VERSION:
            raise RunFolderError(
                f"{path}: is a pack of format {listed['format']}, this version reads {VERSION}. "
                "Type: pip install -U mubench-gen"
            )
        members = {str(name): str(digest) for name, digest in listed["members"].items()}
    except (KeyError, TypeError, AttributeError):
        raise RunFolderError(f"{path}: is no pack of a run: it has no {PACK}.") from None
    strange = [name for name in members if not MEMBER.fullmatch(name)]
    if strange:
        raise RunFolderError(f"{path}: is no pack of a run: it holds {strange[0]!r:.80}.")
    for name in _NEEDED:
        if name not in members:
            raise RunFolderError(f"{path}: is no pack of a run: it has no {name}.")
    return members


def _unpack(archive: zipfile.ZipFile, name: str, digest: str, folder: Path, path: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    found = hashlib.sha256()
    try:
        member = archive.open(name)
    except KeyError:
        raise RunFolderError(f"{path}: was changed: it lacks {name}.") from None
    with member, (folder / name).open("wb") as out:
        while piece := member.read(_CHUNK):
            found.update(piece)
            out.write(piece)
    if found.hexdigest() != digest:
        raise RunFolderError(f"{path}: was changed: {name} does not fit its digest.")
