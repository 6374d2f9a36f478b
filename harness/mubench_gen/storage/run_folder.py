"""A run's folder: its name, its lock, its manifest, its scores."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mubench_gen.console.masking import blank, blanked
from mubench_gen.errors import RunFolderError
from mubench_gen.storage.json_files import SEAL, UNSUPPORTED, is_sealed, tell_once, write_json
from mubench_gen.storage.scratch import sweep
from mubench_gen.storage.user_files import read_json

FORMAT = 1
MANIFEST, RECORDS, SCORES, LOCK = "manifest.json", "records.jsonl", "scores.json", ".lock"
# The documents of folders with several runs.
STUDY, SWEEP, SOUP = "study.json", "sweep.json", "soup.json"
USUAL = ("runs", "studies", "sweeps", "soups")  # where the commands put what they make
COLUMNS = ".columns"  # a cache of the records, see columns.py
_SCRATCH = (MANIFEST, SCORES, COLUMNS, "index")  # what a killed process may leave, `.NAME-…`
_PARTS: Mapping[str, type] = {
    **dict.fromkeys(("settings", "content", "plugin", "model", "data"), dict),
    "planned": int,
    "sessions": list,
}
# What must be equal for a run to be resumed: all that keys depend on, beside the version.
_MUST_MATCH = ("settings", "content", "image_policy")
_IMAGES = frozenset({"images"})  # compared file by file instead


def settings_hash(identity: Mapping[str, Any]) -> str:
    """Eight hex digits of the settings."""
    text = json.dumps(identity, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def run_name(plugin: str, model: str) -> str:
    """PLUGIN-MODEL, fit for a folder's name."""
    return re.sub(r"[^\w.-]+", "-", blank(f"{plugin}-{model}")).strip("-.")


def choose_folder(wanted: Path, *, fresh: bool) -> Path:
    """The folder wanted, or with `fresh` the first of NAME, NAME-2, … that doesn't exist."""
    folder, number = wanted, 1
    while fresh and folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def folder_of(
    given: Path | None, place: str, name: str, settings: Mapping[str, Any], *, fresh: bool
) -> Path:
    """The folder given, or PLACE/NAME-HASH of these settings; with `fresh` as `choose_folder`."""
    return choose_folder(given or Path(place, f"{name}-{settings_hash(settings)}"), fresh=fresh)


@contextlib.contextmanager
def locked(folder: Path, *, file: str = MANIFEST, what: str = "run") -> Iterator[None]:
    """Lock the folder for this process; a second process is refused.

    A folder with other content than a run (or than `what` has that `file`) is refused too, and
    left as it is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_strange(folder, file, what)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunFolderError(
            f"{folder}: no {what} folder can be made here: {error.strerror}."
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in UNSUPPORTED:
                tell_once(
                    f"{folder}: this file system has no locks ({error.strerror}): make sure "
                    "that no other process uses this run folder."
                )
            else:
                owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
                raise RunFolderError(
                    f"{folder} is in use by another process (pid {owner}). Wait for it, or give "
                    "another --run-dir."
                ) from None
        with contextlib.suppress(OSError):  # a full disk: the lock holds without the number
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        sweep(folder, {file, *_SCRATCH})
        yield
    finally:
        os.close(handle)


def record_session(
    folder: Path, manifest: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    """Write the manifest of a new run, or check that of one to resume and note the session.

    RunFolderError where the folder holds a run of other settings or content: it says what
    differs, and nothing is touched. `check` gets the stored manifest, and checks what comparing
    two manifests does not show.
    """
    path = folder / MANIFEST
    if not path.exists():
        stored = dict(manifest)
    else:
        stored = read_manifest(folder)
        refuse_other_weights(folder, stored)
        different = list(differences(stored, blanked(manifest), _MUST_MATCH, but=_IMAGES))
        if different:
            raise RunFolderError(
                f"{folder} holds a run of other settings:\n  " + "\n  ".join(different) + "\n"
                "Use --fresh (or another --run-dir) to start another, or the settings of that "
                "run, with the files that they name as they were."
            )
        check(stored)
        stored["content"] = manifest["content"]  # with image files that were not there before
        stored["planned"] = manifest["planned"]  # grows with the rounds of a sweep's budget
        stored["sessions"] = stored["sessions"] + list(manifest["sessions"])
    write_manifest(folder, stored)
    return stored


def refuse_other_weights(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse a run whose replies came from other weights than their keys say.

    Version 0.1.0 made such runs: of a sweep on Ray, whose workers opened the base at every α.
    """
    expected = manifest["content"].get("weights")
    for session in manifest["sessions"]:
        opened = session.get("model", {}).get("weights_sha256")
        if "ray" in session and None not in (opened, expected) and opened != expected:
            raise RunFolderError(
                f"{folder} was asked on Ray, whose workers opened other weights than its keys "
                "say (in sweeps of version 0.1.0 the base at every α): its replies cannot be "
                "used. Ask again in another folder (--run-dir)."
            )


def _refuse_strange(folder: Path, file: str, what: str) -> None:
    if (folder / file).exists():
        return
    strange = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    if strange:
        raise RunFolderError(
            f"{folder} is no {what} folder: it holds {', '.join(sorted(strange)[:3])} and no "
            f"{file}. Give another --run-dir."
        )


def read_manifest(folder: Path, name: str = MANIFEST) -> dict[str, Any]:
    """The manifest of a run folder. RunFolderError where there is none that can be read."""
    path = folder / name
    try:
        manifest: Any = read_json(path)
    except FileNotFoundError:
        of_soup = " It is a soup: its runs are in held-out/ and choosing/, each a folder there."
        also = of_soup if (folder / SOUP).is_file() else ""
        raise RunFolderError(f"{folder} is no run folder: it holds no {name}.{also}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(
            f"{path}: cannot be read: {error}. Put a copy in its place, or use another --run-dir."
        ) from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise RunFolderError(f"{path}: is no manifest of a run.")
    if manifest["format"] > FORMAT:
        raise RunFolderError(
            f"{path}: is of format {manifest['format']}, this version reads {FORMAT}. "
            "Type: pip install -U mubench-gen"
        )
    if SEAL in manifest and not is_sealed(manifest):
        raise RunFolderError(
            f"{path}: does not fit its checksum: it was damaged, or changed by hand. Put a copy in "
            f'its place; if the change was meant, remove the line "{SEAL}" and it is read as it '
            "is."
        )
    for part, kind in _PARTS.items():
        if not isinstance(manifest.get(part), kind):
            raise RunFolderError(f"{path}: is no manifest of a run: it has no {part!r}.")
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest with a checksum, which `read_manifest` verifies."""
    write_json(folder / MANIFEST, manifest, sealed=True)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be removed: {error.strerror}. Remove it yourself, and type the "
            "same command again."
        ) from None


def differences(
    stored: Mapping[str, Any],
    wanted: Mapping[str, Any],
    parts: Iterable[str],
    *,
    places: tuple[str, str] = ("there", "now"),
    but: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """What differs in these parts of two documents, key by key: "seed: there 0, now 1".

    `but`: keys that are not compared.
    """
    for part in parts:
        old, new = _flat(stored.get(part, {})), _flat(wanted[part])
        for key in sorted((old.keys() | new.keys()) - but):
            if old.get(key) != new.get(key):
                values = _shown(old.get(key)), _shown(new.get(key))
                yield f"{key}: {places[0]} {values[0]}, {places[1]} {values[1]}"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level, "tasks.modality" → its digest."""
    normal = json.loads(json.dumps(value))
    flat: dict[str, Any] = {}
    for key, entry in normal.items():
        if isinstance(entry, list) and entry and all(isinstance(one, dict) for one in entry):
            entry = {str(place): one for place, one in enumerate(entry, 1)}
        if isinstance(entry, dict):
            flat |= _flat(entry, f"{prefix}{key}.")
        else:
            flat[prefix + key] = entry
    return flat


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
