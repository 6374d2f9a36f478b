"""Opens the model class that interpolates on an engine. Nothing is loaded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.engines.vllm.adapters import is_spoken
from mubench_gen.errors import SettingError
from mubench_gen.host.serving import Opened
from mubench_gen.interpolation.merge.lora import adapted_modules
from mubench_gen.interpolation.sweep.weights.ends import Ends, InPlaceContrastive, InPlaceGenerative
from mubench_gen.interpolation.sweep.weights.vllm_ends import (
    AdaptingVllm,
    ReloadingVllm,
    check_options,
)
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plan.opening import engine_of, found, opened, runtime_of

ENGINES = ("transformers", "vllm")


def open_hosted(
    given: Mapping[str, Any],
    images: int,
    entry_points: Iterable[Any] | None,
    *,
    finetuned: Sequence[Checkpoint],
    digests: Sequence[str | None],
    adapter: str | None,
    scratch: Path | None,
) -> Opened:
    """Open the settings' model so that it interpolates towards `finetuned`. Runs in the host.

    `scratch`: a folder for files that an engine must read, None for a temporary one.
    """
    settings, plugin, spec = found(given, entry_points)
    engine = engine_of(spec, settings)
    assert isinstance(spec.source, Checkpoint)
    model = open_ends(engine, spec.source, runtime_of(spec, settings, images), adapter=adapter)
    folder = Path(tempfile.gettempdir(), "mubench-gen-sweep") if scratch is None else scratch
    model.aim(finetuned, folder / str(os.getpid()), digests)
    here = opened(settings, plugin, spec, engine, model)  # type: ignore[arg-type]
    here.move = model.move
    return here


def open_ends(
    engine: str, base: Checkpoint, runtime: Runtime, *, adapter: str | None = None
) -> Ends:
    """The base's model, not loaded yet, that can interpolate. Raises SettingError for others.

    `adapter`: the fine-tune's folder, if it is a LoRA adapter.
    """
    if engine not in ENGINES:
        raise SettingError(
            f"sweep moves weights on the engines {' and '.join(ENGINES)}, not on {engine!r}: make "
            "the folders with mubench-gen merge and evaluate them one by one."
        )
    if engine == "vllm":
        check_options(base, runtime)
        modules = {} if adapter is None else adapted_modules(adapter)
        if modules and is_spoken(modules):
            return AdaptingVllm(base, runtime, max(modules.values()))
        return ReloadingVllm(base, runtime)
    if base.kind == "contrastive":
        return InPlaceContrastive(base, runtime)
    return InPlaceGenerative(base, runtime)
