"""Generative models on vLLM's engine: `--engine vllm`.

`load` imports torch and vllm.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from mubench_gen.engines.adapters import ready
from mubench_gen.engines.digest import adapter_facts
from mubench_gen.engines.kept_base import leave, take
from mubench_gen.engines.source import read_source
from mubench_gen.engines.thinking import read_thinking
from mubench_gen.engines.vllm.adapters import check_modules
from mubench_gen.engines.vllm.arguments import read_arguments, with_room
from mubench_gen.engines.vllm.asks import Asks
from mubench_gen.engines.vllm.loop import EngineLoop
from mubench_gen.engines.vllm.opening import open_engine
from mubench_gen.engines.vllm.replicas import gpu_shares, read_number
from mubench_gen.model import Checkpoint, Runtime, StreamingModel
from mubench_gen.types import Readout, Request

# Engine arguments that change an image's preparation; the rest is the checkpoint's own.
_PREPARATION = ("mm_processor_kwargs", "hf_overrides", "tokenizer", "tokenizer_mode")

_WINDOW = 256  # requests in flight per replica: as many as vLLM computes together


def _maker(checkpoint: Checkpoint, arguments: Mapping[str, Any]) -> str:
    """What makes an engine: equal for adapters of one base that are asked in one way."""
    asked = replace(checkpoint, path="", base=None, revision=None)
    return repr((asked, sorted(arguments.items())))


class VllmGenerative(StreamingModel):
    """A chat model that reads images and writes text, run by vLLM.

    Up to `window` requests are in flight, which vLLM batches itself. The read-outs can
    share a batch without affecting each other.
    """

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        super().__init__(None, runtime)
        self._checkpoint = checkpoint
        self._arguments = read_arguments(
            checkpoint, runtime, runtime.engine_options, engine="vllm", images=runtime.images
        )
        self.replicas = read_number(self._arguments)  # hosts that each open one engine
        self.window = _WINDOW * self.replicas
        kept = {name: self._arguments.get(name) for name in _PREPARATION}
        self._asks = Asks(checkpoint, kept)
        self._thinking = read_thinking(runtime.thinking)
        self._engine: EngineLoop | None = None
        self._facts: Mapping[str, Any] = {}
        self._made_by = ""

    @property
    def readouts(self) -> tuple[Readout, ...]:
        thinks = self._thinking is not None and self._thinking.on
        return ("parse",) if thinks else ("parse", "choice", "logprob", "cloze")

    def load(self) -> None:
        """Raises UsageError for what the user must fix, MissingExtraError without vLLM."""
        if self._engine is not None:
            return
        adapter = read_source(self._checkpoint, self.runtime).adapter
        if adapter is not None:
            check_modules(ready(adapter))
        arguments = with_room(self._arguments, self.runtime)
        self._made_by = _maker(self._checkpoint, arguments)
        left: EngineLoop | None = take(self._made_by)
        engine = left or EngineLoop(partial(open_engine, self._checkpoint, self.runtime, arguments))
        try:
            self._facts = engine.start() if left is None else left.facts
            if adapter is not None:
                engine.adapt(adapter.folder)
                self._facts = {**self._facts, **adapter_facts(adapter)}
        except BaseException:
            engine.close()
            raise
        self._asks.images_first = bool(self._facts.get("images_first"))
        self._engine = engine

    def devices(self) -> list[list[str]]:
        """The GPUs of each replica, by their names in CUDA_VISIBLE_DEVICES."""
        return gpu_shares(self._arguments, self.runtime.device, self.replicas)

    def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None:
            return
        if not self._arguments.get("enable_lora") or not leave(self._made_by, engine, engine.close):
            engine.close()

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._facts

    @property
    def counts(self) -> Mapping[str, Any]:
        return {} if self._engine is None else self._engine.counts()

    def submit(self, request: Request) -> Future[Any]:
        assert self._engine is not None, "load() comes first"
        return self._engine.ask(self._asks.make(request))
