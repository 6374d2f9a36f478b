"""Files of weights and what stands beside them, damaged: read, or refused by a MergeError."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.mutations import assert_survives, mutated
from tests.helpers.packages import package

from mubench_gen.engines.conversation import template_to_serve
from mubench_gen.engines.digest import digest_checkpoint
from mubench_gen.engines.footprint import broken, loaded_bytes
from mubench_gen.errors import MergeError, UsageError
from mubench_gen.interpolation.merge.arithmetic import InnerProducts
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint, open_checkpoint
from mubench_gen.interpolation.merge.lora import (
    adapted_modules,
    open_adapter,
    write_scaled_adapters,
)
from mubench_gen.interpolation.merge.model_files import compare_model_files
from mubench_gen.interpolation.merge.partial_folder import PartialFolder
from mubench_gen.interpolation.merge.shard_writer import FinishedShard
from mubench_gen.interpolation.merge.tensors import read_whole
from mubench_gen.interpolation.merge.torch_pickle import open_pickles
from mubench_gen.model import Checkpoint as Source

torch = package("torch", "weights in pickle are torch's")

REFUSED = (UsageError,)
# Of a reader that takes a millisecond, as many as take no more than five minutes.
FEWER = {200: 100, 100_000: 60_000}
Reader = Callable[[bytes], object]


def header(tensors: dict[str, Any], body: int) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + bytes(body)


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


SAFE = [
    header({"a.weight": entry("F32", [2, 2], 0, 16), "b": entry("I64", [1], 16, 24)}, 24),
    header(
        {"__metadata__": {"format": "pt", "c": "a"}, "a": entry("BF16", [3], 0, 6)}
        | {"empty": entry("F16", [0, 5], 6, 6), "n": entry("BOOL", [], 6, 7)},
        7,
    ),
    header({"a": entry("F8_E4M3", [4], 0, 4), "a.qweight": entry("U8", [2, 2], 4, 8)}, 8),
]


def pickled(content: Any, **how: Any) -> bytes:
    held = io.BytesIO()
    torch.save(content, held, **how)
    return held.getvalue()


@cache
def pickles(*, zipped: bool = True) -> list[bytes]:
    """State dicts: plain, in a training's checkpoint with shared memory, with DDP's names."""
    state = {"a.weight": torch.ones(2, 3), "b": torch.arange(4), "c": torch.ones(2).bfloat16()}
    shared = {**state, "tied": state["a.weight"], "part": state["a.weight"][1]}
    contents = (
        state,
        {"state_dict": shared, "epoch": 3},
        {f"module.{name}": value for name, value in state.items()},
    )
    return [pickled(content, _use_new_zipfile_serialization=zipped) for content in contents]


INDEX = {"metadata": {"total_size": 4}, "weight_map": {"a": "model-1.safetensors"}}
INDICES = [json.dumps(INDEX).encode(), b'{"weight_map": {"a": "model-1.safetensors", "b": ""}}']
LORA = {
    "peft_type": "LORA", "r": 2, "lora_alpha": 4, "alpha_pattern": {r"layers\.\d+\.q": 3},
    "use_rslora": True, "modules_to_save": None, "bias": "none", "fan_in_fan_out": False,
}  # fmt: skip
CONFIGS = [
    json.dumps(one).encode()
    for one in (
        {"model_type": "llava", "text_config": {"hidden_act": "gelu", "vocab_size": 5}},
        {"tie_word_embeddings": True, "quantization_config": {"quant_method": "awq"}},
        {"model_cfg": {"quick_gelu": True, "vision_cfg": {"width": 3}}},
    )
]
TOKENIZERS = [
    json.dumps(one).encode()
    for one in (
        {"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 2, "content": "<x>"}]},
        {"model": {"vocab": [["a", -1.5], ["b", -2]]}, "added_tokens": None},
    )
]


def folder_of(tmp_path: Path, name: str = "side") -> Path:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "config.json").write_bytes(CONFIGS[0])
    return folder


def read_all(folder: Path) -> OpenCheckpoint:
    """The checkpoint with all bytes of its tensors; memory holds one at a time."""
    with ExitStack() as files:
        found = open_checkpoint(str(folder), files)
        for tensor in found.tensors.values():
            read_whole(tensor)
    return found


def reader(path: Path, read: Callable[[], object]) -> Reader:
    """Writes an input to the path, then reads."""

    def run(content: bytes) -> None:
        path.write_bytes(content)
        read()

    return run


def test_safetensors(tmp_path: Path, inputs: int) -> None:
    folder = folder_of(tmp_path)
    file = folder / "model.safetensors"

    def read() -> None:
        broken(file)
        loaded_bytes([file], "float32")
        read_all(folder)

    assert_survives(reader(file, read), mutated(SAFE, inputs), refused=REFUSED, mebibytes=256)


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 2**64 - 1) + b"{}",
        struct.pack("<Q", 100_000_000),
        header({"a": entry("F32", [2**58], 0, 2**60)}, 4),
        header({"a": entry("F32", [2**200], 0, 4)}, 4),
        header({"a": entry("F32", [0, 2**59], 0, 0)}, 0),
        header({"a": entry("F32", [1] * 100_000, 0, 4)}, 4),
        header({"a": {"dtype": "F32", "shape": [float("inf")], "data_offsets": [0, 4]}}, 4),
        header({"a": {"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]}}, 4),
        header({"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}}, 4),
        header({"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}, 4),
        header({"\ud800": entry("F32", [1], 0, 4)}, 4),
        struct.pack("<Q", 200_000) + b"[" * 200_000,
        struct.pack("<Q", 100_000) + b'{"a":' * 20_000,
    ],
)
def test_headers_that_announce_what_no_file_holds(tmp_path: Path, content: bytes) -> None:
    folder = folder_of(tmp_path)
    file = folder / "model.safetensors"

    def read() -> None:
        broken(file)
        loaded_bytes([file], "float32")
        with contextlib.suppress(MergeError):
            read_all(folder)

    assert_survives(reader(file, read), iter([content]), refused=(), seconds=5, mebibytes=128)


@pytest.fixture
def loaded(tmp_path: Path) -> Reader:
    """Reads a pickle as a checkpoint, tensors and all."""
    file = folder_of(tmp_path) / "pytorch_model.bin"

    def read() -> None:
        torch.set_num_threads(1)  # threads of the parent's are not the child's
        for tensor in open_pickles([file]).tensors.values():
            read_whole(tensor)

    return reader(file, read)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_pickles(loaded: Reader, inputs: int, *, zipped: bool) -> None:
    assert_survives(loaded, mutated(pickles(zipped=zipped), FEWER[inputs]), refused=REFUSED)


def inner(draw: Iterator[bytes]) -> Iterator[bytes]:
    """Archives that are whole but for the pickle in them, of which the checksum is right."""
    for content in draw:
        held = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(pickles()[0])) as whole, zipfile.ZipFile(held, "w") as out:
            for name in whole.namelist():
                out.writestr(name, content if name.endswith("data.pkl") else whole.read(name))
        yield held.getvalue()


def test_pickles_in_sound_archives(loaded: Reader, inputs: int) -> None:
    seeds = []
    for content in pickles():
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = (one for one in archive.namelist() if one.endswith("data.pkl"))
            seeds.append(archive.read(name))
    assert_survives(loaded, inner(mutated(seeds, FEWER[inputs] // 2)), refused=REFUSED)


def bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    held = io.BytesIO()
    zeros = bytes(2**20)
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for name, count in (("archive/data.pkl", 1_024), ("archive/version", 0)):
            with out.open(name, "w") as file:
                for _ in range(count):
                    file.write(zeros)
    return held.getvalue()


def laughing() -> bytes:
    """Lists of lists of one list, a billion at the last: few bytes, few objects, a deep memo."""
    held: Any = []
    for _ in range(30):
        held = [held, held]
    return pickled({"a": torch.ones(1), "held": held})


def expanded() -> bytes:
    """A terabyte of ones in four bytes."""
    return pickled({"a": torch.ones(1).expand(2**38)})


def memo(count: int) -> bytes:
    return b"\x80\x02}" + b"".join(b"r" + struct.pack("<I", 2**31 - i) for i in range(count)) + b"."


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (bomb, "compressed archive"),
        (expanded, "repeats 4 bytes"),
        (lambda: memo(100_000), "Fetch it again"),
        (lambda: pickled({"a": torch.ones(2).to("meta")}), "type that cannot be merged"),
        (lambda: pickled({"a": torch.ones(2, 2).to_sparse()}), "type that cannot be merged"),
        (lambda: pickled({"a": torch.ones(2).cfloat()}), "type that cannot be merged"),
        (lambda: pickled({1: torch.ones(2), "1": torch.ones(2)}), "names are not texts"),
        (lambda: pickled([torch.ones(2)]), "holds list, not a state dict"),
        (lambda: pickle.dumps({"a": np.ones(3)}, 2), "which is not a tensor"),
    ],
)
def test_pickles_that_are_more_than_they_look_are_refused(
    loaded: Reader, make: Callable[[], bytes], told: str
) -> None:
    def read(content: bytes) -> None:
        with pytest.raises(MergeError, match=told):
            loaded(content)

    assert_survives(read, iter([make()]), refused=(), seconds=10, mebibytes=512)


def test_a_deep_memo_beside_the_weights_costs_nothing(loaded: Reader) -> None:
    assert_survives(loaded, iter([laughing()]), refused=(), seconds=10, mebibytes=256)


def test_indices(tmp_path: Path, inputs: int) -> None:
    folder = folder_of(tmp_path)
    (folder / "model-1.safetensors").write_bytes(header({"a": entry("F32", [1], 0, 4)}, 4))

    def read() -> None:
        digest_checkpoint(folder)
        read_all(folder)

    index = folder / "model.safetensors.index.json"
    assert_survives(reader(index, read), mutated(INDICES, inputs), refused=REFUSED)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    parts = {"A": [2, 3], "B": [3, 2]}
    tensors = {
        f"base_model.model.layers.{i}.q.lora_{part}.weight": entry("F32", shape, at, at + 24)
        for i in (0, 1)
        for (part, shape), at in zip(parts.items(), (48 * i, 48 * i + 24), strict=True)
    }
    (folder / "adapter_model.safetensors").write_bytes(header(tensors, 96))
    (folder / "adapter_config.json").write_text(json.dumps(LORA))
    return folder


@pytest.fixture
def adapting(tmp_path: Path, adapter: Path) -> Iterator[Callable[[], object]]:
    """Reads the adapter in all ways."""
    base = folder_of(tmp_path, "base")
    weights = {f"layers.{i}.q.weight": entry("F32", [3, 3], 36 * i, 36 * i + 36) for i in (0, 1)}
    (base / "model.safetensors").write_bytes(header(weights, 72))
    with ExitStack() as files:
        opened = open_checkpoint(str(base), files)

        def read() -> None:
            adapted_modules(str(adapter))
            with ExitStack() as own:
                for tensor in open_adapter(str(adapter), opened, own).tensors.values():
                    tensor.read(0, 9)
            write_scaled_adapters(str(adapter), {})

        yield read


def test_configurations_of_adapters(
    adapter: Path, adapting: Callable[[], object], inputs: int
) -> None:
    damaged = mutated([json.dumps(LORA).encode()], inputs)
    assert_survives(reader(adapter / "adapter_config.json", adapting), damaged, refused=REFUSED)


def test_weights_of_adapters(adapter: Path, adapting: Callable[[], object], inputs: int) -> None:
    file = adapter / "adapter_model.safetensors"
    damaged = mutated([file.read_bytes()], inputs)
    assert_survives(reader(file, adapting), damaged, refused=REFUSED)


@pytest.mark.parametrize(
    ("name", "seeds"),
    [("config.json", CONFIGS), ("tokenizer.json", TOKENIZERS), ("vocab.json", [b'{"a": 0}'])],
)
def test_what_stands_beside_weights(
    tmp_path: Path, name: str, seeds: list[bytes], inputs: int
) -> None:
    sides = [folder_of(tmp_path, side) for side in ("base", "tuned")]
    for side in sides:
        (side / name).write_bytes(seeds[0])
        (side / "model.safetensors").write_bytes(SAFE[0])
    source = Source(sides[1], "generative", fallback_templates={"llava": "{{ messages }}"})

    def read() -> None:
        template_to_serve(source, None)
        compare_model_files(read_all(sides[0]), read_all(sides[1]))

    assert_survives(reader(sides[1] / name, read), mutated(seeds, inputs), refused=REFUSED)


def test_records_of_finished_shards(tmp_path: Path, inputs: int) -> None:
    partial = PartialFolder(tmp_path / "m", tmp_path / ".m.partial")
    (partial.folder / ".progress").mkdir(parents=True)
    shard = FinishedShard((2**63, 7), {"t0": InnerProducts(1.5), "t1": InnerProducts()}, ("t1",))
    partial.note("model.safetensors", shard)
    record = partial.folder / ".progress/model.safetensors.json"
    whole = record.read_bytes()

    def read(content: bytes) -> None:
        record.write_bytes(content)
        assert partial.finished("model.safetensors") in (None, shard)

    assert_survives(read, mutated([whole], inputs), refused=())
