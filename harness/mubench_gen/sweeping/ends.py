"""Models whose weights move between a base's and a fine-tune's: loaded once for all α.

`move(alpha)` says where; `load`, which a run calls before its first request, goes there. So a
run that has nothing left to ask loads nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.engines.transformers_contrastive import TransformersContrastive
from mubench_gen.engines.transformers_generative import TransformersGenerative
from mubench_gen.engines.transformers_source import read_source
from mubench_gen.engines.vllm_generative import VllmGenerative
from mubench_gen.engines.vllm_loop import EngineLoop
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.merging.adapters import adapter_rank, scaled_adapters
from mubench_gen.merging.arithmetic import Measured, Mix, mix_for
from mubench_gen.merging.inputs import Merge
from mubench_gen.merging.merge import merge
from mubench_gen.merging.recipe import Method, Recipe, depths, folder_name, spelled
from mubench_gen.model import Checkpoint, Model, Runtime

if TYPE_CHECKING:
    import torch

    from mubench_gen.engines.transformers_checkpoint import Family, Opened

ENGINES = ("transformers", "vllm")
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM (0.32) serves


class Ends:
    """The way between two checkpoints. A mixin: the engine's own class stands behind it."""

    finetuned: Checkpoint
    method: Method
    scratch: Path
    _wanted: Decimal = Decimal(0)
    _there: Decimal | None = None

    def aim(self, finetuned: Checkpoint, method: Method, scratch: Path) -> None:
        """Between which two and how; `scratch` is for files that an engine must read."""
        self.finetuned, self.method, self.scratch = finetuned, method, scratch

    def move(self, alpha: Decimal) -> None:
        """What the next `load` makes of the weights."""
        self._wanted = alpha

    def load(self) -> None:
        super().load()  # type: ignore[misc]
        if self._there != self._wanted:
            self._there = None  # until it is there, it is nowhere
            self._go(self._wanted)
            self._there = self._wanted

    def close(self) -> None:
        self._there = None
        super().close()  # type: ignore[misc]

    def _go(self, alpha: Decimal) -> None:
        raise NotImplementedError

    @property
    def facts(self) -> Mapping[str, Any]:
        """The engine's own, with what is true of weights that no file holds."""
        own: Mapping[str, Any] = super().facts  # type: ignore[misc]
        told = {"finetuned": str(self.finetuned.path), "method": self.method}
        return {
            **own,
            "weights_sha256": None,
            "interpolation": {**told, "alpha": spelled(self._wanted)},
        }


class _InPlace(Ends):
    """θ ← mix(base, fine-tuned), a tensor at a time, in a model of transformers.

    Memory holds both checkpoints in the precision that they are stored in, beside the model.
    Arithmetic as in `merge`: float32, rounded once to the stored precision.
    """

    _opened: Opened | None
    _checkpoint: Checkpoint
    runtime: Runtime
    options: Any
    _states: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]] | None = None

    def _family(self) -> Family:
        raise NotImplementedError

    def close(self) -> None:
        self._states = None
        super().close()

    def _go(self, alpha: Decimal) -> None:
        import torch

        assert self._opened is not None
        base, finetuned = self._both()
        places = depths(base)
        with torch.no_grad():
            for name, target in self._opened.model.state_dict().items():
                one, other = base[name], finetuned[name]
                if not one.is_floating_point():
                    target.copy_(other if alpha == 1 else one)
                    continue
                total = _measured(one, other) if self.method == "slerp" else Measured()
                mix = mix_for(
                    self.method, float(alpha), count=1, place=places.get(name), total=total
                )
                target.copy_(mixed(mix, one, other))

    def _both(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        from mubench_gen.engines.transformers_checkpoint import stored_weights

        if self._states is None:
            self._states = (
                stored_weights(
                    read_source(self._checkpoint, self.runtime), self.options, self._family()
                ),
                stored_weights(
                    read_source(self.finetuned, _of_finetuned(self.runtime)),
                    self.options,
                    self._family(),
                ),
            )
            _check_names(*self._states)
        return self._states


class InPlaceContrastive(_InPlace, TransformersContrastive):
    """A CLIP and the like."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        TransformersContrastive.__init__(self, checkpoint, runtime)
        self._checkpoint = checkpoint

    def _family(self) -> Family:
        from mubench_gen.engines.transformers_checkpoint import CONTRASTIVE

        return CONTRASTIVE


class InPlaceGenerative(_InPlace, TransformersGenerative):
    """A chat model that reads images."""

    def _family(self) -> Family:
        from mubench_gen.engines.transformers_checkpoint import GENERATIVE

        return GENERATIVE


class _Vllm(Ends, VllmGenerative):
    """vLLM in this process. What it reads stays in the scratch folder until others are read:
    vLLM reads more of it later (the processor).
    """

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        super().__init__(checkpoint, runtime)
        if self._replicas > 1:
            raise SettingError(
                f"A sweep moves the weights of one engine, not of {self._replicas} replicas: leave "
                "-o engine.data_parallel_size out."
            )

    def close(self) -> None:
        super().close()
        if hasattr(self, "scratch"):
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _go(self, alpha: Decimal) -> None:
        assert isinstance(self._engine, EngineLoop), "one replica"
        folder = self.scratch / folder_name(alpha)
        before = [path for path in self.scratch.glob("*") if path != folder]
        shutil.rmtree(folder, ignore_errors=True)
        self._change(self._engine, alpha, folder)
        for path in before:
            shutil.rmtree(path, ignore_errors=True)

    def _change(self, engine: EngineLoop, alpha: Decimal, folder: Path) -> None:
        raise NotImplementedError


class ReloadingVllm(_Vllm):
    """Reads weights from files: those of one α at a time are written for it."""

    def _change(self, engine: EngineLoop, alpha: Decimal, folder: Path) -> None:
        merge(
            Merge(
                base=str(self._checkpoint.path),
                finetuned=(str(self.finetuned.path),),
                recipe=Recipe((alpha,), self.method),
                out=folder,
                accept_vocabulary=True,  # checked before, or accepted
            )
        )
        engine.reload(folder)


class AdaptingVllm(_Vllm):
    """Serves a LoRA adapter scaled by α, whose weights are linked: nothing is reloaded."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime, rank: int) -> None:
        served = next((size for size in _RANKS if size >= rank), None)
        if served is None:
            raise SettingError(f"vLLM serves adapters of rank {_RANKS[-1]} at most, not {rank}.")
        given = checkpoint.engine_arguments
        lora = {"enable_lora": True, "max_loras": 1, "max_lora_rank": served}
        arguments = {**given, "vllm": {**given.get("vllm", {}), **lora}}
        super().__init__(replace(checkpoint, engine_arguments=arguments), runtime)

    def _change(self, engine: EngineLoop, alpha: Decimal, folder: Path) -> None:
        scaled_adapters(str(self.finetuned.path), {alpha: folder})
        engine.adapt(folder)


def open_ends(
    engine: str, base: Checkpoint, runtime: Runtime, *, adapter: str | None = None
) -> Model:
    """The base's model, not loaded yet, that can move. SettingError for another engine.

    `adapter`: the fine-tune's folder, where it is a LoRA adapter.
    """
    if engine not in ENGINES:
        raise SettingError(
            f"sweep moves weights on the engines {' and '.join(ENGINES)}, not on {engine!r}: make "
            "the folders with mubench-gen merge and evaluate them one by one."
        )
    if engine == "vllm" and adapter is not None:
        return AdaptingVllm(base, runtime, adapter_rank(adapter))
    if engine == "vllm":
        return ReloadingVllm(base, runtime)
    if base.kind == "contrastive":
        return InPlaceContrastive(base, runtime)
    return InPlaceGenerative(base, runtime)


def mixed(mix: Mix, base: torch.Tensor, finetuned: torch.Tensor) -> torch.Tensor:
    """One tensor between two, in a type that holds both; either end is that end itself."""
    import torch

    if mix.is_base or torch.equal(base, finetuned):
        return base
    if mix.is_finetuned:
        return finetuned
    stored = torch.promote_types(base.dtype, finetuned.dtype)
    kind = torch.promote_types(stored, torch.float32)
    one, other, factor = base.to(kind), finetuned.to(kind), mix.finetuned[0]
    if mix.of_differences:
        return (one + (other - one) * factor).to(stored)
    return (one * mix.base + other * factor).to(stored)


def _measured(base: torch.Tensor, finetuned: torch.Tensor) -> Measured:
    one, other = base.double().flatten(), finetuned.double().flatten()
    return Measured(
        base=float(one @ one), finetuned=float(other @ other), product=float(one @ other)
    )


def _of_finetuned(runtime: Runtime) -> Runtime:
    """The revision asked for is the base's."""
    return replace(runtime, revision=None)


def _check_names(base: Mapping[str, torch.Tensor], finetuned: Mapping[str, torch.Tensor]) -> None:
    """Both went through one class of transformers: what differs now is the files' fault."""
    unlike = [
        name
        for name in sorted(base.keys() | finetuned.keys())
        if name not in base or name not in finetuned or base[name].shape != finetuned[name].shape
    ]
    if unlike:
        raise UsageError(
            f"transformers makes different models of the two: {len(unlike):,} tensors differ, "
            f"{', '.join(unlike[:5])} the first of them."
        )
