"""A LoRA out of a whole fine-tune, against numpy's singular values and PEFT's own arithmetic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.packages import package

from mubench_gen.interpolation.merge.extract import cut, targets
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import Here, read, torch

transformers = package("transformers")
peft = package("peft", "peft is not installed")

LLAVA, FINETUNED = WEIGHTS / "llava", WEIGHTS / "llava-finetuned"


@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (9, 9)])
@pytest.mark.parametrize("rank", [1, 4, 40])
def test_a_cut_is_the_singular_value_decomposition_s(shape: tuple[int, int], rank: int) -> None:
    matrix = np.random.default_rng(0).normal(size=shape)
    down, up = cut(matrix, rank)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = (left[:, :rank] * values[:rank]) @ right[:rank]
    assert (down.shape, up.shape) == ((rank, shape[1]), (shape[0], rank))
    np.testing.assert_allclose(up @ down, kept, atol=1e-5)
    missed = np.linalg.norm(matrix - up.astype(float) @ down)
    np.testing.assert_allclose(missed, np.sqrt((values[rank:] ** 2).sum()), atol=1e-5)


def test_a_matrix_of_a_lower_rank_is_cut_without_nonsense() -> None:
    matrix = np.outer(np.arange(5.0), np.arange(7.0))
    down, up = cut(matrix, 3)
    np.testing.assert_allclose(up @ down, matrix, atol=1e-5)
    assert np.isfinite(down).all()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A small language model, and a fine-tune of some of its linear layers."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=32,
        bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    model.save_pretrained(tmp_path / "base")
    for name, parameter in model.named_parameters():
        if "layers.1.self_attn" in name or "layers.0.mlp" in name:
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(tmp_path / "finetuned")
    return tmp_path / "base", tmp_path / "finetuned"


def logits(model: Any) -> Any:
    with torch.inference_mode():
        return model.eval()(input_ids=torch.arange(3, 15)[None]).logits[0]


def test_an_adapter_of_full_rank_is_the_fine_tune(
    pair: tuple[Path, Path], here: Here, tmp_path: Path
) -> None:
    base, finetuned = pair
    done = here("merge", base, finetuned, "--extract-lora", "32", "--out", "lora", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert {layer["name"] for layer in told["layers"]} == {"model.layers.0", "model.layers.1"}
    assert told["error"] < 1e-6
    auto = transformers.AutoModelForCausalLM
    adapted = peft.PeftModel.from_pretrained(auto.from_pretrained(base), tmp_path / "lora")
    expected = logits(auto.from_pretrained(finetuned))
    torch.testing.assert_close(logits(adapted), expected, atol=1e-4, rtol=0)
    assert (expected - logits(auto.from_pretrained(base))).abs().max() > 0.05


def test_errors_are_those_of_what_was_written(here: Here, tmp_path: Path) -> None:
    chosen = ("--include", "language_model.*", "--json")
    done = here("merge", LLAVA, FINETUNED, "--extract-lora", "8", "--out", "lora", *chosen)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    base, finetuned = (read(folder) for folder in (LLAVA, FINETUNED))
    written = read(tmp_path / "lora")
    module = told["modules"][3]
    name = f"{module['name']}.weight"
    difference = finetuned[name].double() - base[name].double()
    down, up = (
        written[f"base_model.model.{module['name']}.lora_{part}.weight"].double() for part in "AB"
    )
    missed = torch.linalg.norm(difference - up @ down) / torch.linalg.norm(difference)
    assert module["error"] == pytest.approx(float(missed), abs=1e-6)
    values = torch.linalg.svdvals(difference)
    best = torch.sqrt((values[8:] ** 2).sum() / (values**2).sum())
    assert module["error"] == pytest.approx(float(best), abs=1e-6)
    assert all(one["name"].startswith("language_model.") for one in told["modules"])
    assert "language_model.model.embed_tokens.weight" in told["left_out"]
    assert told["error"] > module["error"]  # embeddings count too
    assert json.loads((tmp_path / "lora/merge.json").read_text())["layers"] == told["layers"]


def test_what_was_extracted_is_scaled_and_merged_as_any_adapter(here: Here) -> None:
    chosen = ("--include", "language_model.*")
    assert (
        here("merge", LLAVA, FINETUNED, "--extract-lora", "4", "--out", "lora", *chosen).code == 0
    )
    done = here("merge", LLAVA, "lora", "--alpha", "0,1", "--adapters", "--out", "scaled", "--json")
    assert len(json.loads(done.out)["modules"]) == 28
    assert here("merge", LLAVA, "lora", "--alpha", "0.5", "--out", "merged").code == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--alpha", "0.5"), "--alpha does not go with --extract-lora"),
        (("--adapters",), "--adapters does not go with --extract-lora"),
        (("--method", "lines"), "--method does not go with"),
        (("--include", "*norm*"), "No weight of a linear layer differs"),
    ],
)
def test_what_makes_no_adapter_is_refused(
    more: tuple[str, ...], told: str, here: Here, tmp_path: Path
) -> None:
    done = here("merge", LLAVA, FINETUNED, "--extract-lora", "4", "--out", "lora", *more)
    assert (done.code, told in done.err) == (2, True), done.err
    assert not (tmp_path / "lora").exists()


def test_without_an_alpha_nothing_is_merged(here: Here) -> None:
    done = here("merge", LLAVA, FINETUNED, "--out", "merged")
    assert (done.code, "No α: give --alpha" in done.err) == (2, True), done.err


def test_names_of_files_find_the_modules_of_a_model() -> None:
    import re

    pattern = targets(
        ["language_model.model.layers.0.mlp.up_proj", "language_model.model.layers.2.mlp.up_proj",
         "vision_tower.vision_model.encoder.layers.1.mlp.fc1", "lm_head"]
    )  # fmt: skip
    for there in ("model.language_model.layers.2.mlp.up_proj", "lm_head",
                  "model.vision_tower.encoder.layers.1.mlp.fc1"):  # fmt: skip
        assert re.fullmatch(pattern, there), there
    for other in ("model.language_model.layers.1.mlp.up_proj",
                  "model.vision_tower.encoder.layers.0.mlp.fc1"):  # fmt: skip
        assert not re.fullmatch(pattern, other), other
