"""The folder of a checkpoint, local or in the hub's cache, and the small files in it. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mubench_gen.data.hub import out_of_reach, unavailable
from mubench_gen.errors import MissingExtraError, UsageError
from mubench_gen.storage.paths import user_path
from mubench_gen.storage.user_files import parse_json

_SMALL = ("*.json", "*.jinja")
_CONFIGURATIONS = ("chat_template.json", "processor_config.json", "tokenizer_config.json")


def local_folder(
    path: str | Path, revision: str | None = None, *, whole: bool = False
) -> Path | None:
    """The checkpoint's folder: a local one, or its snapshot in the hub's cache.

    None for a hub id that is not in the cache (or where huggingface_hub is not installed), with
    `whole` also for a snapshot that lacks files of the hub's.
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
    except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
        # huggingface_hub 2 also refuses what lacks a README.md.
        there = getattr(error, "snapshot_path", None)
        return Path(there) if there is not None and not whole else None


def fetch_small_files(path: str | Path, revision: str | None) -> Path:
    """The folder with the small files of a hub id, fetched where they are not at hand."""
    return local_folder(path, revision) or fetch_files(path, revision, _SMALL)


def fetch_files(path: str | Path, revision: str | None, wanted: Sequence[str]) -> Path:
    """The folder with the files of a hub id that have these patterns, fetched from the hub.

    UsageError if they are not to be had.
    """
    if (why := out_of_reach()) is not None:
        raise UsageError(unavailable(path, why))
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError(
            "huggingface_hub", "transformers", f"Reading the configuration of {path}"
        ) from None
    try:
        found = snapshot_download(str(path), revision=revision, allow_patterns=list(wanted))
        return Path(found)
    except Exception as error:  # the hub's client raises what it likes
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UsageError(
            f"Cannot read the configuration of {path}: {reason} Check the id, access "
            "(hf auth login) and connection."
        ) from error


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        found = parse_json(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def template_in(folder: Path) -> str | None:
    """The chat template that a checkpoint's files hold; None without."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8", "replace")
    for name in _CONFIGURATIONS:
        found = read_json(folder / name).get("chat_template")
        if isinstance(found, list):  # [{"name": "default", "template": …}, …]
            named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
            found = named.get("default")
        if found:
            return str(found)
    return None


def tokens_in(folder: Path) -> frozenset[str]:
    """The tokens that a folder's tokenizer takes as a whole, wherever they stand in a text."""
    listed = read_json(folder / "tokenizer.json").get("added_tokens")
    named = read_json(folder / "tokenizer_config.json").get("added_tokens_decoder")
    entries = [
        *(listed if isinstance(listed, list) else ()),
        *(named.values() if isinstance(named, dict) else ()),
    ]
    return frozenset(str(one.get("content")) for one in entries if isinstance(one, dict))
