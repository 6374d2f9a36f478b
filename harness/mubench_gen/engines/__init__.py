"""Engines open a plugin's `Checkpoint`: weights in transformers' layout become a `Model`.

Nothing heavy is imported here or by `open_checkpoint`; the model's `load` imports torch and
transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from mubench_gen.engines.digest import CheckpointDigest, digest_checkpoint, weights_digest
from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.model import Checkpoint, Model, Options, Runtime
from mubench_gen.types import Kind

__all__ = [
    "ENGINES",
    "REMOTE",
    "CheckpointDigest",
    "check_engine",
    "choose_engine",
    "digest_checkpoint",
    "engine_options",
    "open_checkpoint",
    "weights_digest",
]

Opener = Callable[[Checkpoint, Runtime], Model]


def _transformers(checkpoint: Checkpoint, runtime: Runtime) -> Model:
    if checkpoint.kind == "contrastive":
        from mubench_gen.engines.transformers.contrastive import TransformersContrastive

        return TransformersContrastive(checkpoint, runtime)
    from mubench_gen.engines.transformers.generative import TransformersGenerative

    return TransformersGenerative(checkpoint, runtime)


def _server(checkpoint: Checkpoint, runtime: Runtime) -> Model:
    from mubench_gen.engines.server.generative import ServerGenerative

    return ServerGenerative.at(checkpoint, runtime)


def _vllm(checkpoint: Checkpoint, runtime: Runtime) -> Model:
    from mubench_gen.engines.vllm.generative import VllmGenerative

    return VllmGenerative(checkpoint, runtime)


def _vllm_server(checkpoint: Checkpoint, runtime: Runtime) -> Model:
    from mubench_gen.engines.server.own_vllm import VllmServer

    return VllmServer(checkpoint, runtime)


def _llama_server(checkpoint: Checkpoint, runtime: Runtime) -> Model:
    from mubench_gen.engines.server.own_llama_cpp import LlamaServer

    return LlamaServer(checkpoint, runtime)


def _sglang_server(checkpoint: Checkpoint, runtime: Runtime) -> Model:
    from mubench_gen.engines.server.own_sglang import SglangServer

    return SglangServer(checkpoint, runtime)


ENGINES: Mapping[str, Opener] = {
    "transformers": _transformers,
    "vllm": _vllm,
    "server": _server,
    "vllm-server": _vllm_server,
    "sglang-server": _sglang_server,
    "llama-server": _llama_server,
}

# The package that an engine needs.
_PACKAGE = {
    "transformers": "transformers",
    "vllm": "vllm",
    "vllm-server": "vllm",
    "server": "aiohttp",
    "sglang-server": "sglang",
    "llama-server": "aiohttp",
}
# Engines whose weights are elsewhere, so that nothing is known of them here.
REMOTE = frozenset({"server"})

_KINDS: tuple[Kind, ...] = ("generative", "contrastive")


def choose_engine(wish: str | None, checkpoint: Checkpoint) -> str:
    """The requested engine, else the checkpoint's first one whose package is installed.

    Raises SettingError for an unknown one.
    """
    if wish is not None:
        check_engine(wish)
        return wish
    own = checkpoint.engines or ("transformers",)
    installed = (name for name in own if name in ENGINES and find_spec(_PACKAGE[name]))
    return next(installed, own[0])


def open_checkpoint(engine: str, checkpoint: Checkpoint, runtime: Runtime) -> Model:
    """The checkpoint as a model of `engine`, not loaded yet.

    Raises SettingError for an unknown engine, an unknown engine option or a bad value of
    one, and for remote code without a pinned revision: all before anything is read.
    """
    opener = ENGINES.get(engine)
    if opener is None:
        raise SettingError(_unknown_engine(engine))
    if checkpoint.kind not in _KINDS:
        raise SettingError(f"Checkpoint {checkpoint.path}: no model kind {checkpoint.kind!r}.")
    if checkpoint.kind == "contrastive" and engine != "transformers":
        raise SettingError(
            f"Engine {engine!r} serves generative models; the contrastive checkpoint "
            f"{checkpoint.path} runs on --engine transformers."
        )
    return opener(checkpoint, runtime)


def engine_options(engine: str) -> type[Options]:
    """The class of an engine's own options (`-o engine.k=v`).

    Further ones of `vllm`, and of engines that start a server, are arguments of their programs.
    """
    check_engine(engine)
    if engine == "transformers":
        from mubench_gen.engines.options import TransformersOptions

        return TransformersOptions
    if engine == "llama-server":
        from mubench_gen.engines.server.own_llama_cpp import LlamaServerOptions

        return LlamaServerOptions
    if engine == "server":
        from mubench_gen.engines.server.options import ServerOptions

        return ServerOptions
    from mubench_gen.engines.server.managed import ManagedOptions

    return Options if engine == "vllm" else ManagedOptions


def check_engine(engine: str) -> None:
    """Refuse an unknown engine, also if the model needs none."""
    if engine not in ENGINES:
        raise SettingError(_unknown_engine(engine))


def _unknown_engine(engine: str) -> str:
    if engine == "ray":
        return (
            "The engine 'ray' spreads the runs of `eval` and `ablate` over machines; it opens no "
            f"model by itself. Give one of {', '.join(ENGINES)}."
        )
    return f"No engine {engine!r}. {did_you_mean(engine, [*ENGINES, 'ray'])}"
