"""Digests of a checkpoint's files, so that a run's keys are known before any engine starts.

No torch here, and no download: a hub id that is not in the local cache has no digest yet.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.errors import UsageError
from mubench_gen.storage.digests import FileDigest, sha256_of, stamp_of, watch
from mubench_gen.storage.paths import user_path
from mubench_gen.storage.user_files import parse_json

# A snapshot of the hub's cache links large files to blobs named by their sha256.
_SHA256_NAME = re.compile(r"[0-9a-f]{64}\Z")
_SINGLE_FILES = ("model.safetensors", "pytorch_model.bin")
_WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth"})
_SETTING_SUFFIXES = frozenset(
    {".json", ".jinja", ".txt", ".model", ".py", ".tiktoken", ".bpe", ".vocab", ".yaml", ".yml"}
)
_ADAPTER = "adapter_config.json"  # transformers also loads an adapter, with its base
_NO_SETTINGS = frozenset({"merge.json"})  # how weights were made does not change what they compute


@dataclass(frozen=True, slots=True)
class CheckpointDigest:
    """What identifies a checkpoint's content.

    `weights` covers the files that hold weights, `settings` the small files beside them
    (configuration, tokenizer, processor, chat template, code); `files` names the weights.
    """

    weights: str
    settings: str
    files: tuple[str, ...]


def local_folder(path: str | Path, revision: str | None = None) -> Path | None:
    """The checkpoint's folder: a local one, or its snapshot in the hub's cache.

    None for a hub id that is not in the cache (or where huggingface_hub is not installed).
    """
    folder = user_path(path)
    if os.path.isdir(folder):  # False too for what no path can be
        return folder
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(str(path), revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None


def weights_digest(path: str | Path, revision: str | None = None) -> str | None:
    """sha256 over the sorted (name, sha256) of the weights' files; None if not at hand."""
    digest = digest_checkpoint(path, revision)
    return None if digest is None else digest.weights


def digest_checkpoint(path: str | Path, revision: str | None = None) -> CheckpointDigest | None:
    """Digests of a local folder, or of a hub id's snapshot in the cache; None if not at hand.

    None also where a folder holds no weights: opening it will say so.
    """
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
    return {
        "weights_sha256": digest.weights if digest else None,
        "settings_sha256": digest.settings if digest else None,
        "weights_files": list(digest.files) if digest else [],
    }


def _digest_folder(folder: Path) -> CheckpointDigest | None:
    files = weight_files(folder)
    if not files:
        return None
    settings = sorted(
        file
        for file in folder.iterdir()
        if file.suffix in _SETTING_SUFFIXES and file.name not in _NO_SETTINGS and file.is_file()
    )
    adapters = [file for file in sorted(folder.glob("adapter_model.*")) if file not in files]
    return CheckpointDigest(
        weights=_digest_files([*files, *adapters]),
        settings=_digest_files([*settings, *_adapted(folder)]),
        files=tuple(file.name for file in files),
    )


def _adapted(folder: Path) -> list[Path]:
    """The files of the weights that an adapter modifies, if they are on this machine."""
    try:
        base = parse_json((folder / _ADAPTER).read_bytes())["base_model_name_or_path"]
        return weight_files(Path(base)) if Path(base).is_dir() else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads: one file, else an index's shards, else what is there."""
    for single in _SINGLE_FILES:
        if (folder / single).is_file():
            return [folder / single]
        if (folder / f"{single}.index.json").is_file():
            return _shards(folder / f"{single}.index.json")
    return sorted(f for f in folder.iterdir() if f.suffix in _WEIGHT_SUFFIXES and f.is_file())


def _shards(index: Path) -> list[Path]:
    try:
        names = set(parse_json(index.read_bytes())["weight_map"].values())
        return sorted(path for name in names if (path := index.parent / name).is_file())
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
