"""Chooses the model class that interpolates on an engine. Nothing is loaded."""

from __future__ import annotations

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.lora import adapted_modules
from mubench_gen.interpolation.sweep.ends import InPlaceContrastive, InPlaceGenerative
from mubench_gen.interpolation.sweep.vllm_ends import (
    AdaptingVllm,
    ReloadingVllm,
    check_options,
    is_spoken,
)
from mubench_gen.model import Checkpoint, Model, Runtime

ENGINES = ("transformers", "vllm")


def open_ends(
    engine: str, base: Checkpoint, runtime: Runtime, *, adapter: str | None = None
) -> Model:
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
