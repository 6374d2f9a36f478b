"""Starts vLLM's engine, or explains why it cannot start. Imports vllm late."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mubench_gen.console.notes import note
from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.conversation import ChatTemplate, choose_template, keeps_places
from mubench_gen.engines.digest import digest_checkpoint, digest_facts
from mubench_gen.engines.footprint import GIB
from mubench_gen.engines.options import OPENMP
from mubench_gen.engines.source import hint_of, require_installed
from mubench_gen.engines.vllm.adapters import EXTENSION
from mubench_gen.engines.vllm.arguments import ENVIRONMENT, VllmStart, resolve_start
from mubench_gen.engines.vllm.diagnosis import check_weights, explain_start, opening_of
from mubench_gen.engines.vllm.failures import no_device
from mubench_gen.engines.vllm.log import VllmLog
from mubench_gen.engines.vllm.thinking import bounds_of_thoughts, budget_of, told_to_think
from mubench_gen.errors import MissingExtraError, UsageError
from mubench_gen.model import Checkpoint, Runtime

if TYPE_CHECKING:
    from mubench_gen.engines.vllm.loop import Engine

# Never fork a process that has threads. A user's own setting takes precedence.
_ENVIRONMENT = {
    **ENVIRONMENT,
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
_DEFAULTS = {
    "generation_config": "vllm",  # a checkpoint's own would change greedy decoding
    "disable_log_stats": False,  # cache queries and hits are among them
    # GiB of prepared images (4 by default): what is asked about one comes close together.
    "mm_processor_cache_gb": 1,
}


class Phases:
    """Says on stderr how long each part of the start took."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = self._since = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def begin(self, what: str) -> None:
        """Announce a phase that may take minutes."""
        self.say(f"{what} …")

    def done(self, phase: str) -> None:
        now = time.perf_counter()
        self.seconds[phase] = round(now - self._since, 2)
        self._since = now
        self.say(f"{phase} {self.seconds[phase]:.1f} s")

    def say(self, what: str) -> None:
        note(f"{self._name}: {what}")

    def ready(self) -> None:
        self.seconds["ready"] = round(time.perf_counter() - self._began, 2)
        self.say(f"ready after {self.seconds['ready']:.1f} s")


def open_engine(
    checkpoint: Checkpoint, runtime: Runtime, arguments: Mapping[str, Any], *, name: str = "vllm"
) -> Engine:
    """Import vLLM, load the model. Raises UsageError: what is wrong, and what to do."""
    phases = Phases(name)
    require_installed("torch", "vllm", extra="vllm", purpose="Engine 'vllm'")
    require_checkpoint(arguments["model"], hint_of(checkpoint))
    _require("torch", _ENVIRONMENT if "torch" in sys.modules else {**_ENVIRONMENT, **OPENMP})
    looks = {"worker_extension_cls": EXTENSION} if arguments.get("enable_lora") else {}
    start = resolve_start({**_DEFAULTS, **looks, **arguments}, runtime)
    os.environ.update(start.environment)
    vllm_log = VllmLog()
    try:
        engine = _opened(checkpoint, runtime, start, phases, vllm_log)
    except UsageError:
        vllm_log.remove()
        raise
    except Exception as error:  # vLLM and its dependencies raise any kind of error
        # Asked for only now: vLLM may have fetched the model in the meantime.
        opening = opening_of(checkpoint, start, runtime.engine_options)
        problem = explain_start(vllm_log.text, opening, error)
        vllm_log.remove()
        raise UsageError(problem) from error
    phases.ready()
    return engine


def _opened(
    checkpoint: Checkpoint, runtime: Runtime, start: VllmStart, phases: Phases, vllm_log: VllmLog
) -> Engine:
    _require("vllm", {})
    from vllm import LLM
    from vllm.engine.arg_utils import EngineArgs
    from vllm.logger import configure_logging_if_needed

    from mubench_gen.engines.vllm.engine import VllmEngine

    phases.done("import")
    _check_device(runtime.device)
    # All problems of the configuration are reported before weights are read.
    engine_arguments = EngineArgs(**start.arguments)
    configure_logging_if_needed(engine_arguments.create_logging_config())
    config = engine_arguments.create_model_config()
    _check_model(checkpoint, config, images=runtime.images)
    template = _template(checkpoint, config)
    checkpoint, opened = told_to_think(checkpoint, runtime, config, template)
    bounded = bounds_of_thoughts(runtime, opened, template)
    opening = opening_of(checkpoint, start, runtime.engine_options)
    check_weights(start, opening)
    size = f" ({opening.weights / GIB:.3g} GiB of weights)" if opening.weights else ""
    phases.begin(f"loading {opening.model}{size}")
    whole = config.max_model_len
    llm = LLM(**{**bounded, **start.arguments})
    phases.done("load")
    _tell_context(phases, whole, llm.llm_engine.vllm_config.model_config.max_model_len)
    facts = {**_facts(start, llm, template), "startup_seconds": phases.seconds}
    text = template.text if template else None
    return VllmEngine(llm, checkpoint, text, facts, vllm_log, opened, budget_of(runtime))


def _tell_context(phases: Phases, whole: int, context: int) -> None:
    """Report if memory, not the model, limits the length of prompts (max_model_len=-1)."""
    if context < whole:
        phases.say(
            f"prompts of up to {context:,} tokens fit into memory; the model's context is {whole:,}"
        )


def _require(package: str, environment: Mapping[str, str]) -> None:
    """Set unset variables, and import. Raises MissingExtraError without the package."""
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            error.name or package, extra="vllm", purpose="Engine 'vllm'"
        ) from error


def _check_device(wish: str) -> None:
    """Refuse a device other than the one that vLLM was built for."""
    from vllm.platforms import current_platform

    own = str(current_platform.device_type)
    if not own:
        raise UsageError(no_device("the model"))
    if wish not in ("auto", own):
        some = " To choose a GPU set CUDA_VISIBLE_DEVICES." if wish.startswith("cuda:") else ""
        raise UsageError(
            f"--device {wish}: vLLM, as it is installed here, runs on {own} alone.{some} Leave "
            "--device out, or use --engine transformers."
        )


def _check_model(checkpoint: Checkpoint, config: Any, *, images: int) -> None:
    """Refuse a model that writes no text, or that reads no images if there are some."""
    if config.runner_type != "generate":
        raise UsageError(
            f"{checkpoint.path} ({config.architecture}) writes no text, so that it cannot answer."
        )
    if images and not config.is_multimodal_model:
        raise UsageError(
            f"{checkpoint.path} ({config.architecture}) reads text alone: it cannot be shown an "
            "image. Take a vision-language model, or ask without images: --control blind."
        )


def _template(checkpoint: Checkpoint, config: Any) -> ChatTemplate | None:
    """The chat template; None for tokenizers that render without one (Mistral's).

    vLLM has templates of its own for some architectures: they come last.
    """
    from vllm.renderers.chat_utils import load_chat_template
    from vllm.renderers.hf import resolve_chat_template
    from vllm.tokenizers import cached_tokenizer_from_config
    from vllm.transformers_utils.chat_templates import get_chat_template_fallback_path

    tokenizer = cached_tokenizer_from_config(config)
    if not hasattr(tokenizer, "get_chat_template"):
        return None
    model_type = config.hf_config.model_type
    found = resolve_chat_template(tokenizer, None, None, model_config=config)
    spare = get_chat_template_fallback_path(
        model_type=model_type, tokenizer_name_or_path=tokenizer.name_or_path
    )
    of_vllm = spare is not None and found == load_chat_template(spare)
    try:
        own = None if of_vllm else found
        return choose_template(checkpoint, own, model_type=model_type, name=str(checkpoint.path))
    except UsageError:
        if of_vllm:
            return ChatTemplate(str(found), "vllm")
        raise


def _moves_images(llm: Any, template: ChatTemplate | None) -> bool:
    """Whether vLLM shows images before all text, wherever they stand in a message.

    It does so of itself where a template takes a message's content as one text.
    """
    if template is None:
        return False
    tokenizer, model = llm.get_tokenizer(), llm.model_config
    try:
        from vllm.renderers.hf import resolve_chat_template_content_format as form_of

        if form_of(template.text, None, "auto", tokenizer, model_config=model) == "string":
            return True
    except (ImportError, TypeError):  # a version of vLLM that names it otherwise
        return False

    def render(turns: list[dict[str, Any]]) -> str:
        return str(
            tokenizer.apply_chat_template(turns, chat_template=template.text, tokenize=False)
        )

    return not keeps_places(render, {"type": "image"})


def _facts(start: VllmStart, llm: Any, template: ChatTemplate | None) -> dict[str, Any]:
    """The facts for the manifest that are needed to reproduce a run."""
    import torch

    config = llm.llm_engine.vllm_config
    model = config.model_config
    device = str(config.device_config.device_type)
    revision = start.arguments.get("revision")
    digest = digest_checkpoint(start.model, revision)
    gpu = device == "cuda" and torch.cuda.is_available()
    return {
        "engine": "vllm",
        "architecture": model.architecture,
        **digest_facts(digest),
        "revision": getattr(model.hf_config, "_commit_hash", None) or revision,
        "trust_remote_code": bool(model.trust_remote_code),
        "device": device,
        "device_name": torch.cuda.get_device_name() if gpu else platform.processor(),
        "dtype": str(model.dtype).removeprefix("torch."),
        "quantization": model.quantization,
        "max_model_len": model.max_model_len,
        "chat_template": template.origin if template else None,
        **({"images_first": True} if _moves_images(llm, template) else {}),
        "arguments": {k: v for k, v in start.arguments.items() if k != "model"},
        "environment": dict(start.environment),
        "versions": {name: version(name) for name in ("torch", "transformers")}
        | {"vllm": str(import_module("vllm").__version__)},
    }
