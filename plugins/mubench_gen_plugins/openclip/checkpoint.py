"""Opens a checkpoint with open_clip, with clear errors. Imports torch and open_clip."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import torch
from huggingface_hub import snapshot_download

from mubench_gen.engines.transformers.checkpoint import resolve_device, resolve_dtype
from mubench_gen.errors import MissingExtraError, UsageError
from mubench_gen.model import Runtime
from mubench_gen_plugins.openclip.opened import Opened, described, files_digest

try:
    import open_clip
except ModuleNotFoundError as missing:
    raise MissingExtraError(
        missing.name or "open_clip", extra="openclip", purpose="The plugin 'openclip'"
    ) from missing

_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
_MISSING = re.compile(r"Missing key\(s\) in state_dict: (.+?)\. ")
_HUB, _FOLDER = "hf-hub:", "local-dir:"
_KEYS_SHOWN = 5


def open_checkpoint(runtime: Runtime, *, quick_gelu: bool | None) -> Opened:
    """The model that `runtime.model` names. Raises UsageError: what is wrong, what to do."""
    device = resolve_device(runtime.device)
    dtype = resolve_dtype(runtime.dtype, device)
    try:
        name, tag = _named(runtime)
        with _quiet():
            model, preprocess = open_clip.create_model_from_pretrained(
                name,
                tag,
                precision=_PRECISIONS[dtype],
                device=device,
                force_quick_gelu=_quick_gelu(name, tag) if quick_gelu is None else quick_gelu,
                weights_only=True,
            )
            tokenizer = open_clip.get_tokenizer(name)
            files = _weights_files(name, tag)
    except UsageError:
        raise
    except Exception as error:  # open_clip raises any error of its dependencies
        _refuse(runtime.model, error)
    inner = getattr(tokenizer, "tokenizer", None)
    return Opened(
        model=model.eval(),
        preprocess=preprocess,
        tokenize=lambda texts, context: tokenizer(list(texts), context_length=context),
        pad=0 if inner is None else inner.pad_token_id or 0,
        context=tokenizer.context_length,
        device=device,
        dtype=dtype,
        digest=files_digest([*files, *_configuration(name, files)]),
        facts=described(model, files, device, dtype, "open_clip", open_clip.__version__)
        | {"context": tokenizer.context_length, "revision": runtime.revision},
    )


def _named(runtime: Runtime) -> tuple[str, str | None]:
    """open_clip's name and tag of a model: ARCHITECTURE/TAG, a hub id or a folder."""
    model = runtime.model
    folder = Path(os.path.expanduser(model.removeprefix(_FOLDER)))
    if folder.is_dir():
        return f"{_FOLDER}{folder}", None
    if model.startswith(_HUB):
        if runtime.revision is None:
            return model, None
        # open_clip takes no revision, so its snapshot is opened as a folder.
        hub_id = model.removeprefix(_HUB)
        return _FOLDER + snapshot_download(hub_id, revision=runtime.revision), None
    architecture, _, tag = model.partition("/")
    known = open_clip.list_pretrained_tags_by_model(architecture)
    if tag in known:
        return architecture, tag
    tags = f" It has the tags {', '.join(known)}." if known else ""
    raise UsageError(
        f"open_clip has no model {model!r}.{tags} Give ARCHITECTURE/TAG "
        "(open_clip.list_pretrained() lists them), hf-hub:OWNER/NAME, or a folder with "
        "open_clip_config.json and weights."
    )


def _quick_gelu(name: str, tag: str | None) -> bool:
    """Whether the weights of a tag were trained with QuickGELU; a hub's configuration says it."""
    return tag is not None and bool(open_clip.get_pretrained_cfg(name, tag).get("quick_gelu"))


def _weights_files(name: str, tag: str | None) -> list[Path]:
    """The file of weights that open_clip has read (and fetched)."""
    if name.startswith(_FOLDER):
        found = open_clip.factory._find_checkpoint_in_dir(Path(name.removeprefix(_FOLDER)))
    elif name.startswith(_HUB):
        found = open_clip.download_pretrained_from_hf(name.removeprefix(_HUB))
    else:
        found = open_clip.download_pretrained(open_clip.get_pretrained_cfg(name, tag))
    return [Path(found)]


def _configuration(name: str, files: Sequence[Path]) -> list[Path]:
    """The configuration beside the weights, where it is not open_clip's own."""
    beside = [file.parent / "open_clip_config.json" for file in files]
    return [file for file in beside if ":" in name and file.is_file()]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress open_clip's advice, which this module follows or raises as errors."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _refuse(name: str, error: Exception) -> NoReturn:
    reason = " ".join(str(error).split()) or type(error).__name__
    missing = _MISSING.search(reason + " ")
    if missing:
        keys = [key.strip(' "') for key in missing[1].split(",")]
        more = len(keys) - _KEYS_SHOWN
        shown = ", ".join(keys[:_KEYS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        raise UsageError(
            f"{name} lacks {len(keys)} of the weights that its architecture needs: {shown}. "
            "The files are incomplete or of another architecture."
        ) from error
    if "gated" in reason.lower():
        raise UsageError(
            f"{name} is gated: ask for access on its page of the hub, then `hf auth login`."
        ) from error
    raise UsageError(
        f"open_clip cannot open {name}: {reason[:400]} Check the name, access and connection."
    ) from error
