"""LoRA adapters (PEFT's folders): as fine-tunes, and scaled by α without touching a weight.

An adapter adds s·B·A to a weight, with s = lora_alpha / r (or / √r). So α·s needs another
lora_alpha and nothing else: `scaled_adapters` writes folders of a configuration each, with the
weights linked. `open_adapter` shows the adapter as a checkpoint of base + s·B·A, for `merge`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.arithmetic import Floats, Workshop
from mubench_gen.interpolation.merge.checkpoint import (
    Checkpoint,
    Contents,
    find_folder,
    open_safetensors,
)
from mubench_gen.interpolation.merge.files import ADAPTER, read_json, reading, some
from mubench_gen.interpolation.merge.lora_config import refuse_others, scale_of, scaled
from mubench_gen.interpolation.merge.safetensors_file import FLOATS
from mubench_gen.interpolation.merge.tensors import Tensor, read_whole
from mubench_gen.interpolation.merge.tied_weights import is_words, ties_words

WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_WRAPPED = "base_model.model."
_PARTS = (".lora_A.weight", ".lora_B.weight", ".lora_embedding_A", ".lora_embedding_B")
_PARENTS = ("model", "language_model", "transformer")


@dataclass(frozen=True, slots=True)
class LoraTensor:
    """base + scale·B·A in float32, a range of rows at a time. `turned`: the base is (in, out).

    `down` (A) is (r, in), `up` (B) is (out, r).
    """

    base: Tensor
    down: Tensor
    up: Tensor
    scale: float
    turned: bool = False

    @property
    def dtype(self) -> str:
        return "F64" if self.base.dtype == "F64" else "F32"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    def read_into(self, start: int, buffer: memoryview) -> None:
        size, each = (8, np.float64) if self.dtype == "F64" else (4, np.float32)
        width = self.shape[1]
        first, count = start // size, len(buffer) // size
        rows = slice(first // width, -(-(first + count) // width))
        down, up = _numbers(self.down), _numbers(self.up)
        skipped = first - rows.start * width
        weights = _some_numbers(self.base, first, count)
        with np.errstate(over="ignore", invalid="ignore"):  # what is no number is found by its user
            added = down[:, rows].T @ up.T if self.turned else up[rows] @ down
            found = weights + each(self.scale) * added.reshape(-1)[skipped : skipped + count]
        buffer[:] = found.astype(each, copy=False).view(np.uint8).data


def open_adapter(name: str, base: Checkpoint, files: ExitStack) -> Checkpoint:
    """The base with an adapter merged in, tensor by tensor as they are read.

    MergeError for adapters whose effect is not s·B·A alone (whole modules, biases, DoRA), and
    for one that fits another base.
    """
    folder = find_folder(name)
    settings = read_json(folder / ADAPTER)
    refuse_others(name, settings)
    contents = _open_weights(name, folder, files)
    modules = _modules(name, contents)
    tensors: dict[str, Tensor] = dict(base.tensors)
    for module, (down, up, turned) in modules.items():
        key = _key_of(name, module, base)
        if isinstance(tensors[key], LoraTensor):
            raise MergeError(f"{name}: two modules of the adapter change the base's {key}.")
        if ties_words(base.settings) and is_words(key):
            raise MergeError(
                f"{name}: the adapter changes {key}, which is embedding and output layer in one "
                "(tie_word_embeddings): have PEFT merge it into its base and give that folder."
            )
        turned = turned or bool(settings.get("fan_in_fan_out"))
        scale = scale_of(settings, module, down.shape[0])
        tensors[key] = _fitted(name, key, LoraTensor(base.tensors[key], down, up, scale, turned))
    ranks = sorted({down.shape[0] for down, _, _ in modules.values()})
    configuration, stat = (path.stat() for path in (folder / ADAPTER, _weights_file(name, folder)))
    told = settings.get("base_model_name_or_path")
    return replace(
        base,
        name=name,
        folder=folder,
        format=f"LoRA adapter of rank {', '.join(map(str, ranks))}, {len(modules)} modules",
        tensors=tensors,
        identity=[
            (ADAPTER, configuration.st_size, configuration.st_mtime_ns),
            ("weights", stat.st_size, stat.st_mtime_ns),
        ],
        notes=(f"{name} says that its base is {told}",) if told else (),
        adapter=True,
    )


@reading("An adapter")
def adapted(name: str) -> dict[str, int]:
    """The modules that an adapter changes, with their ranks. MergeError as in `open_adapter`."""
    folder = find_folder(name)
    refuse_others(name, read_json(folder / ADAPTER))
    with ExitStack() as files:
        modules = _modules(name, _open_weights(name, folder, files))
    return {module: down.shape[0] for module, (down, _, _) in modules.items()}


def scaled_adapters(name: str, folders: Mapping[Decimal, Path]) -> list[str]:
    """Write the adapter for each α: its configuration scaled, its weights linked.

    The names of the modules that it changes. MergeError as in `open_adapter`.
    """
    folder = find_folder(name)
    settings = read_json(folder / ADAPTER)
    refuse_others(name, settings)
    weights = _weights_file(name, folder)
    with ExitStack() as files:
        modules = sorted(_modules(name, _open_weights(name, folder, files)))
    for alpha, out in folders.items():
        out.mkdir(parents=True)
        text = json.dumps(scaled(settings, float(alpha)))
        (out / ADAPTER).write_text(text + "\n", encoding="utf-8")
        _link(weights.resolve(), out / weights.name)
    return modules


def _link(weights: Path, out: Path) -> None:
    """A hard link, which outlives the original; across file systems a symbolic one."""
    try:
        os.link(weights, out)
    except OSError:
        out.symlink_to(weights)


def _weights_file(name: str, folder: Path) -> Path:
    for file in WEIGHTS:
        if (folder / file).is_file():
            return folder / file
    raise MergeError(f"{name}: holds {ADAPTER} and no {' or '.join(WEIGHTS)}.")


def _open_weights(name: str, folder: Path, files: ExitStack) -> Contents:
    path = _weights_file(name, folder)
    if path.suffix == ".safetensors":
        return open_safetensors([path], files)
    from mubench_gen.interpolation.merge.torch_pickle import open_pickles

    return open_pickles([path])


def _modules(name: str, contents: Contents) -> dict[str, tuple[Tensor, Tensor, bool]]:
    """A and B by module, and whether of an embedding, whose weight is (in, out)."""
    whole = [key for key in contents.tensors if not key.endswith(_PARTS)]
    if whole:
        raise MergeError(
            f"{name}: the adapter's weights also hold whole tensors, which lora_alpha does not "
            f"scale: {some(whole)}. Have PEFT merge it into its base and give that folder."
        )
    found: dict[str, tuple[Tensor, Tensor, bool]] = {}
    for key in contents.tensors:
        part = next(part for part in _PARTS if key.endswith(part))
        module, turned = key.removesuffix(part), "embedding" in part
        names = [module + one for one in _PARTS if ("embedding" in one) == turned]
        down, up = (contents.tensors.get(one) for one in names)
        plain = module.removeprefix(_WRAPPED)
        if down is None or up is None or not _are_pair(down, up):
            raise MergeError(f"{name}: {module} has no pair of matrices A and B of numbers.")
        if found.setdefault(plain, (down, up, turned)) != (down, up, turned):
            raise MergeError(f"{name}: the adapter's weights hold {plain} twice.")
    if not found:
        raise MergeError(f"{name}: the adapter's weights hold no A and B.")
    _check_finite(name, contents)
    return found


def _are_pair(down: Tensor, up: Tensor) -> bool:
    if {down.dtype, up.dtype} - set(FLOATS) or len(down.shape) != 2 or len(up.shape) != 2:
        return False
    return 0 < down.shape[0] == up.shape[1]


def _check_finite(name: str, contents: Contents) -> None:
    """As of whole weights: answers of NaN would be answers all the same."""
    for key, tensor in contents.tensors.items():
        if not np.isfinite(_numbers(tensor)).all():
            raise MergeError(f"{name}: {key} holds NaN or Inf. Fetch or train the adapter again.")


def _key_of(name: str, module: str, base: Checkpoint) -> str:
    """The base's tensor that a module of the model stands for; files may name its parents else."""
    exact = f"{module}.weight"
    if exact in base.tensors:
        return exact
    plain = _plain(exact)
    found = [key for key in base.tensors if _plain(key) == plain]
    if len(found) != 1:
        raise MergeError(
            f"{name}: the adapter changes {module}, and {base} has no tensor that is clearly its "
            "weight. Is this the adapter's base?"
        )
    return found[0]


def _plain(name: str) -> tuple[str, ...]:
    """A name without the parents that versions of transformers give to, or take from, a model."""
    parts = name.split(".")
    dropped = {*_PARENTS, *(("vision_model",) if "vision_tower" in parts else ())}
    return tuple(part for part in parts if part not in dropped)


def _fitted(name: str, key: str, tensor: LoraTensor) -> LoraTensor:
    rows, columns = tensor.up.shape[0], tensor.down.shape[1]
    expected = (columns, rows) if tensor.turned else (rows, columns)
    if tensor.base.shape != expected or tensor.base.dtype not in FLOATS:
        raise MergeError(
            f"{name}: the adapter's B·A for {key} is {list(expected)}, the base's tensor "
            f"{list(tensor.base.shape)}. Is this the adapter's base?"
        )
    return tensor


def _numbers(tensor: Tensor) -> Floats:
    """All of a small matrix, as float32 or float64."""
    count = math.prod(tensor.shape)
    raw = np.frombuffer(read_whole(tensor), np.uint8)
    return Workshop(count).decoded(raw, tensor.dtype, "").reshape(tensor.shape)


def _some_numbers(tensor: Tensor, first: int, count: int) -> Floats:
    workshop = Workshop(count)
    each = 8 if tensor.dtype == "F64" else 4 if tensor.dtype == "F32" else 2
    raw = workshop.raw("", count * each)
    tensor.read_into(first * each, raw.data)
    return workshop.decoded(raw, tensor.dtype, "")
