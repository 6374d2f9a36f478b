"""The hub's cache: which checkpoints are there, whole, without asking the network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.data.ubench import hub_cache
from mubench_gen.storage.paths import user_path

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class Cached:
    """A checkpoint at hand: its folder and the bytes of its weights."""

    folder: Path
    size: int


def cached_models(cache: Path | None = None) -> list[str]:
    """The ids of the models that the hub's cache holds in part or whole."""
    folder = hub_cache() if cache is None else cache
    if not folder.is_dir():
        return []
    return sorted(
        entry.name.removeprefix("models--").replace("--", "/")
        for entry in folder.iterdir()
        if entry.name.startswith("models--")
    )


def find_checkpoint(path: str) -> Cached | None:
    """The checkpoint in that folder, or of that id in the cache; None where it isn't whole."""
    own = user_path(path)
    if own.is_dir():
        return _cached(own)
    snapshots = hub_cache() / f"models--{path.replace('/', '--')}" / "snapshots"
    if not snapshots.is_dir():
        return None
    found = [_cached(folder) for folder in sorted(snapshots.iterdir())]
    return next((cached for cached in found if cached is not None), None)


def _cached(folder: Path) -> Cached | None:
    files = [file for file in folder.rglob("*") if file.suffix in _WEIGHTS]
    if not files or not all(file.is_file() for file in files):  # a link to what isn't there yet
        return None
    safe = [file for file in files if file.suffix == ".safetensors"]
    return Cached(folder, sum(file.stat().st_size for file in safe or files))


def is_offline() -> bool:
    """Whether the environment forbids the network to the hub's client."""
    switches = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(value.upper() in ("1", "ON", "YES", "TRUE") for value in switches)


def has_token() -> bool:
    """Whether there is a token for gated models; its value is not read."""
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return True
    return (hub_cache().parent / "token").is_file()
