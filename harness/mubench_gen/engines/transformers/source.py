"""The checkpoint for a transformers engine, checked before torch is imported."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mubench_gen.engines.adapters import more_than_lora
from mubench_gen.engines.kept_base import leave, take
from mubench_gen.engines.options import OPENMP, TransformersOptions, parse_options
from mubench_gen.engines.source import CheckpointSource, read_source
from mubench_gen.errors import MissingExtraError, SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime

if TYPE_CHECKING:
    from mubench_gen.engines.transformers.checkpoint import LoadedCheckpoint
    from mubench_gen.engines.transformers.families import Family

PURPOSE = "Engine 'transformers'"
_DEVICE = re.compile(r"(auto|cpu|mps|cuda(:\d+)?)\Z")


def read_transformers_source(checkpoint: Checkpoint, runtime: Runtime) -> CheckpointSource:
    """Like `read_source`; also raises SettingError for an unknown device."""
    if not _DEVICE.match(runtime.device):
        raise SettingError(f"No device {runtime.device!r}. Known: auto, cpu, cuda, cuda:N, mps.")
    source = read_source(checkpoint, runtime)
    if source.adapter is not None and find_spec("peft") is None:
        raise UsageError(
            f"{source} is an adapter of {source.whole}: opening it needs the package peft, which "
            "is not installed. Type: pip install peft"
        )
    return source


def read_options(checkpoint: Checkpoint, runtime: Runtime) -> TransformersOptions:
    """The engine's options: the checkpoint's own, under those that the user gave."""
    given: Mapping[str, object] = {
        **checkpoint.engine_arguments.get("transformers", {}),
        **runtime.engine_options,
    }
    return parse_options(TransformersOptions, given, engine="transformers")


def require_transformers() -> None:
    """Import torch and transformers. Raises MissingExtraError if one is not installed."""
    if "torch" not in sys.modules:
        for name, value in OPENMP.items():
            os.environ.setdefault(name, value)
    for package in ("torch", "transformers"):
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                error.name or package, extra="transformers", purpose=PURPOSE
            ) from error


class HoldsCheckpoint:
    """A mixin that holds a checkpoint of transformers between `load` and `close`."""

    _opened: LoadedCheckpoint | None = None
    _source: CheckpointSource
    options: Any

    def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is None:
            return
        adapter = self._source.adapter
        if adapter is None or more_than_lora(adapter) or not leave(self._made_by, opened, _free):
            del opened
            _free()

    def _open(self, family: Family) -> LoadedCheckpoint:
        """The checkpoint in memory; of an adapter on the base that the one before it left."""
        from mubench_gen.engines.transformers.checkpoint import open_source

        return open_source(self._source, self.options, family, left=take(self._made_by))

    @property
    def _made_by(self) -> str:
        """What makes the base: equal for adapters that can be loaded one after the other."""
        source = self._source
        base = (source.whole, source.whole_revision, source.trust_remote_code)
        return repr((base, source.device, source.dtype, self.options))

    def _ready(self) -> LoadedCheckpoint:
        assert self._opened is not None, "load() comes first"
        return self._opened


def _free() -> None:
    """Give back the memory of a device that nothing holds any longer."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
