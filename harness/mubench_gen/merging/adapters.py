"""LoRA adapters (PEFT's folders): as fine-tunes, and scaled by α without touching a weight.

An adapter adds s·B·A to a weight, with s = lora_alpha / r (or / √r). So α·s needs another
lora_alpha and nothing else: `scaled_adapters` writes folders of a configuration each, with the
weights linked. `open_adapter` shows the adapter as a checkpoint of base + s·B·A, for `merge`.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from mubench_gen.errors import MergeError
from mubench_gen.merging.arithmetic import Floats, Workshop
from mubench_gen.merging.checkpoint import (
    ADAPTER,
    Checkpoint,
    Contents,
    find_folder,
    open_safetensors,
    read_json,
    some,
)
from mubench_gen.merging.tensors import Tensor, read_whole

WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_WRAPPED = "base_model.model."
_PARTS = (".lora_A.weight", ".lora_B.weight", ".lora_embedding_A", ".lora_embedding_B")
# Ways to begin that change the base, so that B·A is no difference from the published one.
_OTHER_BASE = ("pissa", "olora", "corda", "loftq")


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
        added = down[:, rows].T @ up.T if self.turned else up[rows] @ down
        skipped = first - rows.start * width
        weights = _some_numbers(self.base, first, count)
        found = weights + each(self.scale) * added.reshape(-1)[skipped : skipped + count]
        buffer[:] = found.astype(each, copy=False).view(np.uint8).data


def open_adapter(name: str, base: Checkpoint, files: ExitStack) -> Checkpoint:
    """The base with an adapter merged in, tensor by tensor as they are read.

    MergeError for adapters whose effect is not s·B·A alone (whole modules, biases, DoRA), and
    for one that fits another base.
    """
    folder = find_folder(name)
    settings = read_json(folder / ADAPTER)
    _refuse_others(name, settings)
    contents = _open_weights(name, folder, files)
    modules = _modules(name, contents)
    tensors: dict[str, Tensor] = dict(base.tensors)
    for module, (down, up, turned) in modules.items():
        key = _key_of(name, module, base)
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


def scale_of(settings: Mapping[str, Any], module: str, rank: int) -> float:
    """What B·A is multiplied with: by PEFT's rule, patterns first."""
    alpha = settings.get("lora_alpha", 8)
    for pattern, value in (settings.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", module):
            alpha = value
            break
    return float(alpha) / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def adapted(name: str) -> dict[str, int]:
    """The modules that an adapter changes, with their ranks. MergeError as in `open_adapter`."""
    folder = find_folder(name)
    _refuse_others(name, read_json(folder / ADAPTER))
    with ExitStack() as files:
        modules = _modules(name, _open_weights(name, folder, files))
    return {module: down.shape[0] for module, (down, _, _) in modules.items()}


def scaled_adapters(name: str, folders: Mapping[Decimal, Path]) -> list[str]:
    """Write the adapter for each α: its configuration scaled, its weights linked.

    The names of the modules that it changes. MergeError as in `open_adapter`.
    """
    folder = find_folder(name)
    settings = read_json(folder / ADAPTER)
    _refuse_others(name, settings)
    weights = _weights_file(name, folder)
    with ExitStack() as files:
        modules = sorted(_modules(name, _open_weights(name, folder, files)))
    for alpha, out in folders.items():
        out.mkdir(parents=True)
        text = json.dumps(scaled(settings, float(alpha)))
        (out / ADAPTER).write_text(text + "\n", encoding="utf-8")
        _link(weights.resolve(), out / weights.name)
    return modules


def scaled(settings: Mapping[str, Any], alpha: float) -> dict[str, Any]:
    """The configuration of an adapter with α times its effect, without what is not set."""
    patterns = settings.get("alpha_pattern") or {}
    return {
        **{name: value for name, value in settings.items() if value is not None and value != {}},
        "lora_alpha": alpha * float(settings.get("lora_alpha", 8)),
        "alpha_pattern": {pattern: alpha * float(value) for pattern, value in patterns.items()},
    }


def _link(weights: Path, out: Path) -> None:
    """A hard link, which outlives the original; across file systems a symbolic one."""
    try:
        os.link(weights, out)
    except OSError:
        out.symlink_to(weights)


def _refuse_others(name: str, settings: Mapping[str, Any]) -> None:
    kind = str(settings.get("peft_type", "LORA")).upper()
    if kind != "LORA":
        raise MergeError(f"{name}: is a PEFT adapter of the kind {kind}; only LoRA scales by α.")
    whole = settings.get("modules_to_save")
    if whole:
        raise MergeError(
            f"{name}: the adapter also trains whole modules (modules_to_save: "
            f"{', '.join(map(str, whole))}), which lora_alpha does not scale. Have PEFT merge it "
            "into its base (merge_and_unload, save_pretrained) and give that folder."
        )
    for key, plain in (("bias", "none"), ("use_dora", False), ("lora_bias", False),
                       ("trainable_token_indices", None), ("layer_replication", None),
                       ("use_qalora", False), ("alora_invocation_tokens", None)):  # fmt: skip
        if settings.get(key, plain) not in (plain, None, False):
            raise MergeError(
                f"{name}: the adapter has {key} = {settings[key]!r}, whose effect α does not "
                "scale. Have PEFT merge it into its base and give that folder."
            )
    begun = str(settings.get("init_lora_weights", "")).lower()
    if begun.startswith(_OTHER_BASE):
        raise MergeError(
            f"{name}: the adapter began as {begun!r}, which changes the base: it is no difference "
            "from the published one. Save it with PEFT's conversion to plain LoRA first."
        )


def _weights_file(name: str, folder: Path) -> Path:
    for file in WEIGHTS:
        if (folder / file).is_file():
            return folder / file
    raise MergeError(f"{name}: holds {ADAPTER} and no {' or '.join(WEIGHTS)}.")


def _open_weights(name: str, folder: Path, files: ExitStack) -> Contents:
    path = _weights_file(name, folder)
    if path.suffix == ".safetensors":
        return open_safetensors([path], files)
    from mubench_gen.merging.pickled import open_pickles

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
    for key, down in contents.tensors.items():
        for part, other, turned in (
            (".lora_A.weight", ".lora_B.weight", False),
            (".lora_embedding_A", ".lora_embedding_B", True),
        ):
            if not key.endswith(part):
                continue
            module = key.removesuffix(part)
            up = contents.tensors.get(module + other)
            if up is None or len(down.shape) != 2 or len(up.shape) != 2:
                raise MergeError(f"{name}: {module} has no pair of matrices A and B.")
            found[module.removeprefix(_WRAPPED)] = (down, up, turned)
    if not found:
        raise MergeError(f"{name}: the adapter's weights hold no A and B.")
    return found


def _key_of(name: str, module: str, base: Checkpoint) -> str:
    """The base's tensor that a module of the model stands for; files may name its parents else."""
    exact = f"{module}.weight"
    if exact in base.tensors:
        return exact
    parts = exact.split(".")
    ranked = sorted(((_likeness(parts, key.split(".")), key) for key in base.tensors), reverse=True)
    best, key = ranked[0]
    tied = len(ranked) > 1 and ranked[1][0] == best
    layered = [part for part in parts if part.isdigit()]
    if best[0] < 2 or tied or any(part not in key.split(".") for part in layered):
        raise MergeError(
            f"{name}: the adapter changes {module}, and {base} has no tensor that is clearly its "
            "weight. Is this the adapter's base?"
        )
    return key


def _likeness(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """How many parts two names share at the end, and how many at all."""
    shared = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        shared += 1
    return shared, len(set(one) & set(other))


def _fitted(name: str, key: str, tensor: LoraTensor) -> LoraTensor:
    rows, columns = tensor.up.shape[0], tensor.down.shape[1]
    expected = (columns, rows) if tensor.turned else (rows, columns)
    if tensor.base.shape != expected or tensor.down.shape[0] != tensor.up.shape[1]:
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
