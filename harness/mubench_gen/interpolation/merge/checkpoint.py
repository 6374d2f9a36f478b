"""A folder or hub id → the checkpoint's tensors, checked but not read yet.

Supports safetensors files (one, or shards with an index) and, without those, pickle files of
torch, with `weights_only=True`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.folders import local_folder
from mubench_gen.errors import MergeError, MissingExtraError
from mubench_gen.interpolation.merge.files import ADAPTER, listed, read_object, reading
from mubench_gen.interpolation.merge.safetensors_file import open_safetensors
from mubench_gen.interpolation.merge.tensors import SIZES, Tensor
from mubench_gen.interpolation.merge.torch_pickle import open_pickles

SAFETENSORS, PICKLE = "safetensors", "pickle, read with weights_only=True"
# In the order in which transformers, and the digest of a checkpoint, look for them.
_SINGLE = (
    "model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)  # fmt: skip
# Tensor names by which common quantisers are recognised.
_QUANTISED = re.compile(
    r"\.(qweight|qzeros|g_idx|SCB|weight_format|absmax|quant_map|nested_absmax|nested_quant_map"
    r"|quant_state\.[\w]+|weight_scale|weight_scale_inv|weight_packed|weight_zero_point"
    r"|input_scale|_scale_inv|tensor_scale)\Z"
)


@dataclass(frozen=True, slots=True)
class OpenCheckpoint:
    """An open checkpoint. `shards` maps a file's name to its tensors, in the order of its bytes.

    `config` is config.json (or open_clip_config.json), empty without one; `identity` (name,
    size, time of change) shows whether files have changed. `converted`: the tensors were
    renamed from another layout; `adapter`: they are a base's with an adapter merged in.
    `ties`: sets of names that the files declare to be one tensor. `towers`: it is another model,
    which holds these towers of the base ("text", "vision").
    """

    name: str
    folder: Path
    format: str
    shards: Mapping[str, Sequence[str]]
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    config: Mapping[str, Any]
    identity: Sequence[tuple[str, int, int]]
    notes: Sequence[str] = ()
    converted: bool = False
    adapter: bool = False
    ties: Sequence[frozenset[str]] = ()
    towers: Sequence[Literal["text", "vision"]] = ()

    def __str__(self) -> str:
        return self.name


def find_folder(name: str) -> Path:
    """The folder of a checkpoint: a local one, or OWNER/NAME[@REVISION] fetched from the hub."""
    own = Path(name).expanduser()
    if os.path.isdir(own):
        return own
    if os.path.isfile(own):
        raise MergeError(f"{name} is a file: give the folder that holds it, with its config.json.")
    hub, _, revision = name.partition("@")
    if name.startswith(("/", ".", "~")) or not re.fullmatch(r"[\w.-]+/[\w.-]+", hub):
        raise MergeError(
            f"No folder {name}. A checkpoint is a folder with config.json and weights, or a hub "
            "id (OWNER/NAME, OWNER/NAME@REVISION)."
        )
    return local_folder(hub, revision or None, whole=True) or _fetch(hub, revision or None)


def open_checkpoint(name: str, files: ExitStack) -> OpenCheckpoint:
    """The checkpoint of that name; its files stay open until `files` closes them."""
    folder = find_folder(name)
    with reading(folder):
        return _opened(name, folder, files)


def _opened(name: str, folder: Path, files: ExitStack) -> OpenCheckpoint:
    if (folder / ADAPTER).is_file():
        raise MergeError(f"{name} is an adapter: its base comes first, then the adapter.")
    config = read_config(folder)
    _refuse_quantised(name, config)
    paths, index = _weight_files(name, folder)
    if paths[0].suffix == ".safetensors":
        found = open_safetensors(paths, files)
        how = SAFETENSORS
    else:
        found = open_pickles(paths)
        how = PICKLE
    if index is not None:
        _check_index(index, found.shards)
    _check_tensors(name, found.tensors)
    stats = [(path.name, path.stat()) for path in paths]
    return OpenCheckpoint(
        name=name,
        folder=folder,
        format=how,
        shards=found.shards,
        tensors=found.tensors,
        metadata=found.metadata,
        config=config,
        identity=[(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats],
        notes=found.notes,
        ties=found.ties,
    )


def is_adapter(name: str) -> bool:
    """Whether the folder, or the hub id (which is fetched), is a PEFT adapter."""
    return (find_folder(name) / ADAPTER).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, or open_clip's counterpart; empty if there is neither."""
    for file in (folder / "config.json", folder / "open_clip_config.json"):
        if file.is_file():
            return read_object(file)
    return {}


def _fetch(hub: str, revision: str | None) -> Path:
    require_checkpoint(hub)
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise MissingExtraError("huggingface_hub", "transformers", f"Fetching {hub}") from None
    try:
        return Path(
            snapshot_download(hub, revision=revision, ignore_patterns=["*.h5", "*.msgpack"])
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        lines = str(error).strip().splitlines()
        raise MergeError(
            f"{hub} is not a local folder and cannot be fetched from the hub: "
            f"{lines[0].rstrip('.') if lines else type(error).__name__}."
        ) from None


def _weight_files(name: str, folder: Path) -> tuple[list[Path], Path | None]:
    """The files that hold the weights, as transformers would choose, and their index."""
    for single in _SINGLE:
        if (folder / single).is_file():
            return [folder / single], None
        index = folder / f"{single}.index.json"
        if index.is_file():
            return _indexed(index), index
    for suffix in (".safetensors", ".bin", ".pt"):
        files = sorted(path for path in folder.glob(f"*{suffix}") if path.is_file())
        if suffix == ".safetensors" and len(files) > 1:
            _refuse_gaps(files)
        if files and (len(files) == 1 or suffix == ".safetensors"):
            return files, None
    raise MergeError(
        f"{name}: holds no weights (model.safetensors, shards with an index, "
        "pytorch_model.bin, open_clip_model.safetensors)."
    )


def _refuse_gaps(files: Sequence[Path]) -> None:
    """Refuse shards without an index unless all that their names count are there."""
    for path in files:
        numbered = re.search(r"-(\d+)-of-(\d+)\.safetensors\Z", path.name)
        if numbered and int(numbered[2]) != len(files):
            raise MergeError(
                f"{path.parent}: holds {len(files)} of the {int(numbered[2])} shards that "
                "their names count, and no index. Fetch the missing ones."
            )


def _indexed(index: Path) -> list[Path]:
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise MergeError(f"{index}: has no weight_map.")
    names = sorted({str(file) for file in weight_map.values()})
    outside = [file for file in names if Path(file).name != file]
    if outside:
        raise MergeError(f"{index}: names files outside its folder: {listed(outside)}.")
    missing = [file for file in names if not (index.parent / file).is_file()]
    if missing:
        raise MergeError(
            f"{index.parent}: {len(missing)} of {len(names)} shards are missing: "
            f"{listed(missing)}. Fetch them again."
        )
    return [index.parent / file for file in names]


def _check_index(index: Path, shards: Mapping[str, Sequence[str]]) -> None:
    indexed = {str(k): str(v) for k, v in read_object(index)["weight_map"].items()}
    found = {name: file for file, names in shards.items() for name in names}
    wrong = [name for name, file in indexed.items() if found.get(name) != file]
    if wrong:
        raise MergeError(
            f"{index}: is wrong about {len(wrong):,} of {len(indexed):,} tensors: they are not in "
            f"the files that it names: {listed(wrong)}. Fetch index and shards again, of one "
            "revision."
        )
    left_out = [name for name in found if name not in indexed]
    if left_out:
        raise MergeError(
            f"{index}: leaves out {len(left_out):,} of {len(found):,} tensors that the shards "
            f"hold: {listed(left_out)}. Fetch index and shards again, of one revision."
        )


def _refuse_quantised(name: str, config: Mapping[str, Any]) -> None:
    for part in (config, config.get("text_config"), config.get("vision_config")):
        for key in ("quantization_config", "compression_config"):
            found = part.get(key) if isinstance(part, dict) else None
            if found:
                method = found.get("quant_method", "?") if isinstance(found, dict) else found
                raise MergeError(_quantised(name, f"config.json has {key} ({method})"))


def _check_tensors(name: str, tensors: Mapping[str, Tensor]) -> None:
    if not tensors:
        raise MergeError(f"{name}: its files hold no tensors.")
    packed = [
        key
        for key, one in tensors.items()
        if _QUANTISED.search(key)
        or one.dtype.startswith(("F8_", "F6_", "F4"))
        or (one.dtype in ("I8", "U8") and len(one.shape) > 1 and key.endswith("weight"))
    ]
    if packed:
        dtypes = ", ".join(sorted({tensors[key].dtype for key in packed}))
        count = f"{len(packed):,} of {len(tensors):,} tensors"
        raise MergeError(_quantised(name, f"{count} ({dtypes}): {listed(packed)}"))
    strange = [key for key, one in tensors.items() if one.dtype not in SIZES]
    if strange:
        raise MergeError(
            f"{name}: {len(strange):,} of {len(tensors):,} tensors are of a type that cannot be "
            f"merged ({tensors[strange[0]].dtype}): {listed(strange)}."
        )


def _quantised(name: str, seen: str) -> str:
    return (
        f"{name}: the weights are quantised: {seen}. Merge the original weights (float32, "
        "bfloat16, float16) and quantise the result."
    )
