"""Digests of a checkpoint's files, so that a run's keys are known before any engine starts.

No torch here, and no download: a hub id that is not in the local cache has no digest yet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mubench_gen.engines.adapters import Adapter, find_adapter, lies_alone
from mubench_gen.engines.folders import local_folder
from mubench_gen.errors import UsageError
from mubench_gen.storage.digests import FileDigest, sha256_of, stamp_of, watch
from mubench_gen.storage.user_files import parse_json

# A snapshot of the hub's cache links large files to blobs named by their sha256.
_SHA256_NAME = re.compile(r"[0-9a-f]{64}\Z")
_SINGLE_FILES = ("model.safetensors", "pytorch_model.bin")
_WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth"})
_SETTING_SUFFIXES = frozenset(
    {".json", ".jinja", ".txt", ".model", ".py", ".tiktoken", ".bpe", ".vocab", ".yaml", ".yml"}
)
_NO_SETTINGS = frozenset({"merge.json"})  # how weights were made does not change what they compute


@dataclass(frozen=True, slots=True)
class CheckpointDigest:
    """What identifies a checkpoint's content.

    `weights` covers the files that hold weights, `settings` the small files beside them
    (configuration, tokenizer, processor, chat template, code); `files` names the weights. Those of
    an adapter cover its base too: `parts` has the digests of both.
    """

    weights: str
    settings: str
    files: tuple[str, ...]
    parts: Mapping[str, CheckpointDigest] = field(default_factory=dict)

    @property
    def all_files(self) -> tuple[str, ...]:
        """The files of its weights, and of its base's."""
        return (*self.files, *(name for part in self.parts.values() for name in part.files))


def weights_digest(path: str | Path, revision: str | None = None) -> str | None:
    """sha256 over the sorted (name, sha256) of the weights' files; None if not at hand."""
    digest = digest_checkpoint(path, revision)
    return None if digest is None else digest.weights


def digest_checkpoint(
    path: str | Path, revision: str | None = None, base: str | Path | None = None
) -> CheckpointDigest | None:
    """Digests of a local folder, or of a hub id's snapshot in the cache; None if not at hand.

    None also where a folder holds no weights: opening it will say so. Of an adapter the digests
    cover its base, which is `base` where it is not the one that its configuration names.
    """
    adapter = find_adapter(path, revision, base)
    own = digest_files(path, revision)
    if adapter is None or own is None:
        return own
    under = digest_files(adapter.base, adapter.base_revision)
    if under is None:
        return None
    return CheckpointDigest(
        weights=_digest_texts(own.weights, under.weights),
        settings=_digest_texts(own.settings, under.settings),
        files=own.files,
        parts={"adapter": own, "base": under},
    )


def digest_files(path: str | Path, revision: str | None = None) -> CheckpointDigest | None:
    """Like `digest_checkpoint`, of a folder's own files alone."""
    folder = local_folder(path, revision)
    if folder is None:
        return None
    try:
        return _digest_folder(folder)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: cannot be read: {error.strerror}. What the weights are "
            "must be known before they are asked."
        ) from None


def digest_facts(digest: CheckpointDigest | None) -> dict[str, Any]:
    """The digest's entry in a manifest."""
    if digest is None:
        return {"weights_sha256": None, "settings_sha256": None, "weights_files": []}
    parts = {name: digest_facts(part) for name, part in digest.parts.items()}
    return {
        "weights_sha256": digest.weights,
        "settings_sha256": digest.settings,
        "weights_files": list(digest.files),
        **({"parts": parts} if parts else {}),
    }


def adapter_facts(adapter: Adapter) -> dict[str, Any]:
    """An adapter's entries in a manifest, over those of its base."""
    digest = digest_checkpoint(adapter.name, adapter.revision, adapter.base_name)
    return {**digest_facts(digest), "adapter": adapter.facts}


def _digest_folder(folder: Path) -> CheckpointDigest | None:
    adapters = sorted(folder.glob("adapter_model.*"))
    # Beside an adapter alone may lie what its training goes on from.
    alone = bool(adapters) and lies_alone(folder)
    files = [*([] if alone else weight_files(folder)), *adapters]
    if not files:
        return None
    settings = sorted(
        file
        for file in folder.iterdir()
        if file.suffix in _SETTING_SUFFIXES and file.name not in _NO_SETTINGS and file.is_file()
    )
    return CheckpointDigest(
        weights=_digest_files(files),
        settings=_digest_files(settings),
        files=tuple(file.name for file in files),
    )


def _digest_texts(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads: one file, else an index's shards, else what is there.

    Empty if shards are missing.
    """
    for single in _SINGLE_FILES:
        if (folder / single).is_file():
            return [folder / single]
        if (folder / f"{single}.index.json").is_file():
            return _shards(folder / f"{single}.index.json")
    return sorted(f for f in folder.iterdir() if f.suffix in _WEIGHT_SUFFIXES and f.is_file())


def _shards(index: Path) -> list[Path]:
    try:
        names = set(parse_json(index.read_bytes())["weight_map"].values())
        files = sorted(index.parent / name for name in names)
        return files if all(file.is_file() for file in files) else []
    except (ValueError, KeyError, AttributeError, TypeError):
        return []


def _digest_files(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{_sha256(file)}\n".encode())
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    blob, stamp = file.resolve(), stamp_of(file.stat())
    named = file.is_symlink() and blob.parent.name == "blobs" and _SHA256_NAME.match(blob.name)
    sha256 = blob.name if named else sha256_of(blob)
    watch(file, FileDigest(sha256, stamp))  # the link, which may lead elsewhere later
    return sha256


def digest_alone(files: Sequence[Path]) -> CheckpointDigest:
    """Digests of a model whose weights and settings are these files, whatever lies beside them.

    Raises UsageError for a file that cannot be read.
    """
    try:
        weights = _digest_files(files)
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}.") from None
    return CheckpointDigest(weights, _digest_files([]), tuple(file.name for file in files))
