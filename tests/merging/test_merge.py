"""`merge`: θ(α) against torch's own arithmetic, and what comes along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Here, State, assert_same, near, read, save, torch, toy

DTYPES = ("float32", "bfloat16", "float16", "float64")


def mixed(one: Any, other: Any, alpha: float) -> Any:
    """(1 − α)·one + α·other in float32, rounded once."""
    kind = torch.float64 if one.dtype == torch.float64 else torch.float32
    return ((1 - alpha) * one.to(kind) + alpha * other.to(kind)).to(one.dtype)


def expected(one: State, other: State, alpha: float) -> State:
    return {
        name: mixed(value, other[name], alpha) if value.is_floating_point() else value
        for name, value in one.items()
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_tensor_is_the_mean_rounded_once(tmp_path: Path, here: Here, dtype: str) -> None:
    one = toy(dtype=getattr(torch, dtype))
    other = near(one)
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", other)
    done = here("merge", base, tuned, "--alpha", "0:1:0.25", "--out", "m")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "alpha-0", "alpha-0.25", "alpha-0.5", "alpha-0.75", "alpha-1",
    ]  # fmt: skip
    for alpha in ("0.25", "0.5", "0.75"):
        assert_same(read(tmp_path / "m" / f"alpha-{alpha}"), expected(one, other, float(alpha)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["linear", "slerp", "task-arithmetic"])
def test_both_ends_are_the_files_themselves(
    tmp_path: Path, here: Here, dtype: str, method: str
) -> None:
    one = toy(dtype=getattr(torch, dtype))
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", near(one))
    assert here("merge", base, tuned, "--alpha", "0,1", "--method", method, "--out", "m").code == 0
    for alpha, side in (("0", base), ("1", tuned)):
        assert_same(read(tmp_path / "m" / f"alpha-{alpha}"), read(side))


def test_one_alpha_is_the_folder_itself_with_all_that_a_model_needs(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    (tuned / "chat_template.jinja").write_text("another")
    done = here("merge", base, tuned, "--alpha", "0.5", "--out", "m", "--json")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "chat_template.jinja", "config.json", "merge.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        assert (tmp_path / "m" / name).read_bytes() == (base / name).read_bytes()
    assert done.document["folders"] == {"0.5": "m"}
    assert "chat_template.jinja" in " ".join(done.document["notes"])


def test_the_fine_tunes_files_come_along_where_asked(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    (tuned / "chat_template.jinja").write_text("another")
    here("merge", base, tuned, "--alpha", "1", "--out", "m", "--carry-from", "finetuned")
    assert (tmp_path / "m" / "chat_template.jinja").read_text() == "another"


def test_shards_keep_the_bases_layout_whatever_the_fine_tunes(tmp_path: Path, here: Here) -> None:
    one = toy()
    base = save(tmp_path / "base", one, shards=3)
    tuned = save(tmp_path / "tuned", near(one), shards=2)
    assert here("merge", base, tuned, "--alpha", "0.5", "--out", "m").code == 0
    assert_same(read(tmp_path / "m"), expected(one, near(one), 0.5))
    for file in base.glob("*.safetensors"):
        names = [_names(path / file.name) for path in (base, tmp_path / "m")]
        assert names[0] == names[1]


def _names(file: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        assert opened.metadata() == {"format": "pt"}
        return sorted(opened.keys())


def test_slerp_keeps_to_the_arc(tmp_path: Path, here: Here) -> None:
    one, other = {"a.weight": torch.tensor([2.0, 0.0])}, {"a.weight": torch.tensor([0.0, 2.0])}
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", other)
    here("merge", base, tuned, "--alpha", "0.5", "--method", "slerp", "--out", "m")
    found = read(tmp_path / "m")["a.weight"]
    torch.testing.assert_close(found, torch.tensor([2.0, 2.0]) / 2**0.5)


def test_slerp_is_the_straight_line_between_tensors_of_one_direction(
    tmp_path: Path, here: Here
) -> None:
    one, other = {"a.w": torch.tensor([1.0, 0.0])}, {"a.w": torch.tensor([3.0, 0.0])}
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", other)
    here("merge", base, tuned, "--alpha", "0.5", "--method", "slerp", "--out", "m")
    assert read(tmp_path / "m")["a.w"].tolist() == [2.0, 0.0]


def test_task_arithmetic_goes_beyond_the_ends_and_adds_up_fine_tunes(
    tmp_path: Path, here: Here
) -> None:
    one = toy()
    sides = [save(tmp_path / "base", one)]
    sides += [save(tmp_path / f"t{seed}", near(one, seed)) for seed in (1, 2)]
    done = here("merge", *sides, "--alpha=-0.5,1.5", "--method", "task-arithmetic", "--out", "m")
    assert done.code == 0, done.err
    for alpha in (-0.5, 1.5):
        found = read(tmp_path / "m" / f"alpha-{alpha}")
        for name, value in one.items():
            if value.is_floating_point():
                moved = sum(near(one, seed)[name] - value for seed in (1, 2))
                torch.testing.assert_close(found[name], value + alpha * moved)


def test_lines_grows_with_depth_in_each_tower(tmp_path: Path, here: Here) -> None:
    one = toy()
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", near(one))
    here("merge", base, tuned, "--alpha", "0.2", "--method", "lines", "--out", "m")
    found, other = read(tmp_path / "m"), near(one)
    scales = {
        "embed_tokens.weight": 0.2,
        "text.layers.0.fc.weight": 0.2,
        "text.layers.1.fc.weight": 0.6,
        "text.layers.2.fc.weight": 1.0,
        "vision.layers.0.fc.weight": 0.2,  # one block alone is the first
    }
    for name, scale in scales.items():
        torch.testing.assert_close(found[name], one[name] + scale * (other[name] - one[name]))


def test_a_soup_goes_towards_the_mean_of_the_fine_tunes(tmp_path: Path, here: Here) -> None:
    one = toy()
    sides = [save(tmp_path / "base", one)]
    sides += [save(tmp_path / f"t{seed}", near(one, seed)) for seed in (1, 2, 3)]
    assert here("merge", *sides, "--alpha", "0.5", "--out", "m").code == 0
    found = read(tmp_path / "m")
    for name, value in one.items():
        if value.is_floating_point():
            mean = sum(near(one, seed)[name] for seed in (1, 2, 3)) / 3
            torch.testing.assert_close(found[name], (value + mean) / 2)


def test_patterns_choose_what_is_merged_and_the_rest_stays_the_bases(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    done = here(
        "merge", base, tuned, "--alpha", "1", "--include", "text.*", "--exclude", "*.bias",
        "--out", "m", "--json",
    )  # fmt: skip
    found, one, other = read(tmp_path / "m"), read(base), read(tuned)
    merged = {f"text.layers.{layer}.fc.weight" for layer in range(3)}
    for name, value in found.items():
        assert torch.equal(value, other[name] if name in merged else one[name]), name
    assert done.document["tensors"]["merged"] == 3
    assert done.document["tensors"]["skipped"] == len(one) - 3


def test_the_report_says_what_was_done_and_how_far_apart_the_two_are(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    done = here("merge", base, tuned, "--alpha", "0,0.5", "--out", "m", "--json")
    told, stored = done.document, json.loads((tmp_path / "m/alpha-0.5/merge.json").read_text())
    one, other = read(base), read(tuned)
    assert told["alphas"] == ["0", "0.5"]
    assert stored["alpha"] == "0.5"
    assert stored["blocks"] == told["blocks"]
    assert told["tensors"] == {"merged": 9, "identical": 0, "copied": 2, "skipped": 0}
    assert sorted(told["copied"]) == ["mask", "position_ids"]
    blocks = {block["name"]: block for block in told["blocks"]}
    names = ["text.layers.1.fc.weight", "text.layers.1.fc.bias"]
    first, second = (torch.cat([side[n].flatten() for n in names]) for side in (one, other))
    block = blocks["text.layers.1"]
    assert block["tensors"] == 2
    assert block["parameters"] == first.numel()
    assert block["distance"] == pytest.approx(
        float((second - first).norm() / first.norm()), rel=1e-4
    )
    assert block["cosine"] == pytest.approx(
        float(first @ second / first.norm() / second.norm()), rel=1e-4
    )
    assert told["warnings"] == []


def test_two_models_trained_apart_look_unrelated(tmp_path: Path, here: Here, base: Path) -> None:
    other = save(tmp_path / "other", toy(seed=9))
    done = here("merge", base, other, "--alpha", "0.5", "--out", "m")
    assert done.code == 0
    assert "look unrelated" in done.out


def test_what_is_equal_in_both_stays_as_it_is(tmp_path: Path, here: Here) -> None:
    one = toy()
    other = {n: v if n.startswith("vision") else near(one)[n] for n, v in one.items()}
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", other)
    done = here("merge", base, tuned, "--alpha", "0.3", "--out", "m", "--json")
    found = read(tmp_path / "m")["vision.layers.0.fc.weight"]
    assert torch.equal(found, one["vision.layers.0.fc.weight"])
    assert done.document["tensors"]["identical"] == 1


def test_tied_weights_stay_tied_whoever_stores_them_twice(tmp_path: Path, here: Here) -> None:
    one = toy()
    other = near(one)
    tying = {"tie_word_embeddings": True}
    for name, twice in (("base", (True, False)), ("tuned", (False, True))):
        sides = []
        for side, state, both in zip(("b", "t"), (one, other), twice, strict=True):
            tied = {**state, "lm_head.weight": state["embed_tokens.weight"].clone()}
            told = tying if side == "t" else {"text_config": tying}
            folder = tmp_path / f"{name}-{side}"
            sides.append(save(folder, tied if both else state, config=told))
        done = here("merge", *sides, "--alpha", "0.5", "--out", f"m-{name}")
        assert done.code == 0, done.err
        assert "is tied to embed_tokens.weight" in done.out
        found = read(tmp_path / f"m-{name}")
        assert ("lm_head.weight" in found) is twice[0]
        if twice[0]:
            assert torch.equal(found["lm_head.weight"], found["embed_tokens.weight"])
        mean = mixed(one["embed_tokens.weight"], other["embed_tokens.weight"], 0.5)
        assert torch.equal(found["embed_tokens.weight"], mean)


def test_a_buffer_that_one_side_lacks_is_no_difference(tmp_path: Path, here: Here) -> None:
    one, other = toy(), near(toy())
    del other["position_ids"]
    other["embeddings.position_ids"] = torch.arange(3)
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", other)
    done = here("merge", base, tuned, "--alpha", "0.5", "--out", "m")
    assert done.code == 0, done.err
    found = read(tmp_path / "m")
    assert found.keys() == one.keys()
    assert torch.equal(found["position_ids"], one["position_ids"])
    assert "position_ids" in done.out
    assert "embeddings.position_ids" in done.out


def test_types_that_differ_are_said_and_both_ends_kept_exactly(tmp_path: Path, here: Here) -> None:
    one = toy(dtype=torch.bfloat16)
    other = near(toy())
    base, tuned = save(tmp_path / "base", one), save(tmp_path / "tuned", other)
    done = here("merge", base, tuned, "--alpha", "0,0.5,1", "--out", "m")
    assert "9 of 11 tensors are BF16 in the base and F32 in a fine-tune: stored as F32" in done.out
    floats = [name for name, value in one.items() if value.is_floating_point()]
    for alpha, side in (("0", one), ("1", other)):
        found = read(tmp_path / "m" / f"alpha-{alpha}")
        for name in floats:
            assert torch.equal(found[name], side[name].float()), name
    half = read(tmp_path / "m/alpha-0.5")
    for name in floats:
        assert torch.equal(half[name], mixed(one[name].float(), other[name], 0.5)), name


def test_weights_in_pickle_become_safetensors_and_are_recorded(
    tmp_path: Path, here: Here, tuned: Path
) -> None:
    base = save(tmp_path / "pickled", {"x": torch.zeros(1)})
    (base / "model.safetensors").unlink()
    torch.save(toy(), base / "pytorch_model.bin")
    done = here("merge", base, tuned, "--alpha", "0,0.5", "--out", "m", "--json")
    assert done.code == 0, done.err
    assert done.document["weights_format"][str(base)] == "pickle, read with weights_only=True"
    assert_same(read(tmp_path / "m/alpha-0"), toy())
    assert_same(read(tmp_path / "m/alpha-0.5"), expected(toy(), near(toy()), 0.5))


def test_the_result_can_be_the_base_of_another_merge(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    here("merge", base, tuned, "--alpha", "0.5", "--out", "m")
    assert here("merge", "m", tuned, "--alpha", "0", "--out", "again").code == 0
    assert_same(read(tmp_path / "again"), read(tmp_path / "m"))


def test_a_merged_checkpoint_has_the_digests_of_an_equal_one(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    from mubench_gen.engines import digest_checkpoint

    here("merge", base, tuned, "--alpha", "0", "--out", "m")
    found, own = digest_checkpoint(tmp_path / "m"), digest_checkpoint(base)
    assert found is not None
    assert own is not None
    assert found.settings == own.settings
