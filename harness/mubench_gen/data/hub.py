"""The hub: which checkpoints its cache holds whole, and whether it can be reached at all.

The hub's own client tries each file for minutes where there is no network. Here one request of a
few seconds tells, before anything heavy is imported.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mubench_gen.console.notes import note
from mubench_gen.data.ubench import hub_cache
from mubench_gen.errors import NotHereError
from mubench_gen.storage.paths import user_path

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
_PATIENCE = 4.0  # seconds for the hub's answer, whatever it is
_ON = ("1", "ON", "YES", "TRUE")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True, slots=True)
class Cached:
    """A checkpoint at hand: its folder, the files of its weights, and their bytes."""

    folder: Path
    files: tuple[Path, ...]
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
    chosen = tuple(safe or files)
    return Cached(folder, chosen, sum(file.stat().st_size for file in chosen))


def is_offline() -> bool:
    """Whether the environment forbids the network to the hub's client."""
    return _switch() is not None


def out_of_reach() -> str | None:
    """Why nothing can be fetched from the hub now, in words; None where it can be."""
    if (switch := _switch()) is not None:
        return f"{switch} forbids the network"
    why = unreachable(endpoint())
    return None if why is None else f"the hub ({endpoint()}) cannot be reached: {why}"


def require_checkpoint(path: str | Path, advice: str = "") -> None:
    """Return at once where a checkpoint can be opened: a folder, of the cache, or of the hub.

    UsageError, within seconds, where it is neither here nor to be had. Where the cache has it and
    the hub is out of reach, the hub's client is told not to try. `advice`: the plugin's, of a
    checkpoint that is not to be had.
    """
    if user_path(path).is_dir():
        return
    why = out_of_reach()
    if why is None:
        return
    if find_checkpoint(str(path)) is None:
        raise NotHereError(f"{unavailable(path, why)} {advice}".strip())
    if is_offline():
        return
    note(f"The hub ({endpoint()}) cannot be reached: {path} is opened from its cache.")
    _stay_offline()


def spare_retries() -> None:
    """Have the hub's client use its cache alone, if the hub is out of reach: for what may be there
    in part, and says itself what it lacks.
    """
    if not is_offline() and out_of_reach() is not None:
        note(f"The hub ({endpoint()}) cannot be reached: what its cache holds is used.")
        _stay_offline()


def endpoint() -> str:
    """The hub's address."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


@cache
def unreachable(address: str) -> str | None:
    """Why nothing answers at an address within a few seconds; None where anything does."""
    told: list[str | None] = []
    # A name is looked up without any limit of time: not waited for longer than this.
    asking = threading.Thread(target=lambda: told.append(_silence(address)), daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    return told[0] if told else f"no answer within {_PATIENCE:.0f} s"


def _silence(address: str) -> str | None:
    import urllib.error
    import urllib.request

    try:
        asked = urllib.request.Request(address, method="HEAD")
        urllib.request.urlopen(asked, timeout=_PATIENCE).close()
    except urllib.error.HTTPError as answer:  # of the hub, or of a proxy that cannot reach it
        return None if answer.code < 500 else f"HTTP {answer.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return str(getattr(reason, "strerror", None) or reason)
    return None


def unavailable(path: str | Path, why: str, *, wanted: str | None = None) -> str:
    """What is wrong where something is not here and not to be had, and what to do.

    `wanted`: what `hf download` is given, where that is not the path alone.
    """
    return (
        f"{path} is not in the hub's cache ({hub_cache()}), and {why}. Type where there is a "
        f"network: hf download {wanted or path}; or copy that cache here from a machine that has "
        "it (docs/howto/offline.md)."
    )


def _switch() -> str | None:
    """The variable of the environment that forbids the network to the hub's client, if one does."""
    return next((name for name in _OFFLINE if os.environ.get(name, "").upper() in _ON), None)


def _stay_offline() -> None:
    """Have the hub's client of this process, imported or not yet, use its cache alone."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    imported = sys.modules.get("huggingface_hub.constants")
    if imported is not None:
        imported.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


@contextmanager
def kept_offline() -> Iterator[None]:
    """The hub's client uses its cache alone in the block: what is not here is not fetched."""
    before, constants = os.environ.get("HF_HUB_OFFLINE"), "huggingface_hub.constants"
    was = getattr(sys.modules.get(constants), "HF_HUB_OFFLINE", None)
    _stay_offline()
    try:
        yield
    finally:
        os.environ.pop("HF_HUB_OFFLINE")
        if before is not None:
            os.environ["HF_HUB_OFFLINE"] = before
        if constants in sys.modules:
            is_on = was if was is not None else (before or "").upper() in _ON
            sys.modules[constants].HF_HUB_OFFLINE = is_on  # type: ignore[attr-defined]


def has_token() -> bool:
    """Whether there is a token for gated models; its value is not read."""
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return True
    return (hub_cache().parent / "token").is_file()
