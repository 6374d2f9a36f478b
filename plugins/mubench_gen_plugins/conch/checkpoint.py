"""Opens CONCH with its authors' package `conch`. Imports torch and conch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from conch.open_clip_custom import create_model_from_pretrained, get_tokenizer
from huggingface_hub import hf_hub_download

from mubench_gen.engines.transformers.checkpoint import resolve_device, resolve_dtype
from mubench_gen.model import Runtime
from mubench_gen_plugins.openclip.opened import Opened, described, files_digest

_ARCHITECTURE = "conch_ViT-B-16"
_WEIGHTS = "pytorch_model.bin"
_CONTEXT = 127  # tokens, plus the class token after them


def open_conch(runtime: Runtime) -> Opened:
    """The model of the hub id `runtime.model`. Raises what the hub and conch raise."""
    device = resolve_device(runtime.device)
    dtype = resolve_dtype(runtime.dtype, device)
    file = Path(hf_hub_download(runtime.model, _WEIGHTS, revision=runtime.revision))
    model, preprocess = create_model_from_pretrained(_ARCHITECTURE, str(file), device=device)
    tokenizer = get_tokenizer()
    pad = int(tokenizer.pad_token_id)

    def tokenize(texts: Sequence[str], context: int) -> torch.Tensor:
        ids: torch.Tensor = tokenizer(
            list(texts),
            max_length=context,
            truncation=True,
            padding="max_length",
            return_tensors="pt",
        )["input_ids"]
        return torch.nn.functional.pad(ids, (0, 1), value=pad)

    return Opened(
        model=model.to(device, dtype).eval(),
        preprocess=preprocess,
        tokenize=tokenize,
        pad=pad,
        context=_CONTEXT,
        device=device,
        dtype=dtype,
        digest=files_digest([file]),
        facts=described(model, [file], device, dtype, "conch", version("conch"))
        | {"context": _CONTEXT, "revision": runtime.revision},
        image_arguments={"proj_contrast": True, "normalize": False},  # the contrastive head
    )
