"""Which checkpoint a transformers engine is to open, checked before torch is imported."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.engines.conversation import hint_of
from mubench_gen.engines.options import TransformersOptions, parse_options
from mubench_gen.errors import MissingExtraError, SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_DTYPES = ("auto", "float32", "bfloat16", "float16")
_DEVICE = re.compile(r"(auto|cpu|mps|cuda(:\d+)?)\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint with the user's wishes, as transformers is to open it.

    `path` is a folder (`local`) or a hub id; `revision` is None for a folder, unless remote
    code is trusted; `hint` is the checkpoint's.
    """

    path: str
    local: bool
    revision: str | None
    trust_remote_code: bool
    device: str
    dtype: str
    hint: str

    def __str__(self) -> str:
        return f"{self.path}@{self.revision}" if self.revision and not self.local else self.path


def read_source(checkpoint: Checkpoint, runtime: Runtime) -> Source:
    """The source of a checkpoint. Raises SettingError for a wish that can't be met."""
    revision = runtime.revision or checkpoint.revision
    if runtime.trust_remote_code and not (revision and _COMMIT.match(revision)):
        raise SettingError(
            f"Remote code of {checkpoint.path} is trusted only at one commit: "
            "give --revision with all its 40 hexadecimal digits."
        )
    if runtime.dtype not in _DTYPES:
        raise SettingError(f"No dtype {runtime.dtype!r}. Known: {', '.join(_DTYPES)}.")
    if not _DEVICE.match(runtime.device):
        raise SettingError(f"No device {runtime.device!r}. Known: auto, cpu, cuda, cuda:N, mps.")
    folder = Path(checkpoint.path).expanduser()
    local = os.path.isdir(folder)
    if not local and _looks_like_a_folder(checkpoint.path):
        raise UsageError(
            f"No folder {folder}. A model is a folder with config.json and weights, "
            "or a hub id (OWNER/NAME)."
        )
    return Source(
        path=str(folder) if local else str(checkpoint.path),
        local=local,
        revision=revision,
        trust_remote_code=runtime.trust_remote_code,
        device=runtime.device,
        dtype=runtime.dtype,
        hint=hint_of(checkpoint),
    )


def read_options(checkpoint: Checkpoint, runtime: Runtime) -> TransformersOptions:
    """The engine's options: the checkpoint's own, under those that the user gave."""
    given: Mapping[str, object] = {
        **checkpoint.engine_arguments.get("transformers", {}),
        **runtime.engine_options,
    }
    return parse_options(TransformersOptions, given, engine="transformers")


def require_transformers() -> None:
    """Imports torch and transformers; raises MissingExtraError where one is not installed."""
    # Torch's threads spin while they wait, by default. Where other work wants the same cores
    # (the run itself renders and decodes meanwhile) that costs up to 50 times the time: 89
    # against 1.7 ms a request, measured with a tiny model on two busy cores. Read by the
    # OpenMP library when torch is imported, so a variable is the only way.
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
    for package in ("torch", "transformers"):
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                error.name or package, extra="transformers", purpose="Engine 'transformers'"
            ) from error


def _looks_like_a_folder(path: str | Path) -> bool:
    return isinstance(path, Path) or path.startswith(("/", ".", "~")) or path.count("/") > 1
