"""LoRA adapters (PEFT's folders): as fine-tunes, and scaled by α without new weights.

An adapter adds s·B·A to a weight, with s = lora_alpha / r (or / √r). So α·s needs only
another lora_alpha: `write_scaled_adapters` writes folders with a new configuration and linked
weights. `open_adapter` presents the adapter as a checkpoint of base + s·B·A, for `merge`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.arithmetic import decode
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint, find_folder
from mubench_gen.interpolation.merge.files import ADAPTER, listed, read_object, reading
from mubench_gen.interpolation.merge.lora_config import (
    lora_scaling,
    require_plain_lora,
    scaled_config,
)
from mubench_gen.interpolation.merge.safetensors_file import open_safetensors
from mubench_gen.interpolation.merge.tensors import (
    FLOATS,
    Array,
    Tensor,
    read_whole,
)
from mubench_gen.interpolation.merge.tied_weights import is_embedding_or_head, ties_embeddings
from mubench_gen.interpolation.merge.torch_pickle import open_pickles
from mubench_gen.storage.paths import user_path

WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
WRAPPED = "base_model.model."
_PARTS = (".lora_A.weight", ".lora_B.weight", ".lora_embedding_A", ".lora_embedding_B")
_PARENTS = ("model", "language_model", "transformer")


@dataclass(frozen=True, slots=True)
class LoraTensor:
    """base + scale·B·A in float32, computed for a range of rows at a time.

    `down` (A) is (r, in), `up` (B) is (out, r); `transposed`: the base is (in, out).
    """

    base: Tensor
    down: Tensor
    up: Tensor
    scale: float
    transposed: bool = False

    @property
    def dtype(self) -> str:
        return "F64" if self.base.dtype == "F64" else "F32"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    def read(self, first: int, count: int) -> Array:
        kind = np.float64 if self.dtype == "F64" else np.float32
        width = self.shape[1]
        rows = slice(first // width, -(-(first + count) // width))
        down, up = _matrix(self.down), _matrix(self.up)
        skipped = first - rows.start * width
        weights = decode(self.base.read(first, count), self.base.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks for Inf and NaN
            added = down[:, rows].T @ up.T if self.transposed else up[rows] @ down
            found = weights + kind(self.scale) * added.reshape(-1)[skipped : skipped + count]
        return found.astype(kind, copy=False).view(np.uint8)


_Pair = tuple[Tensor, Tensor, bool]  # A, B, and whether of an embedding, whose weight is (in, out)


@dataclass(frozen=True, slots=True)
class _Adapter:
    """An open adapter: its configuration, its file of weights, A and B by module."""

    folder: Path
    config: Mapping[str, Any]
    weights: Path
    modules: Mapping[str, _Pair]


def open_adapter(name: str, base: OpenCheckpoint, files: ExitStack) -> OpenCheckpoint:
    """The base with an adapter merged in, tensor by tensor as they are read.

    Raises MergeError if the adapter's effect is not only s·B·A (whole modules, biases, DoRA),
    or if it belongs to another base.
    """
    adapter = _opened(name, files)
    changed = _changed(name, adapter, base.tensors, base.config, str(base))
    ranks = sorted({down.shape[0] for down, _, _ in adapter.modules.values()})
    stats = {ADAPTER: (adapter.folder / ADAPTER).stat(), "weights": adapter.weights.stat()}
    stated = adapter.config.get("base_model_name_or_path")
    return replace(
        base,
        name=name,
        folder=adapter.folder,
        format=f"LoRA adapter of rank {', '.join(map(str, ranks))}, {len(adapter.modules)} modules",
        tensors={**base.tensors, **changed},
        identity=[(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats.items()],
        notes=(f"{name} says that its base is {stated}",) if stated else (),
        adapter=True,
    )


def adapt_tensors(
    name: str, base: Mapping[str, Tensor], config: Mapping[str, Any], files: ExitStack
) -> dict[str, LoraTensor]:
    """The tensors that an adapter changes, of a base whose tensors are not those of files.

    `config` is the base's. Raises MergeError like `open_adapter`.
    """
    return _changed(name, _opened(name, files), base, config, "the base")


def _changed(
    name: str,
    adapter: _Adapter,
    base: Mapping[str, Tensor],
    config: Mapping[str, Any],
    called: str,
) -> dict[str, LoraTensor]:
    changed: dict[str, LoraTensor] = {}
    for module, (down, up, transposed) in adapter.modules.items():
        key = _key_of(name, module, base, called)
        if key in changed:
            raise MergeError(f"{name}: two modules of the adapter change the base's {key}.")
        if ties_embeddings(config) and is_embedding_or_head(key):
            raise MergeError(
                f"{name}: the adapter changes {key}, which is embedding and output layer in one "
                "(tie_word_embeddings): have PEFT merge it into its base and give that folder."
            )
        transposed = transposed or bool(adapter.config.get("fan_in_fan_out"))
        scale = lora_scaling(adapter.config, module, down.shape[0])
        changed[key] = merged = LoraTensor(base[key], down, up, scale, transposed)
        _check_shape(name, key, merged)
    return changed


@reading("An adapter")
def adapted_modules(name: str) -> dict[str, int]:
    """The modules that an adapter changes, with ranks. Raises MergeError like `open_adapter`."""
    with ExitStack() as files:
        modules = _opened(name, files).modules
    return {module: down.shape[0] for module, (down, _, _) in modules.items()}


def write_scaled_adapters(
    name: str, folders: Mapping[Decimal, Path], *, base: str | None = None
) -> list[str]:
    """Write the adapter for each α, with a scaled configuration and linked weights.

    `base`: what the configurations name as its base, by default what the adapter's names.
    Returns the names of the modules that it changes. Raises MergeError like `open_adapter`.
    """
    with ExitStack() as files:
        adapter = _opened(name, files)
    told = {} if base is None else named_base(base)
    for alpha, out in folders.items():
        out.mkdir(parents=True)
        text = json.dumps({**scaled_config(adapter.config, float(alpha)), **told})
        (out / ADAPTER).write_text(text + "\n", encoding="utf-8")
        _link(adapter.weights.resolve(), out / adapter.weights.name)
    return sorted(adapter.modules)


def named_base(name: str) -> dict[str, str | None]:
    """A base as an adapter's configuration names it."""
    folder = user_path(name)
    if folder.is_dir():
        return {"base_model_name_or_path": str(folder.resolve()), "revision": None}
    hub, _, revision = name.partition("@")
    return {"base_model_name_or_path": hub, "revision": revision or None}


def _opened(name: str, files: ExitStack) -> _Adapter:
    folder = find_folder(name)
    config = read_object(folder / ADAPTER)
    require_plain_lora(name, config)
    weights = next((folder / file for file in WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise MergeError(f"{name}: holds {ADAPTER} but no {' or '.join(WEIGHTS)}.")
    if weights.suffix == ".safetensors":
        state = open_safetensors([weights], files)
    else:
        state = open_pickles([weights])
    return _Adapter(folder, config, weights, _modules(name, state.tensors))


def _link(weights: Path, out: Path) -> None:
    """Make a hard link, which outlives the original; across file systems a symbolic one."""
    try:
        os.link(weights, out)
    except OSError:
        out.symlink_to(weights)


def _modules(name: str, tensors: Mapping[str, Tensor]) -> dict[str, _Pair]:
    whole = [key for key in tensors if not key.endswith(_PARTS)]
    if whole:
        raise MergeError(
            f"{name}: the adapter's weights also hold whole tensors, which lora_alpha does not "
            f"scale: {listed(whole)}. Have PEFT merge it into its base and give that folder."
        )
    found: dict[str, _Pair] = {}
    for key in tensors:
        part = next(part for part in _PARTS if key.endswith(part))
        stored, embedding = key.removesuffix(part), "embedding" in part
        names = [stored + one for one in _PARTS if ("embedding" in one) == embedding]
        down, up = (tensors.get(one) for one in names)
        module = stored.removeprefix(WRAPPED)
        if down is None or up is None or not _are_pair(down, up):
            raise MergeError(f"{name}: {stored} has no pair of numeric matrices A and B.")
        if found.setdefault(module, (down, up, embedding)) != (down, up, embedding):
            raise MergeError(f"{name}: the adapter's weights hold {module} twice.")
    if not found:
        raise MergeError(f"{name}: the adapter's weights hold no pair of matrices A and B.")
    for key, tensor in tensors.items():  # a model of NaN would still give answers
        if not np.isfinite(_matrix(tensor)).all():
            raise MergeError(f"{name}: {key} holds NaN or Inf. Fetch or train the adapter again.")
    return found


def _are_pair(down: Tensor, up: Tensor) -> bool:
    if {down.dtype, up.dtype} - set(FLOATS) or len(down.shape) != 2 or len(up.shape) != 2:
        return False
    return 0 < down.shape[0] == up.shape[1]


def _key_of(name: str, module: str, base: Mapping[str, Tensor], called: str) -> str:
    """The base's tensor for a module of the model; in files its parents may have other names."""
    exact = f"{module}.weight"
    if exact in base:
        return exact
    plain = _plain(exact)
    found = [key for key in base if _plain(key) == plain]
    if len(found) != 1:
        raise MergeError(
            f"{name}: the adapter changes {module}, and {called} has no tensor that is clearly its "
            "weight. Is this the adapter's base?"
        )
    return found[0]


def _plain(name: str) -> tuple[str, ...]:
    """A name without the parents that some versions of transformers add to a model."""
    parts = name.split(".")
    dropped = {*_PARENTS, *(("vision_model",) if "vision_tower" in parts else ())}
    return tuple(part for part in parts if part not in dropped)


def _check_shape(name: str, key: str, tensor: LoraTensor) -> None:
    rows, columns = tensor.up.shape[0], tensor.down.shape[1]
    expected = (columns, rows) if tensor.transposed else (rows, columns)
    if tensor.base.shape != expected or tensor.base.dtype not in FLOATS:
        raise MergeError(
            f"{name}: the adapter's B·A for {key} is {list(expected)}, the base's tensor "
            f"{list(tensor.base.shape)}. Is this the adapter's base?"
        )


def _matrix(tensor: Tensor) -> Array:
    """All of a small matrix, as float32 or float64."""
    return decode(read_whole(tensor), tensor.dtype).reshape(tensor.shape)
