"""Opens a checkpoint with transformers: device, dtype, processor, weights, and clear errors.

Imports torch; the model classes import this module when they load.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn

import huggingface_hub.utils
import torch
import transformers
from transformers.utils import logging as transformers_logging

from mubench_gen.data.hub import unavailable
from mubench_gen.engines.digest import digest_checkpoint, digest_facts
from mubench_gen.engines.options import TransformersOptions
from mubench_gen.engines.source import CheckpointSource
from mubench_gen.engines.transformers.adapter import add_adapter
from mubench_gen.engines.transformers.families import Family
from mubench_gen.errors import NotHereError, UsageError

_PACKAGE = re.compile(r"requires the (\S+) library")
_GLOBAL = re.compile(r"GLOBAL (\S+)")  # in torch's message about a refused pickle
_KEYS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoadedCheckpoint:
    """A checkpoint in memory: transformers' processor and model, the latter on `device`."""

    source: CheckpointSource
    processor: Any
    model: Any
    device: torch.device
    dtype: torch.dtype

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts for the manifest that are needed to reproduce a run."""
        source = self.source
        base = None if source.adapter is None else source.adapter.base_name
        digest = digest_checkpoint(source.path, source.revision, base)
        config = self.model.config
        return {
            "engine": "transformers",
            "architecture": type(self.model).__name__,
            **digest_facts(digest),
            "weights_format": _weights_format(() if digest is None else digest.all_files),
            **({} if source.adapter is None else {"adapter": source.adapter.facts}),
            "revision": getattr(config, "_commit_hash", None) or source.whole_revision,
            "trust_remote_code": source.trust_remote_code,
            "device": str(self.device),
            "device_name": _device_name(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "attn_implementation": getattr(config, "_attn_implementation", None),
            "versions": {
                "torch": str(torch.__version__),
                "transformers": transformers.__version__,
            },
        }


def open_source(
    source: CheckpointSource,
    options: TransformersOptions,
    family: Family,
    *,
    left: LoadedCheckpoint | None = None,
) -> LoadedCheckpoint:
    """Load processor and weights. Raises UsageError: what is wrong, and what to do.

    `left`: the same base with another adapter, which is taken off.
    """
    if left is not None and source.adapter is not None:
        left.model.delete_adapter("default")
        with quiet():
            add_adapter(left.model, source.adapter)
        left.model.to(left.device).eval()
        return replace(left, source=source)
    device = resolve_device(source.device)
    dtype = resolve_dtype(source.dtype, device)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    with quiet():
        config = _load_config(source)
        auto_class = _check_architecture(source, config, family)
        processor = _load_processor(source)
        model = _load_weights(source, options, auto_class, dtype)
        if source.adapter is not None:
            add_adapter(model, source.adapter)
    try:
        model = model.to(device).eval()
    except torch.OutOfMemoryError as error:
        raise UsageError(
            f"{source} does not fit into the memory of {device} in {dtype}. "
            "Try --dtype bfloat16, a smaller model, or another device."
        ) from error
    return LoadedCheckpoint(source, processor, model, device, dtype)


def open_processor(source: CheckpointSource) -> tuple[Any, Any]:
    """A checkpoint's configuration and processor, without its weights. Raises UsageError."""
    with quiet():
        return _load_config(source), _load_processor(source)


def stored_weights(
    source: CheckpointSource,
    options: TransformersOptions,
    family: Family,
    dtype: torch.dtype | Literal["auto"] = "auto",
) -> dict[str, torch.Tensor]:
    """A checkpoint's weights by their names in the model, in the stored precision (as in its
    configuration) or in another.
    """
    with quiet():
        config = _load_config(source)
        auto_class = _check_architecture(source, config, family)
        weights: dict[str, torch.Tensor] = _load_weights(
            source, options, auto_class, dtype
        ).state_dict()
    return weights


def resolve_device(wish: str) -> torch.device:
    """The requested device; "auto" is CUDA, else MPS, else the CPU."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wish == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    device = torch.device(wish)
    present = {"cuda": cuda, "mps": mps, "cpu": True}[device.type]
    if not present or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise UsageError(
            f"This machine (or this build of torch, {torch.__version__}) has no device {wish!r}. "
            "Use --device auto."
        )
    return device


def resolve_dtype(wish: str, device: torch.device) -> torch.dtype:
    """The requested dtype; "auto" is bfloat16 on CUDA and float32 elsewhere.

    Float32 on a CPU even for weights in bfloat16: it is faster there, and more exact.
    """
    if wish == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    dtype = getattr(torch, wish)
    assert isinstance(dtype, torch.dtype)
    return dtype


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress transformers' advice and loading bars, but not the bars of downloads."""
    logs: Any = transformers_logging
    hub: Any = huggingface_hub.utils
    verbosity, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    downloads = not hub.are_progress_bars_disabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()  # the hub's too
    if downloads:
        hub.enable_progress_bars()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()
        if not downloads:
            hub.disable_progress_bars()


def _weights_format(files: Sequence[str]) -> str | None:
    """How weights were read. A pickle runs no code: torch refuses anything but tensors."""
    if not files:
        return None
    safe = all(name.endswith(".safetensors") for name in files)
    return "safetensors" if safe else "pickle, read with weights_only=True"


def _arguments(source: CheckpointSource) -> dict[str, Any]:
    revision = source.hub_revision
    return {
        "trust_remote_code": source.trust_remote_code,
        **({"revision": revision} if revision is not None else {}),
    }


def _load_config(source: CheckpointSource) -> Any:
    try:
        return transformers.AutoConfig.from_pretrained(source.whole, **_arguments(source))
    except Exception as error:  # transformers raises any kind of error on a damaged file
        _refuse(source, "configuration", error)


def _check_architecture(source: CheckpointSource, config: Any, family: Family) -> Any:
    """The auto class that opens it. Refuses an architecture that the engine does not serve,
    before weights are read."""
    auto_class = family.auto_class(config)
    if auto_class is not None:
        return auto_class
    first = family.auto_classes[0].__name__
    raise UsageError(
        f"{source} is of the architecture {config.model_type!r}; needed is {family.needed} "
        f"(in transformers {transformers.__version__}: a class of {first})."
    )


def _load_processor(source: CheckpointSource) -> Any:
    auto_processor: Any = transformers.AutoProcessor
    try:
        processor = auto_processor.from_pretrained(source.whole, **_arguments(source))
    except Exception as error:  # tokenizers raises plain Exceptions
        _refuse(source, "processor", error)
    missing = [
        part for part in ("image_processor", "tokenizer") if getattr(processor, part, None) is None
    ]
    if missing:
        raise UsageError(
            f"{source} has no {' and no '.join(missing)}: it cannot read images and text. "
            "Is it a multimodal model, with its preprocessor_config.json and tokenizer?"
        )
    if processor.tokenizer.pad_token is None:
        if processor.tokenizer.eos_token is None:
            raise UsageError(f"The tokenizer of {source} has no token to pad with (pad_token).")
        # Padding is masked, so that any token will do.
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def _load_weights(
    source: CheckpointSource,
    options: TransformersOptions,
    auto_class: Any,
    dtype: torch.dtype | Literal["auto"],
) -> Any:
    attention = (
        {"attn_implementation": options.attn_implementation} if options.attn_implementation else {}
    )
    try:
        model, report = auto_class.from_pretrained(
            source.whole, dtype=dtype, output_loading_info=True, **attention, **_arguments(source)
        )
    except pickle.UnpicklingError as error:
        found = _GLOBAL.search(str(error))
        raise UsageError(
            f"The weights of {source} are a pickle that holds more than tensors"
            f"{f' ({found[1]})' if found else ''}: reading it could run code, so it is not read. "
            "Ask its publisher for safetensors, or for a pickle of tensors alone."
        ) from error
    except Exception as error:  # as do torch, on a damaged pickle, and safetensors
        _refuse(source, "weights", error)
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers would only warn and fill these at random: answers would be random.
        raise UsageError(
            f"{source} lacks {len(missing)} of the weights that {type(model).__name__} needs: "
            f"{_some(missing)}. The files are incomplete or of another architecture."
        )
    return model


def _refuse(source: CheckpointSource, part: str, error: Exception) -> NoReturn:
    """Raises UsageError for what transformers raised while it read a part of the checkpoint."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "trust_remote_code" in reason:
        raise UsageError(
            f"{source} needs Python code of its own, which is not run. If you have read it and "
            "trust it: --trust-remote-code with --revision and the commit's 40 digits."
        ) from error
    if "couldn't connect" in reason.casefold():  # the hub answered before, or a proxy does for it
        raise NotHereError(unavailable(source.path, "the hub cannot be reached")) from error
    hint = "Check the folder's files." if source.local else "Check the id, access and connection."
    package = _PACKAGE.search(reason)
    if package:
        raise UsageError(
            f"The {part} of {source} needs the package {package[1]}, which is not installed. "
            f"Type: pip install {package[1].lower()}"
        ) from error
    raise UsageError(
        f"Cannot read the {part} of {source}: {reason[:400]} {source.hint or hint}"
    ) from error


def _some(names: list[str]) -> str:
    more = len(names) - _KEYS_SHOWN
    return ", ".join(names[:_KEYS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _device_name(device: torch.device) -> str | None:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None
