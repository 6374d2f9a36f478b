"""What cannot be merged: each a message that says what, where and what to do, and exit code 2."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from .conftest import CONFIG, TOKENIZER, Here, near, read, save, torch, toy


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.fixture
def refused(here: Here, tmp_path: Path) -> Here:
    """Merges, sees it refused, and that nothing is left that looks like a model."""

    def run(*sides: Path, alpha: str = "0.5", flags: tuple[str, ...] = ()) -> str:
        before = sorted(tmp_path.iterdir())
        done = here("merge", *sides, f"--alpha={alpha}", "--out", "m", *flags)
        assert done.code == 2
        assert done.out == ""
        assert sorted(tmp_path.iterdir()) == before
        return str(done.err)

    return run


def test_different_architectures(base: Path, tmp_path: Path, refused: Here) -> None:
    other = save(tmp_path / "other", near(toy()), config={"model_type": "another"})
    told = refused(base, other)
    assert "Different architectures" in told
    assert "toy" in told
    assert "another" in told


def test_different_key_sets_with_how_many_and_the_first_few(
    base: Path, tmp_path: Path, refused: Here
) -> None:
    told = refused(base, save(tmp_path / "other", near(toy(layers=9))))
    assert "only in the fine-tune: 12 of 23: text.layers.3.fc.bias, text.layers.3.fc.weight" in told
    assert "and 7 more" in told
    told = refused(save(tmp_path / "more", toy(layers=4)), base)
    assert "only in the base: 2 of 13 tensors: text.layers.3.fc.bias" in told


def test_different_shapes(base: Path, tmp_path: Path, refused: Here) -> None:
    other = near(toy())
    other["text.layers.1.fc.bias"] = torch.zeros(64)
    told = refused(base, save(tmp_path / "other", other))
    assert "of different shape: 1 (base / fine-tune): text.layers.1.fc.bias [32] / [64]" in told


def test_vocabularies_of_different_size(base: Path, tmp_path: Path, refused: Here) -> None:
    other = {**near(toy()), "embed_tokens.weight": torch.zeros(41, 32)}
    told = refused(base, save(tmp_path / "other", other))
    assert "vocabularies of different size (40 and 41 tokens in embed_tokens.weight)" in told


def test_vocabularies_of_one_size_and_other_tokens(
    base: Path, tmp_path: Path, here: Here, refused: Here
) -> None:
    vocabulary = {"model": {"vocab": {"a": 0, "c": 1, "b": 2}}, "added_tokens": []}
    other = save(tmp_path / "other", near(toy()), tokenizer=vocabulary)
    told = refused(base, other)
    assert "differ in 3 of 4 tokens (base / fine-tune): 1 ('b' / 'c'), 2 ('c' / 'b'), 3" in told
    flags = ("--alpha", "0.5", "--accept-vocabulary", "--out", "m")
    assert here("merge", base, other, *flags).code == 0


@pytest.mark.parametrize(
    "config",
    [
        {"quantization_config": {"quant_method": "bitsandbytes"}},
        {"text_config": {"quantization_config": {"quant_method": "awq"}}},
    ],
)
def test_quantised_by_the_configuration(
    base: Path, tmp_path: Path, refused: Here, config: dict[str, Any]
) -> None:
    told = refused(base, save(tmp_path / "other", near(toy()), config=config))
    assert "quantised" in told
    assert "quantization_config" in told


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("weight", (32, 32), "float8_e4m3fn"),
        ("qweight", (4, 32), "int32"),
        ("weight", (32, 16), "uint8"),
        ("weight_scale", (32,), "float32"),
    ],
)
def test_quantised_by_the_tensors(
    base: Path, tmp_path: Path, refused: Here, name: str, shape: tuple[int, ...], dtype: str
) -> None:
    name = f"text.layers.0.fc.{name}"
    tensor = torch.zeros(shape).to(getattr(torch, dtype))
    told = refused(base, save(tmp_path / "other", {**near(toy()), name: tensor}))
    assert "the weights are quantised: 1 of " in told
    assert name in told


def test_a_pickle_that_would_run_code(base: Path, tmp_path: Path, refused: Here) -> None:
    other = save(tmp_path / "other", toy())
    (other / "model.safetensors").unlink()
    torch.save({**toy(), "trap": Trap(tmp_path / "ran")}, other / "pytorch_model.bin")
    told = refused(base, other)
    assert "weights_only=True" in told
    assert "Re-running" not in told  # torch advises to read it without
    assert str(other / "pytorch_model.bin") in told
    assert not (tmp_path / "ran").exists()


def test_a_missing_shard(base: Path, tmp_path: Path, refused: Here) -> None:
    other = save(tmp_path / "other", near(toy()), shards=3)
    (other / "model-00002-of-00003.safetensors").unlink()
    told = refused(base, other)
    assert "1 of 3 shards are missing: model-00002-of-00003.safetensors" in told
    (other / "model.safetensors.index.json").unlink()
    assert "2 of the 3 shards" in refused(base, other)


def test_an_index_that_lies(base: Path, tmp_path: Path, refused: Here) -> None:
    other = save(tmp_path / "other", near(toy()), shards=2)
    index = other / "model.safetensors.index.json"
    told = json.loads(index.read_text())
    files = sorted(set(told["weight_map"].values()))
    names = list(told["weight_map"])
    swapped = {**told["weight_map"], names[0]: files[told["weight_map"][names[0]] == files[0]]}
    for wrong in (swapped, {**told["weight_map"], "no.such": files[0]}):
        index.write_text(json.dumps({"weight_map": wrong}))
        message = refused(base, other)
        assert f"{index}: is wrong about 1 of " in message
    del told["weight_map"][names[1]]
    index.write_text(json.dumps(told))
    assert f"leaves out 1 of 11 tensors that the shards hold: {names[1]}" in refused(base, other)
    index.write_text("{}")
    assert "has no weight_map" in refused(base, other)
    index.write_text(json.dumps({"weight_map": {"a": "../base/model.safetensors"}}))
    assert "outside its folder" in refused(base, other)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_nan_or_inf_with_tensor_and_place(
    tmp_path: Path, refused: Here, value: float, dtype: str, method: str
) -> None:
    state = toy(dtype=getattr(torch, dtype))
    base = save(tmp_path / "base", state)
    strange = near(state)
    strange["vision.layers.0.fc.weight"][550, 7] = value
    other = save(tmp_path / "other", strange)
    told = refused(base, other, alpha="0,0.5", flags=("--method", method))
    assert f"{other}: vision.layers.0.fc.weight holds {value} (element 275,007 of 300,000)" in told
    assert "--exclude" in told


def test_large_but_finite_weights_are_no_infinity(tmp_path: Path, here: Here) -> None:
    large = {"a.weight": torch.full((8,), 3e30)}
    base, tuned = (
        save(tmp_path / "b", large),
        save(tmp_path / "t", {"a.weight": -large["a.weight"]}),
    )
    assert here("merge", base, tuned, "--alpha", "0.5", "--out", "m").code == 0
    assert read(tmp_path / "m")["a.weight"].tolist() == [0] * 8


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_result_that_the_type_cannot_hold(tmp_path: Path, refused: Here, dtype: str) -> None:
    kind = getattr(torch, dtype)
    half = torch.finfo(kind).max / 2
    base = save(tmp_path / "base", {"a.weight": torch.full((4,), half, dtype=kind)})
    other = save(tmp_path / "other", {"a.weight": torch.full((4,), -half, dtype=kind)})
    told = refused(base, other, alpha="-50", flags=("--method", "task-arithmetic"))
    assert "a.weight: at α -50 it has values that" in told


def test_an_output_that_exists(base: Path, tuned: Path, tmp_path: Path, refused: Here) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine").write_text("kept")
    assert "--out m exists already" in refused(base, tuned)
    shutil.rmtree(tmp_path / "m")
    (tmp_path / "m").write_text("a file")
    assert "--out m exists already" in refused(base, tuned)


def test_too_little_disk_is_seen_before_anything_is_written(
    base: Path, tuned: Path, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10**6))
    done = here("merge", base, tuned, "--alpha", "0:1:0.1", "--out", "m")
    assert done.code == 2
    weights = 11 * (base / "model.safetensors").stat().st_size
    told = re.search(r"([\d.]+) MB are needed and 1.0 MB are free", done.err)
    assert told is not None, done.err
    assert weights < float(told[1]) * 1e6 < weights + 11 * 5e6
    assert not list(tmp_path.glob(".m*"))
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "was cut off inside its header"),
        (b"\xff" * 64, "was cut off inside its header"),
        (b"\x02\0\0\0\0\0\0\0[]", "not a JSON object"),
        (b"\x02\0\0\0\0\0\0\0{}", "hold no tensors"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is not a safetensors file"),
    ],
)
def test_a_file_that_is_no_safetensors(
    base: Path, tmp_path: Path, refused: Here, content: bytes, told: str
) -> None:
    other = save(tmp_path / "other", toy())
    (other / "model.safetensors").write_bytes(content)
    assert told in refused(base, other)


def test_a_file_that_was_cut_off(base: Path, tmp_path: Path, refused: Here) -> None:
    other = save(tmp_path / "other", toy())
    whole = (other / "model.safetensors").read_bytes()
    (other / "model.safetensors").write_bytes(whole[:-8])
    assert "was cut off" in refused(base, other)
    (other / "model.safetensors").write_bytes(whole + b"more")
    assert "holds more than its header says" in refused(base, other)


def test_a_header_that_contradicts_itself(base: Path, tmp_path: Path, refused: Here) -> None:
    other = save(tmp_path / "other", toy())
    for shape, offsets, told in (
        ([3], [0, 8], "take 12"),
        ([2], [4, 12], "a gap or overlap before 'a'"),
        (None, [0, 8], "describes 'a' wrongly"),
    ):
        text = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": offsets}}).encode()
        content = len(text).to_bytes(8, "little") + text + bytes(12)
        (other / "model.safetensors").write_bytes(content)
        assert told in refused(base, other)


def test_a_folder_without_weights_and_one_that_is_not_there(
    base: Path, tmp_path: Path, refused: Here
) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no weights" in refused(base, tmp_path / "empty")
    assert "No folder" in refused(base, tmp_path / "nowhere")
    assert "give the folder that holds it" in refused(base, base / "model.safetensors")


@pytest.mark.parametrize(
    ("alpha", "told"),
    [
        ("half", "'half' is not a number"),
        ("0:1", "START:STOP:STEP"),
        ("0:1:0.3", "do not reach 1, the last is 0.9"),
        ("0:1:-0.1", "START:STOP:STEP"),
        ("0:1:0.0001", "more than the 201"),
        ("1.5", "--method task-arithmetic"),
        ("nan", "is not a number"),
        (",", "No α"),
    ],
)
def test_an_alpha_that_is_none(
    base: Path, tuned: Path, refused: Here, alpha: str, told: str
) -> None:
    assert told in refused(base, tuned, alpha=alpha)


def test_methods_and_patterns_that_fit_nothing(base: Path, tuned: Path, refused: Here) -> None:
    assert "Did you mean 'slerp'?" in refused(base, tuned, flags=("--method", "slerpp"))
    said = refused(base, tuned, tuned, flags=("--method", "slerp"))
    assert "slerp takes one fine-tune, not 2" in said
    assert "--include 'visual.*' matches no tensor" in refused(
        base, tuned, flags=("--include", "visual.*")
    )
    assert "leave no tensor" in refused(base, tuned, flags=("--exclude", "*"))


def test_configurations_that_read_the_weights_otherwise_are_warned_of(
    base: Path, tmp_path: Path, here: Here
) -> None:
    other = save(tmp_path / "other", near(toy()), config={"rope_theta": 5.0, "use_cache": False})
    done = here("merge", base, other, "--alpha", "0.5", "--out", "m")
    assert done.code == 0
    assert "differ (1): rope_theta (None / 5.0)" in done.out


def test_the_toy_checkpoints_are_what_the_tests_say(base: Path) -> None:
    assert json.loads((base / "config.json").read_text()) == CONFIG
    assert json.loads((base / "tokenizer.json").read_text()) == TOKENIZER
