"""A LoRA adapter out of a whole fine-tune: for each weight the best B·A of a rank.

By Eckart and Young (1936) no matrix of that rank is nearer to the difference, in the Frobenius
norm, than its singular value decomposition cut there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mubench_gen._version import __version__
from mubench_gen.console.progress import Progress, Silent
from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.arithmetic import decode
from mubench_gen.interpolation.merge.files import ADAPTER, listed
from mubench_gen.interpolation.merge.inputs import MergeInputs, MergeSettings, open_inputs
from mubench_gen.interpolation.merge.lora import WRAPPED, named_base
from mubench_gen.interpolation.merge.matching import OutputTensor
from mubench_gen.interpolation.merge.model_files import REPORT
from mubench_gen.interpolation.merge.partial_folder import (
    describe_failure,
    open_partial,
    refuse_existing,
    require_space,
)
from mubench_gen.interpolation.merge.recipe import block_of
from mubench_gen.interpolation.merge.safetensors_file import lay_out
from mubench_gen.interpolation.merge.tensors import Array, Tensor, read_whole

# Weights of modules that look rows up, which LoRA changes in another way.
_LOOKED_UP = re.compile(r"(embed|(^|\.)(wte|wpe|shared)\.|lm_head)")
# Parents of modules that versions of transformers name otherwise.
_RENAMED = ("model", "vision_model")


@dataclass(frozen=True, slots=True)
class ExtractedModule:
    """One module: ‖Δ‖ of its weight, and `error`, what B·A misses of it: ‖Δ − B·A‖ / ‖Δ‖."""

    name: str
    difference: float
    error: float


@dataclass(frozen=True, slots=True)
class Extraction:
    """`left_out`: ‖Δ‖ of each tensor that differs and that no adapter holds (biases, norms,
    embeddings, convolutions). `error` counts them too: of all that differs between the two.
    """

    base: str
    finetuned: str
    rank: int
    modules: tuple[ExtractedModule, ...]
    left_out: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def error(self) -> float:
        """What the adapter misses of the whole difference, ‖Δ − B·A‖ / ‖Δ‖."""
        missed = sum((one.error * one.difference) ** 2 for one in self.modules)
        lost = sum(norm**2 for norm in self.left_out.values())
        whole = sum(one.difference**2 for one in self.modules) + lost
        return float(np.sqrt((missed + lost) / whole))

    @property
    def most_left_out(self) -> list[str]:
        """The names of the tensors that have no place, the most different first."""
        return sorted(self.left_out, key=lambda name: -self.left_out[name])

    @property
    def layers(self) -> dict[str, tuple[int, float, float]]:
        """By layer: how many modules, ‖Δ‖ and the error over all of them."""
        groups: dict[str, list[ExtractedModule]] = {}
        for one in self.modules:
            groups.setdefault(block_of(f"{one.name}.weight"), []).append(one)
        return {name: (len(ones), *_over(ones)) for name, ones in groups.items()}

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": 1,
            "mubench_gen": __version__,
            "method": "extract-lora",
            "base": self.base,
            "finetuned": [self.finetuned],
            "rank": self.rank,
            "error": self.error,
            "layers": [
                {"name": name, "modules": count, "difference": norm, "error": error}
                for name, (count, norm, error) in self.layers.items()
            ],
            "modules": [asdict(one) for one in self.modules],
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }


def extract_lora(
    settings: MergeSettings, rank: int, progress: Progress | None = None
) -> Extraction:
    """Write the adapter of that rank into `settings.out`. The recipe's patterns choose tensors.

    Raises MergeError if the two don't match, or nothing that LoRA holds differs between them.
    """
    if len(settings.finetuned) != 1:
        raise MergeError("--extract-lora is for one fine-tune.")
    refuse_existing(settings.out)
    with ExitStack() as files:
        inputs = open_inputs(settings, files)
        if inputs.finetuned[0].adapter:
            raise MergeError(f"{settings.finetuned[0]} is an adapter already.")
        if "model_type" not in inputs.base.config:
            raise MergeError(
                f"{settings.base}: an adapter is for a model in transformers' layout, and this "
                "one's config.json names no model_type."
            )
        tensors, found = _extracted(inputs, settings, rank, progress or Silent())
    try:
        with open_partial(settings.out, {"extracted": [settings.base, *settings.finetuned]}) as out:
            out.clear()
            require_space(out, sum(one.nbytes for one in tensors.values()) + 1_000_000)
            _write(out.folder / "adapter", tensors, _config(settings.base, rank, found))
            report = json.dumps(found.as_dict(), indent=1)
            (out.folder / "adapter" / REPORT).write_text(report + "\n", encoding="utf-8")
            out.complete(out.folder / "adapter")
    except OSError as error:
        raise MergeError(describe_failure(settings.out, error)) from None
    return found


def cut(difference: Array, rank: int) -> tuple[Array, Array]:
    """A of shape (rank, in) and B of shape (out, rank), float32, whose B·A is nearest to a matrix
    of shape (out, in). Rows beyond the matrix's own rank are zeros.
    """
    from scipy.linalg import eigh

    wide = difference.shape[0] <= difference.shape[1]
    short = difference if wide else difference.T  # (n, m) with n ≤ m
    count = len(short)
    kept = min(rank, count)
    # The eigenvectors of Δ·Δᵀ are Δ's left singular vectors, and the largest alone are computed.
    values, vectors = eigh(short @ short.T, subset_by_index=[count - kept, count - 1])
    roots = np.sqrt(np.sqrt(np.maximum(values[::-1], 0)))  # of the singular values
    left = vectors[:, ::-1]
    right = left.T @ short  # the singular values times the right singular vectors
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(roots[:, None] > 0, right / roots[:, None], 0)
    one = np.zeros((rank, short.shape[1]))
    other = np.zeros((count, rank))
    one[:kept], other[:, :kept] = scaled, left * roots
    down, up = (one, other) if wide else (other.T, one.T)
    return down.astype(np.float32), up.astype(np.float32)


def _extracted(
    inputs: MergeInputs, settings: MergeSettings, rank: int, progress: Progress
) -> tuple[dict[str, Array], Extraction]:
    merged = [one for one in inputs.tensors if one.action == "merged"]
    tensors: dict[str, Array] = {}
    modules, left_out = [], {}
    for number, one in enumerate(merged):
        progress.at(number, len(merged))
        difference = _matrix(one.finetuned[0]) - _matrix(one.base)
        norm = float(np.linalg.norm(difference))
        if not np.isfinite(norm):
            raise MergeError(f"{one.name} holds NaN or Inf. Leave it out with --exclude.")
        if norm == 0:
            continue
        if not _has_place(one):
            left_out[one.name] = norm
            continue
        name = one.name.removesuffix(".weight")
        down, up = cut(difference, rank)
        missed = float(np.linalg.norm(difference - up.astype(np.float64) @ down))
        modules.append(ExtractedModule(name, norm, missed / norm))
        tensors[f"{WRAPPED}{name}.lora_A.weight"] = down
        tensors[f"{WRAPPED}{name}.lora_B.weight"] = up
    if not modules:
        raise MergeError(
            "No weight of a linear layer differs between the two, so that there is no adapter to "
            f"write. What differs: {listed(list(left_out)) if left_out else 'nothing'}."
        )
    return tensors, Extraction(
        settings.base, settings.finetuned[0], rank, tuple(modules), left_out, inputs.notes
    )


def _has_place(one: OutputTensor) -> bool:
    """Whether a LoRA holds changes of the tensor: the weight of a linear layer."""
    linear = one.name.endswith(".weight") and len(one.shape) == 2
    return linear and _LOOKED_UP.search(one.name) is None


def _matrix(tensor: Tensor) -> Array:
    whole: Array = decode(read_whole(tensor), tensor.dtype).astype(np.float64)
    return whole.reshape(tensor.shape)


def _over(modules: Sequence[ExtractedModule]) -> tuple[float, float]:
    """‖Δ‖ and the error of several modules together."""
    norm = float(np.sqrt(sum(one.difference**2 for one in modules)))
    missed = float(np.sqrt(sum((one.error * one.difference) ** 2 for one in modules)))
    return norm, missed / norm


def _config(base: str, rank: int, found: Extraction) -> dict[str, Any]:
    """PEFT's configuration: B·A is added as it stands, since lora_alpha is the rank."""
    return {
        "peft_type": "LORA",
        **named_base(base),
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": targets(one.name for one in found.modules),
        "task_type": None,
        "inference_mode": True,
    }


def targets(modules: Iterable[str]) -> str:
    """A regular expression of modules by their names in files, that finds them in a model too,
    where transformers gives their parents other names. Numbers of layers are listed once.
    """
    numbers: dict[str, list[str]] = {}
    for module in modules:
        own = module.startswith("vision_model.")  # CLIP's tower, which nothing else names
        parts = [part for part in module.split(".") if own or part not in _RENAMED]
        at = next((place for place, part in enumerate(parts) if part.isdecimal()), None)
        number = "" if at is None else parts[at]
        first, *rest = ["NUMBER" if n == at else re.escape(part) for n, part in enumerate(parts)]
        numbers.setdefault(_joined(first, rest), []).append(number)
    found = [p.replace("NUMBER", f"({'|'.join(n)})") for p, n in numbers.items()]
    return rf"(.*\.)?({'|'.join(found)})"


def _joined(first: str, rest: Sequence[str]) -> str:
    """Between a tower and what is in it a version of transformers may have another parent."""
    return rf"{first}\.(.*\.)?" + r"\.".join(rest) if rest else first


def _write(folder: Path, tensors: Mapping[str, Array], config: Mapping[str, Any]) -> None:
    folder.mkdir()
    (folder / ADAPTER).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    sized = ((name, "F32", one.shape) for name, one in tensors.items())
    header, places = lay_out(sized, {"format": "pt"})
    with (folder / "adapter_model.safetensors").open("wb") as stream:
        stream.write(header)
        for name in sorted(places, key=places.__getitem__):
            stream.write(np.ascontiguousarray(tensors[name]).astype("<f4").tobytes())
