"""What was measured of fine-tunes (`mubench-gen measure`), for the methods that weigh by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mubench_gen.engines.digest import digest_files
from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint
from mubench_gen.interpolation.merge.files import listed, read_object
from mubench_gen.interpolation.merge.matching import OutputTensor
from mubench_gen.interpolation.merge.methods import METHODS
from mubench_gen.interpolation.merge.safetensors_file import open_safetensors
from mubench_gen.interpolation.merge.tensors import Tensor

WEIGHTS, DOCUMENT = "statistics.safetensors", "measured.json"


@dataclass(frozen=True, slots=True)
class MeasuredStatistics:
    """A folder of `mubench-gen measure`. `method`: the one that it is for; `weights`: the digest of
    the model's; `items`: how many it was shown, about `images` (by their SHA-256)."""

    folder: Path
    method: str
    model: str
    weights: str | None
    items: int
    images: tuple[str, ...]
    failed: int
    data: str
    tasks: tuple[str, ...]
    seed: int
    sha256: str

    @classmethod
    def read(cls, folder: Path) -> MeasuredStatistics:
        """What the folder says of itself. MergeError if it was not made by `measure`."""
        if not (folder / DOCUMENT).is_file():
            raise MergeError(
                f"--statistics {folder}: no such folder of mubench-gen measure (there is no "
                f"{DOCUMENT} in it)."
            )
        told = read_object(folder / DOCUMENT)
        try:
            return cls(
                folder, str(told["method"]), str(told["model"]), told["weights"],
                int(told["items"]), tuple(map(str, told["images"])), int(told["failed"]),
                str(told["data"]["name"]), tuple(map(str, told["tasks"])),
                int(told["half"]["seed"]), str(told["sha256"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            raise MergeError(
                f"{folder / DOCUMENT}: is not as mubench-gen measure writes it: measure again."
            ) from None

    def as_dict(self) -> dict[str, Any]:
        """For merge.json."""
        return {
            "folder": str(self.folder),
            "items": self.items,
            "images": len(self.images),
            "tasks": list(self.tasks),
            "data": self.data,
            "seed": self.seed,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was measured of each fine-tune of a merge, in their order. `tensors`: by the names of
    the weights."""

    measured: tuple[MeasuredStatistics, ...] = ()
    tensors: tuple[Mapping[str, Tensor], ...] = ()

    @property
    def warning(self) -> str | None:
        """That scores on these items are not held out."""
        if not self.measured:
            return None
        images = {image for one in self.measured for image in one.images}
        where = ", ".join(dict.fromkeys(one.data for one in self.measured))
        return (
            f"the weights were chosen by {len(images):,} images of {where}: accuracy on these is "
            "not held out. They are in measured.json; the half of the images that a soup of the "
            "same seed holds out has none of them"
        )


def open_statistics(
    method: str, folders: Sequence[Path], finetuned: Sequence[OpenCheckpoint], files: ExitStack
) -> Statistics:
    """Open what a method needs to know of the fine-tunes. MergeError for too little, too much, or
    what was measured of another model.
    """
    if not METHODS[method].measured:
        if folders:
            users = ", ".join(name for name, facts in METHODS.items() if facts.measured)
            raise MergeError(f"--statistics is a setting of {users}; {method} has none.")
        return Statistics()
    if len(folders) != len(finetuned):
        raise MergeError(
            f"{method} needs --statistics FOLDER for each fine-tune, in their order: "
            f"{len(folders)} for {len(finetuned)}. Make them with mubench-gen measure --method "
            f"{method}."
        )
    found = [MeasuredStatistics.read(folder) for folder in folders]
    tensors = []
    for one, side in zip(found, finetuned, strict=True):
        _check(one, method, side)
        tensors.append(open_safetensors([one.folder / WEIGHTS], files).tensors)
    return Statistics(tuple(found), tuple(tensors))


def _check(one: MeasuredStatistics, method: str, side: OpenCheckpoint) -> None:
    if one.method != method:
        raise MergeError(f"--statistics {one.folder}: was measured for {one.method}, not {method}.")
    if side.adapter or side.converted:
        raise MergeError(
            f"{side}: {method} is for whole fine-tunes with the base's own names of tensors. Write "
            "it as one first: mubench-gen merge BASE FINETUNED --alpha 1."
        )
    digest = digest_files(side.folder)
    if digest is not None and one.weights is not None and digest.weights != one.weights:
        raise MergeError(
            f"--statistics {one.folder}: was measured of other weights ({one.model}) than {side} "
            "has. Give them in the order of the fine-tunes, or measure again."
        )


def with_statistics(
    shards: Mapping[str, Sequence[OutputTensor]], found: Statistics, method: str
) -> tuple[dict[str, list[OutputTensor]], list[str]]:
    """The tensors with what was measured of them, and a note on those of which nothing was.

    MergeError where what was measured does not have the weights' shape.
    """
    if not found.measured:
        return {file: list(tensors) for file, tensors in shards.items()}, []
    given: dict[str, list[OutputTensor]] = {}
    plain: list[str] = []
    for file, tensors in shards.items():
        given[file] = []
        for one in tensors:
            own = [side.get(one.name) for side in found.tensors]
            known = tuple(tensor for tensor in own if tensor is not None)
            if one.action != "merged" or len(known) < len(own):
                given[file].append(one)
                plain += [one.name] if one.action == "merged" else []
                continue
            for tensor in known:
                _check_shape(tensor, one, method)
            given[file].append(replace(one, statistics=known))
    if len(plain) == sum(one.action == "merged" for part in given.values() for one in part):
        raise MergeError("--statistics: nothing was measured of any tensor that is merged.")
    notes = []
    if plain:
        notes.append(
            f"of {len(plain):,} tensors nothing was measured: they are the mean ({listed(plain)})"
        )
    return given, notes


def _check_shape(tensor: Tensor, weight: OutputTensor, method: str) -> None:
    wanted = weight.shape if method == "fisher" else (weight.shape[-1],) * 2
    if tensor.shape != wanted or tensor.dtype != "F32":
        raise MergeError(
            f"--statistics: {weight.name} is {tensor.dtype} {list(tensor.shape)}, where F32 "
            f"{list(wanted)} is needed: measure again."
        )
