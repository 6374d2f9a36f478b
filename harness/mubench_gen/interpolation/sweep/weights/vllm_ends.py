"""Interpolation in an in-process vLLM: reloads weights from files, or scales an adapter."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

from mubench_gen.engines.vllm.adapters import arguments_of_rank
from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.engines.vllm.loop import EngineLoop
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.interpolation.merge.lora import write_scaled_adapters
from mubench_gen.interpolation.sweep.stops import Stop
from mubench_gen.interpolation.sweep.weights.ends import Ends, name_of
from mubench_gen.model import Checkpoint, Runtime

# Options with which answers would come from other weights: weights from elsewhere or in another
# form, and caches that outlive a reload or are in another process.
_ELSEWHERE = re.compile(
    r"^(?:model_weights|load_format|model_loader_extra_config|ignore_patterns|quantization(_config)?"
    r"|model_class_overrides|worker_(extension_)?cls|weight_transfer_config|enable_lora"
    r"|default_mm_loras|kv_transfer_config|kv_offloading_\w+|ec_\w+_config"
    r"|data_parallel_(?!size\Z)\w+)"
)


def check_options(base: Checkpoint, runtime: Runtime) -> None:
    """Refuse options with which vLLM would answer from other weights than the latest."""
    for name in (*base.engine_arguments.get("vllm", {}), *runtime.engine_options):
        if _ELSEWHERE.fullmatch(name):
            raise SettingError(
                f"-o engine.{name}: with it vLLM would not answer by the weights that a sweep "
                "moves. Leave it out, or make the folders with mubench-gen merge and evaluate "
                "them one by one."
            )


class _Vllm(Ends, VllmGenerative):
    """vLLM, one engine. Its files stay in the scratch folder until the next α, because vLLM
    reads some of them later (the processor).
    """

    def close(self) -> None:
        super().close()
        if hasattr(self, "scratch"):
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _go(self, stop: Stop) -> None:
        assert self._engine is not None, "load comes first"
        folder = self.scratch / stop.folder
        before = [path for path in self.scratch.glob("*") if path != folder]
        shutil.rmtree(folder, ignore_errors=True)
        self._change(self._engine, stop, folder)
        for path in before:
            shutil.rmtree(path, ignore_errors=True)

    def _change(self, engine: EngineLoop, stop: Stop, folder: Path) -> None:
        raise NotImplementedError


class ReloadingVllm(_Vllm):
    """Reloads weights from files, which are written for one α at a time."""

    def _change(self, engine: EngineLoop, stop: Stop, folder: Path) -> None:
        self._merge(stop, folder)
        engine.reload(folder)


class AdaptingVllm(_Vllm):
    """Serves a LoRA adapter scaled by α, with linked weights; the base is not reloaded."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime, rank: int) -> None:
        given, lora = checkpoint.engine_arguments, arguments_of_rank(rank)
        arguments = {**given, "vllm": {**given.get("vllm", {}), **lora}}
        super().__init__(replace(checkpoint, engine_arguments=arguments), runtime)

    def _change(self, engine: EngineLoop, stop: Stop, folder: Path) -> None:
        try:
            (alpha,) = stop.recipe.numbers
            write_scaled_adapters(name_of(self.finetuned[0]), {alpha: folder})
        except OSError as error:
            raise UsageError(
                f"{error.filename or folder} cannot be written or read: {error.strerror}."
            ) from None
        engine.adapt(folder)
