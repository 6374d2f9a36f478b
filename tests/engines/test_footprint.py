"""What weights take in memory, and what is wrong with their files, told from their headers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.engines.footprint import broken, loaded_bytes


def tensors(path: Path, *, cut: int = 0, **dtypes: str) -> Path:
    """A safetensors file of tensors of 4 × 5 elements; `cut` bytes are missing at its end."""
    sizes = {"F32": 4, "BF16": 2, "U8": 1}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, dtype in dtypes.items():
        end = at + 20 * sizes[dtype]
        header[name] = {"dtype": dtype, "shape": [4, 5], "data_offsets": [at, end]}
        at = end
    written = json.dumps(header).encode()
    content = len(written).to_bytes(8, "little") + written + bytes(at)
    path.write_bytes(content[: len(content) - cut])
    return path


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float32", 2 * 80 + 20), ("bfloat16", 2 * 40 + 20)]
)
def test_weights_take_what_the_precision_makes_of_them_and_quantised_ones_what_they_are(
    tmp_path: Path, dtype: str, expected: int
) -> None:
    file = tensors(tmp_path / "model.safetensors", a="F32", b="BF16", c="U8")
    assert loaded_bytes([file], dtype) == expected


def test_without_a_precision_or_a_header_files_count_as_they_are(tmp_path: Path) -> None:
    file = tensors(tmp_path / "model.safetensors", a="F32")
    other = tmp_path / "pytorch_model.bin"
    other.write_bytes(bytes(1_000))
    assert loaded_bytes([file], "auto") == file.stat().st_size
    assert loaded_bytes([other], "float32") == 1_000


def test_a_whole_file_is_not_broken(tmp_path: Path) -> None:
    assert broken(tensors(tmp_path / "model.safetensors", a="F32", b="BF16")) is None
    other = tmp_path / "pytorch_model.bin"
    other.write_bytes(b"PK\x03\x04")
    assert broken(other) is None


def test_a_file_that_was_cut_says_how_much_of_it_is_there(tmp_path: Path) -> None:
    whole = tensors(tmp_path / "whole.safetensors", a="F32").stat().st_size
    cut = tensors(tmp_path / "model.safetensors", a="F32", cut=30)
    assert broken(cut) == f"it holds {whole - 30:,} of its {whole:,} bytes"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"abc", "not a safetensors file"),
        (b"\xff" * 64, "not a safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", "Git LFS"),
    ],
)
def test_what_is_no_file_of_weights_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    assert told in str(broken(file))
