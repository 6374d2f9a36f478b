"""What merge takes for one tensor under two names, and what it does not guess."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.lora_config import fits_module
from mubench_gen.interpolation.merge.tied_weights import TIED_BY_DEFAULT, ties_embeddings

from .conftest import Here, State, near, read, save, torch, toy

TIED = {"tie_word_embeddings": True}


@pytest.fixture
def merged(here: Here, tmp_path: Path) -> Here:
    """Merges two checkpoints at α 0.5; what the refusal says, or nothing."""

    def run(base: Path, tuned: Path, *flags: str) -> str:
        done = here("merge", base, tuned, "--alpha", "0.5", "--out", "m", *flags)
        assert done.code == (2 if done.err and not (tmp_path / "m").exists() else 0), done.err
        return "" if done.code == 0 else str(done.err)

    return run


def without(state: State, *names: str) -> State:
    return {name: value for name, value in state.items() if name not in names}


def twice(state: State) -> State:
    """With an output layer that is the embedding."""
    return {**state, "lm_head.weight": state["embed_tokens.weight"].clone()}


def test_a_missing_tensor_is_named_though_another_has_its_bytes(
    tmp_path: Path, merged: Here
) -> None:
    """Two norms that are still all ones are two norms."""
    ones = {"vision.pre_layrnorm.weight": torch.ones(32), "vision.post.weight": torch.ones(32)}
    state = {**toy(), **ones}
    base = save(tmp_path / "base", state, config=TIED)
    lacking = without(near(state), "vision.pre_layrnorm.weight")
    other = save(tmp_path / "other", lacking, config=TIED)
    told = merged(base, other)
    assert "only in the base: 1 of 13 tensors: vision.pre_layrnorm.weight" in told
    told = merged(other, save(tmp_path / "all", state, config=TIED))
    assert "only in the fine-tune: 1 of 13: vision.pre_layrnorm.weight" in told


@pytest.mark.parametrize("missing", ["lm_head.weight", "embed_tokens.weight"])
@pytest.mark.parametrize("lacks", [0, 1])
def test_words_are_tied_by_the_configuration_of_the_side_that_has_them_once(
    tmp_path: Path, merged: Here, lacks: int, missing: str
) -> None:
    for tying, told in ((TIED, ""), ({"tie_word_embeddings": False}, missing), ({}, missing)):
        sides = []
        for number, state in enumerate((twice(toy()), twice(near(toy())))):
            stored = without(state, missing) if number == lacks else state
            config = tying if number == lacks else TIED
            sides.append(save(tmp_path / f"{len(told)}{tying}{number}", stored, config=config))
        found = merged(*sides)
        assert told in found
        assert bool(told) == bool(found)
        if not told:
            assert (tmp_path / "m").rename(tmp_path / "done")


def test_an_output_layer_of_its_own_is_no_tied_one(tmp_path: Path, merged: Here) -> None:
    """Whatever the configurations say: it would be lost, or the embedding put in its place."""
    own = {**twice(near(toy())), "lm_head.weight": torch.randn(40, 32)}
    sides = {
        "own": save(tmp_path / "own", own, config=TIED),
        "once": save(tmp_path / "once", toy(), config=TIED),
        "twice": save(tmp_path / "twice", twice(toy()), config=TIED),
    }
    assert "only in the fine-tune: 1 of 12: lm_head.weight" in merged(sides["once"], sides["own"])
    assert "only in the base: 1 of 12 tensors" in merged(sides["own"], sides["once"])
    assert "is its embedding (tie_word_embeddings)" in merged(sides["twice"], sides["own"])


def test_storage_that_a_pickle_shares_is_tied(tmp_path: Path, merged: Here) -> None:
    state = toy()
    base = save(tmp_path / "base", state)
    (base / "model.safetensors").unlink()
    shared = {**state, "copy.weight": state["embed_tokens.weight"]}
    torch.save(shared, base / "pytorch_model.bin")
    assert merged(base, save(tmp_path / "other", near(state))) == ""
    found = read(tmp_path / "m")
    assert torch.equal(found["copy.weight"], found["embed_tokens.weight"])
    (tmp_path / "m").rename(tmp_path / "done")
    apart = {**state, "copy.weight": state["embed_tokens.weight"].clone()}
    torch.save(apart, base / "pytorch_model.bin")
    assert "only in the base: 1 of 12 tensors: copy.weight" in merged(base, tmp_path / "other")


def test_what_a_safetensors_file_says_that_it_left_out_is_tied(
    tmp_path: Path, merged: Here
) -> None:
    from safetensors.torch import save_file

    state = toy()
    copied = {**state, "copy.weight": state["embed_tokens.weight"].clone()}
    base = save(tmp_path / "base", copied)
    other = save(tmp_path / "other", near(state))
    assert "copy.weight" in merged(base, other)
    told = {"format": "pt", "copy.weight": "embed_tokens.weight"}
    save_file(near(state), other / "model.safetensors", told)
    assert merged(base, other) == ""


def test_what_transformers_ties_by_default_is_in_the_table() -> None:
    mapping = pytest.importorskip("transformers").models.auto.configuration_auto.CONFIG_MAPPING
    for name in TIED_BY_DEFAULT & set(mapping):
        assert mapping[name]().tie_word_embeddings, name
    assert not ties_embeddings({"model_type": "llava"})
    assert ties_embeddings({"model_type": "gemma3"})
    assert not ties_embeddings({"model_type": "gemma3", "tie_word_embeddings": False})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", torch.arange(3)),
        ("vision.table", torch.ones(3, 3, dtype=torch.int64)),
        ("position_ids", torch.ones(16)),
    ],
)
def test_only_known_buffers_may_be_missing(
    tmp_path: Path, merged: Here, name: str, value: Any
) -> None:
    """Positions are made by the model itself; other integers, or floats of that name, are not."""
    state = {**toy(), name: value}
    base = save(tmp_path / "base", state)
    assert name in merged(base, save(tmp_path / "other", without(near(state), name)))


def test_integers_are_copied_and_never_averaged(tmp_path: Path, here: Here) -> None:
    one, other = toy(), near(toy())
    other["position_ids"], other["mask"] = one["position_ids"] + 10, ~one["mask"]
    sides = save(tmp_path / "base", one), save(tmp_path / "other", other)
    done = here("merge", *sides, "--alpha", "0,0.5,1", "--out", "m", "--json")
    assert sorted(done.document["copied"]) == ["mask", "position_ids"]
    for alpha, side in (("0", one), ("0.5", one), ("1", other)):
        found = read(tmp_path / "m" / f"alpha-{alpha}")
        assert all(torch.equal(found[name], side[name]) for name in ("mask", "position_ids"))


def test_integers_in_one_and_floats_in_the_other_are_refused(tmp_path: Path, merged: Here) -> None:
    other = {**near(toy()), "text.layers.1.fc.bias": torch.ones(32, dtype=torch.int64)}
    told = merged(save(tmp_path / "base", toy()), save(tmp_path / "other", other))
    assert "integers in one and floats in the other: 1: text.layers.1.fc.bias" in told


def test_a_name_in_two_shards_is_refused(tmp_path: Path, merged: Here) -> None:
    base = save(tmp_path / "base", toy())
    other = save(tmp_path / "other", near(toy()), shards=2)
    (other / "model.safetensors.index.json").unlink()
    first, second = sorted(other.glob("*.safetensors"))
    second.write_bytes(first.read_bytes())
    assert "which another shard holds too" in merged(base, other)


def test_a_name_twice_in_one_header_is_refused(tmp_path: Path, merged: Here) -> None:
    base = save(tmp_path / "base", {"a": torch.ones(2)})
    other = save(tmp_path / "other", {"a": torch.ones(2)})
    place = '"shape":[4],"data_offsets":[0,8]}'
    text = ('{"a":{"dtype":"F16",' + place + ',"a":{"dtype":"BF16",' + place + "}").encode()
    (other / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    assert "has a name twice" in merged(base, other)


def test_an_index_that_names_a_shard_without_the_tensor_is_refused(
    tmp_path: Path, merged: Here
) -> None:
    base = save(tmp_path / "base", toy())
    other = save(tmp_path / "other", near(toy()), shards=2)
    index = other / "model.safetensors.index.json"
    told = json.loads(index.read_text())["weight_map"]
    files = sorted(set(told.values()))
    index.write_text(json.dumps({"weight_map": dict.fromkeys(told, files[0])}))
    assert "is wrong about" in merged(base, other)


def test_of_two_kinds_of_files_the_one_that_transformers_reads_and_the_digest_is_of_is_merged(
    tmp_path: Path, here: Here
) -> None:
    from mubench_gen.engines.digest import weight_files

    base = save(tmp_path / "base", toy())
    other = save(tmp_path / "other", near(toy()))
    (other / "model.safetensors").rename(other / "open_clip_model.safetensors")
    torch.save(toy(), other / "pytorch_model.bin")
    assert [file.name for file in weight_files(other)] == ["pytorch_model.bin"]
    done = here("merge", base, other, "--alpha", "1", "--out", "m", "--json")
    assert done.document["weights_format"][str(other)].startswith("pickle")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text.ln_final.weight": torch.ones(32)}, "Two tensors of one checkpoint become"),
        ({"transformer.resblocks.0.attn.in_proj_weight": torch.ones(97, 32)}, "not a matrix of"),
        ({"transformer.resblocks.0.attn.in_proj_bias": torch.tensor(1.0)}, "not a matrix of"),
        ({"text_projection": torch.ones(32)}, "is not a projection of a CLIP"),
    ],
)
def test_names_and_shapes_that_the_other_layout_cannot_hold_are_refused(
    change: State, told: str
) -> None:
    from mubench_gen.interpolation.merge.clip_layouts import to_transformers
    from mubench_gen.interpolation.merge.tensors import MemoryTensor

    from .test_layouts import OPEN_CLIP

    shapes = {**OPEN_CLIP, **{name: tuple(value.shape) for name, value in change.items()}}
    tensors = {name: MemoryTensor("F32", shape, None) for name, shape in shapes.items()}  # type: ignore[arg-type]
    with pytest.raises(MergeError, match=told):
        to_transformers(tensors)


@pytest.mark.parametrize("part", ["q_proj", "k_proj", "v_proj"])
def test_queries_keys_and_values_are_stacked_where_all_three_are_there_and_alike(part: str) -> None:
    from mubench_gen.interpolation.merge.clip_layouts import to_open_clip
    from mubench_gen.interpolation.merge.tensors import MemoryTensor, Tensor

    block = "text_model.encoder.layers.0.self_attn"
    made: dict[str, Tensor] = {
        f"{block}.{one}.weight": MemoryTensor("F32", (8, 8), None)  # type: ignore[arg-type]
        for one in ("q_proj", "k_proj", "v_proj")
    }
    assert to_open_clip(made)["transformer.resblocks.0.attn.in_proj_weight"].shape == (24, 8)
    name = f"{block}.{part}.weight"
    for dtype, shape in (("F16", (8, 8)), ("F32", (8, 4))):
        other = {**made, name: MemoryTensor(dtype, shape, None)}  # type: ignore[arg-type]
        with pytest.raises(MergeError, match="not of one type and shape"):
            to_open_clip(other)
    del made[name]
    with pytest.raises(MergeError, match=f"has no {name} beside it"):
        to_open_clip(made)


def lora(folder: Path, modules: State, **config: Any) -> Path:
    from safetensors.torch import save_file

    folder.mkdir()
    told = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **config}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    save_file(modules, folder / "adapter_model.safetensors")
    return folder


def pair(module: str, **parts: Any) -> State:
    made = {"A": torch.ones(2, 32), "B": torch.ones(32, 2), **parts}
    return {f"base_model.model.{module}.lora_{k}.weight": v for k, v in made.items()}


FC = "text.layers.0.fc"


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        (pair("model.text.layers.1.fc") | pair("text.layers.1.fc"), "two modules of the adapter"),
        (pair("vision.layers.1.fc"), "no tensor that is clearly its weight"),
        (pair("layers.0.fc"), "no tensor that is clearly its weight"),
        ({**pair(FC), f"{FC}.lora_A.weight": torch.zeros(2, 32),
          f"{FC}.lora_B.weight": torch.zeros(32, 2)}, "twice"),
        ({f"{FC}.lora_B.weight": torch.zeros(32, 2)}, "no pair of numeric matrices"),
        (pair(FC, A=torch.ones(0, 32), B=torch.ones(32, 0)), "no pair of numeric matrices"),
        (pair(FC, A=torch.ones(2, 32, dtype=torch.int64)), "no pair of numeric matrices"),
        (pair(FC, A=torch.full((2, 32), float("nan"))), "holds NaN or Inf"),
    ],
)  # fmt: skip
def test_an_adapters_modules_are_found_by_name_and_each_once(
    tmp_path: Path, merged: Here, tensors: State, told: str
) -> None:
    """Not by how a name ends: the text tower's layer 0 is not that of the vision tower."""
    base = save(tmp_path / "base", toy())
    assert told in merged(base, lora(tmp_path / "adapter", tensors))


def test_parents_that_versions_of_transformers_rename_are_known(
    tmp_path: Path, merged: Here
) -> None:
    state = {
        "language_model.model.layers.0.fc.weight": torch.zeros(32, 32),
        "vision_tower.vision_model.layers.0.fc.weight": torch.zeros(32, 32),
    }
    base = save(tmp_path / "base", state)
    modules = ("model.language_model.layers.0.fc", "model.vision_tower.layers.0.fc")
    tensors = {**pair(modules[0]), **pair(modules[1], B=torch.full((32, 2), 3.0))}
    assert merged(base, lora(tmp_path / "adapter", tensors)) == ""
    found = read(tmp_path / "m")
    for name, value in zip(state, (2.0, 6.0), strict=True):
        assert torch.equal(found[name], torch.full((32, 32), value)), name


def test_an_adapter_of_words_that_are_tied_is_refused(tmp_path: Path, merged: Here) -> None:
    base = save(tmp_path / "base", toy(), config=TIED)
    words = pair("embed_tokens", B=torch.ones(40, 2))
    assert "embedding and output layer in one" in merged(base, lora(tmp_path / "a", words))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"lora_alpha": "4"}, "lora_alpha"),
        ({"lora_alpha": float("inf")}, "lora_alpha"),
        ({"lora_alpha": 2**1024 - 1}, "lora_alpha"),
        ({"lora_alpha": 10**400}, "a number has too many digits"),
        ({"alpha_pattern": [1]}, "alpha_pattern is not an object"),
        ({"alpha_pattern": {"(": 1}}, "not a regular expression"),
        ({"alpha_pattern": {"((a|.)+)+b": 1}}, "too complex"),
        ({"alpha_pattern": {".*.*.*.*b": 1}}, "too complex"),
        ({"modules_to_save": 5}, "modules_to_save: 5"),
    ],
)
def test_a_configuration_of_an_adapter_that_says_nothing_usable_is_refused(
    tmp_path: Path, merged: Here, config: dict[str, Any], told: str
) -> None:
    base = save(tmp_path / "base", toy())
    assert told in merged(base, lora(tmp_path / "adapter", pair(FC), **config))


def test_a_pattern_of_modules_never_takes_for_ever() -> None:
    assert fits_module("q_proj", "layers.0.q_proj")
    assert not fits_module("q_proj", "layers.0.my_q_proj")
    assert fits_module(r"layers\.\d+\.(q|k)_proj", "model.layers.11.k_proj")
    began = time.process_time()
    for pattern in ("a*a*a*b", ".*.*.*b", "(a|aa|b)*", "(.*).*.*b"):
        try:
            assert not fits_module(pattern, "a" * 199 + "c")
        except MergeError:
            continue
    assert time.process_time() - began < 20
