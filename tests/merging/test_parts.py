"""A fine-tune that is only the base's language model or vision tower, or has other prefixes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.packages import package

from .conftest import Here, State, assert_same, near, read, save, torch

transformers = package("transformers")

TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 100}  # fmt: skip
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
          "num_attention_heads": 2, "image_size": 28, "patch_size": 14}  # fmt: skip
ROPE = {"type": "mrope", "mrope_section": [2, 3, 3]}
QWEN = {"depth": 2, "num_heads": 2, "hidden_size": 32}
# The model, its configuration, its language model, and that one's configuration.
MODELS: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "llava": (
        "Llava",
        {"text_config": {**TEXT, "model_type": "llama"},
         "vision_config": {**VISION, "model_type": "clip_vision_model"}},
        "Llama", TEXT,
    ),
    "qwen2_vl": (
        "Qwen2VL",
        {"text_config": {**TEXT, "rope_scaling": ROPE},
         "vision_config": {**QWEN, "embed_dim": 32, "mlp_ratio": 2}},
        "Qwen2", TEXT,
    ),
    "qwen3_vl": (
        "Qwen3VL",
        {"text_config": {**TEXT, "head_dim": 16},
         "vision_config": {**QWEN, "intermediate_size": 48, "out_hidden_size": 32,
                           "deepstack_visual_indexes": [0]}},
        "Qwen3", {**TEXT, "head_dim": 16},
    ),
    "gemma3": (
        "Gemma3",
        {"text_config": {**TEXT, "head_dim": 16}, "vision_config": VISION},
        "Gemma3", {**TEXT, "head_dim": 16},
    ),
    "smolvlm": (
        "SmolVLM",
        {"text_config": {**TEXT, "model_type": "llama"}, "vision_config": VISION},
        "Llama", TEXT,
    ),
    "mistral3": (
        "Mistral3",
        {"text_config": {**TEXT, "model_type": "mistral", "head_dim": 16},
         "vision_config": {**VISION, "model_type": "pixtral", "head_dim": 16}},
        "Mistral", {**TEXT, "head_dim": 16},
    ),
    "internvl": (
        "InternVL",
        {"text_config": {**TEXT, "model_type": "qwen2"},
         "vision_config": {**VISION, "image_size": [28, 28], "patch_size": [14, 14]}},
        "Qwen2", TEXT,
    ),
    "paligemma": (
        "PaliGemma",
        {"text_config": {**TEXT, "model_type": "gemma", "head_dim": 16},
         "vision_config": {**VISION, "model_type": "siglip_vision_model"}},
        "Gemma", {**TEXT, "head_dim": 16},
    ),
}  # fmt: skip


def made(folder: Path, model: str, config: str, settings: dict[str, Any], seed: int = 0) -> Path:
    """A checkpoint of random weights that transformers itself writes."""
    torch.manual_seed(seed)
    getattr(transformers, model)(getattr(transformers, config)(**settings)).save_pretrained(folder)
    return folder


def moved(folder: Path, source: Path) -> Path:
    """A fine-tune of it."""
    config = json.loads((source / "config.json").read_text())
    return save(folder, near(read(source), size=0.01), config=config, tokenizer={})


@pytest.fixture
def llava(tmp_path: Path) -> Path:
    return made(
        tmp_path / "vlm", "LlavaForConditionalGeneration", "LlavaConfig", MODELS["llava"][1]
    )


def halfway(one: State, other: State, pairs: dict[str, str]) -> State:
    """The base with the named tensors half way to those of the other."""
    return {
        name: 0.5 * value + 0.5 * other[pairs[name]] if name in pairs else value
        for name, value in one.items()
    }


@pytest.mark.first(3)
@pytest.mark.parametrize("family", MODELS)
def test_a_fine_tune_of_the_language_model_is_found_in_the_base(
    tmp_path: Path, here: Here, family: str
) -> None:
    whole, settings, text, own = MODELS[family]
    base = made(tmp_path / "vlm", f"{whole}ForConditionalGeneration", f"{whole}Config", settings)
    kind = "Gemma3TextConfig" if text == "Gemma3" else f"{text}Config"
    tuned = made(tmp_path / "text", f"{text}ForCausalLM", kind, own)
    refused = here("merge", base, tuned, "--alpha", "0.5", "--out", "m")
    assert refused.code == 2
    assert "--missing keep-base" in refused.err
    done = here(
        "merge", base, tuned, "--missing", "keep-base", "--alpha", "0.5", "--out", "m", "--json"
    )
    assert done.code == 0, done.err
    one, other = read(base), read(tuned)
    pairs = {}
    for name in other:
        core = name.removeprefix("model.")
        pairs |= {base_name: name for base_name in one if _is(base_name, core)}
    assert len(pairs) == len(other) - ("lm_head.weight" in other and len(pairs) < len(other))
    assert_same(read(tmp_path / "m"), halfway(one, other, pairs))
    assert "have no partner" in " ".join(done.document["notes"])
    opened = getattr(transformers, f"{whole}ForConditionalGeneration").from_pretrained(
        tmp_path / "m"
    )
    assert opened.config.model_type == family


def _is(name: str, core: str) -> bool:
    """Whether a name of the base is that of the language model's tensor."""
    if "vision" in name or "visual" in name:
        return False
    return name == core or name.endswith(f".{core}")


def test_a_vision_tower_of_its_own_is_found_in_the_base(
    tmp_path: Path, here: Here, llava: Path
) -> None:
    tower = made(tmp_path / "clip", "CLIPVisionModel", "CLIPVisionConfig", VISION)
    done = here(
        "merge", llava, tower, "--missing", "keep-base", "--alpha", "0.5", "--out", "m", "--json"
    )
    assert done.code == 0, done.err
    one, other = read(llava), read(tower)
    pairs = {f"vision_tower.{name}": name for name in other}
    assert_same(read(tmp_path / "m"), halfway(one, other, pairs))
    assert "language_model (" in " ".join(done.document["notes"])


def test_what_a_whole_clip_has_more_is_said_to_be_left_out(
    tmp_path: Path, here: Here, llava: Path
) -> None:
    settings = {"vision_config": VISION, "text_config": {**TEXT, "projection_dim": 16}}
    clip = made(tmp_path / "clip", "CLIPModel", "CLIPConfig", settings)
    done = here("merge", llava, clip, "--missing", "keep-base", "--alpha", "0.5", "--out", "m")
    assert done.code == 0, done.err
    one, other = read(llava), read(clip)
    pairs = {
        name: name.replace("vision_tower.", "vision_model.")
        for name in one
        if name.startswith("vision_tower.")
    }
    assert_same(read(tmp_path / "m"), halfway(one, other, pairs))
    assert "are left out: logit_scale (1), text_model" in " ".join(done.out.split())


def test_the_same_model_under_older_names_needs_no_flag(
    tmp_path: Path, here: Here, llava: Path
) -> None:
    one = read(llava)
    config = json.loads((llava / "config.json").read_text())
    older = {
        name.replace("vision_tower.", "vision_tower.vision_model."): value
        for name, value in near(one, size=0.01).items()
    }
    tuned = save(tmp_path / "older", older, config=config, tokenizer={})
    done = here("merge", llava, tuned, "--alpha", "0.5", "--out", "m")
    assert done.code == 0, done.err
    pairs = {name: name.replace("vision_tower.", "vision_tower.vision_model.") for name in one}
    assert_same(read(tmp_path / "m"), halfway(one, older, pairs))


def test_further_rows_of_an_embedding_stay_as_the_base_has_them(
    tmp_path: Path, here: Here, llava: Path
) -> None:
    tuned = made(tmp_path / "text", "LlamaForCausalLM", "LlamaConfig", {**TEXT, "vocab_size": 90})
    done = here(
        "merge", llava, tuned, "--missing", "keep-base", "--alpha", "0.5", "--out", "m", "--json"
    )
    assert done.code == 0, done.err
    one, other, found = read(llava), read(tuned), read(tmp_path / "m")
    name = "language_model.model.embed_tokens.weight"
    assert torch.equal(found[name][90:], one[name][90:])
    half = 0.5 * one[name][:90] + 0.5 * other["model.embed_tokens.weight"]
    assert torch.equal(found[name][:90], half)
    assert "the first 90 are merged" in " ".join(done.document["notes"])


def test_tokens_of_one_id_that_differ_are_still_refused(
    tmp_path: Path, here: Here, base: Path
) -> None:
    state = read(base)
    words = {"model": {"type": "BPE", "vocab": {"a": 0, "z": 1}}}
    other = save(tmp_path / "other", near(state), tokenizer=words)
    done = here("merge", base, other, "--missing", "keep-base", "--alpha", "0.5", "--out", "m")
    assert done.code == 2
    assert "1 ('b' / 'z')" in done.err


def test_another_shape_stays_as_the_base_has_it(tmp_path: Path, here: Here, base: Path) -> None:
    state = near(read(base))
    name = "vision.layers.0.fc.weight"
    other = save(tmp_path / "other", {**state, name: state[name][:, :100].contiguous()})
    assert here("merge", base, other, "--alpha", "1", "--out", "m").code == 2
    done = here("merge", base, other, "--missing", "keep-base", "--alpha", "1", "--out", "m")
    assert done.code == 0, done.err
    assert_same(read(tmp_path / "m"), {**state, name: read(base)[name]})
    assert "another shape" in done.out


def test_nothing_in_common_is_refused_whatever_the_flag(
    tmp_path: Path, here: Here, base: Path
) -> None:
    other = save(tmp_path / "other", {"something.else": torch.zeros(3, 4)})
    done = here("merge", base, other, "--missing", "keep-base", "--alpha", "1", "--out", "m")
    assert done.code == 2
    assert "only in the base" in done.err


def test_the_configuration_says_the_type_in_which_the_weights_are_stored(
    tmp_path: Path, here: Here
) -> None:
    from .conftest import toy

    state = toy(dtype=torch.bfloat16)
    config = {"dtype": "bfloat16", "text_config": {"torch_dtype": "bfloat16", "depth": 3}}
    base = save(tmp_path / "base", state, config=config)
    full = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    tuned = save(tmp_path / "tuned", near(full))
    assert here("merge", base, tuned, "--alpha", "0.5", "--out", "m").code == 0
    told = json.loads((tmp_path / "m" / "config.json").read_text())
    assert (told["dtype"], told["text_config"]) == (
        "float32",
        {"torch_dtype": "float32", "depth": 3},
    )
    assert read(tmp_path / "m")["embed_tokens.weight"].dtype == torch.float32


def towers(layers: int = 3) -> State:
    """A model with two towers, what is between them, and something else."""
    made = torch.Generator().manual_seed(3)
    names = [
        "model.language_model.embed_tokens.weight",
        *(f"model.language_model.layers.{n}.self_attn.q_proj.weight" for n in range(layers)),
        *(f"model.language_model.layers.{n}.mlp.up_proj.weight" for n in range(layers)),
        "model.language_model.norm.weight",
        "model.visual.blocks.0.attn.qkv.weight",
        "model.visual.merger.linear.weight",
        "lm_head.weight",
        "strange.weight",
    ]
    return {name: torch.randn(8, 8, generator=made) for name in names}


def alphas_of(one: State, other: State, found: State) -> dict[str, float]:
    """The α of each tensor, read off the weights."""
    return {
        name.removeprefix("model.").removesuffix(".weight"): round(
            float(((found[name] - value) / (other[name] - value)).mean()), 3
        )
        for name, value in one.items()
    }


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    state = towers()
    return save(tmp_path / "base", state), save(tmp_path / "tuned", near(state))


def test_each_part_has_its_own_alpha(tmp_path: Path, here: Here, two: tuple[Path, Path]) -> None:
    given = "vision=0.25,text=[0,1],*.mlp.*=0.3,projector=0.8"
    done = here("merge", *two, "--alpha", given, "--out", "m")
    assert done.code == 0, done.err
    found = alphas_of(*map(read, two), read(tmp_path / "m"))
    assert found == {
        "language_model.embed_tokens": 0.0,
        "language_model.layers.0.self_attn.q_proj": 0.0,
        "language_model.layers.1.self_attn.q_proj": 0.5,
        "language_model.layers.2.self_attn.q_proj": 1.0,
        "language_model.layers.0.mlp.up_proj": 0.3,
        "language_model.layers.1.mlp.up_proj": 0.3,
        "language_model.layers.2.mlp.up_proj": 0.3,
        "language_model.norm": 1.0,
        "visual.blocks.0.attn.qkv": 0.25,
        "visual.merger.linear": 0.8,
        "lm_head": 1.0,
        "strange": 0.0,
    }
    told = json.loads((tmp_path / "m" / "merge.json").read_text())
    assert told["alpha"] == "*.mlp.*=0.3,vision=0.25,text=[0,1],projector=0.8"


@pytest.mark.parametrize(("method", "first"), [("passthrough", 1.0), ("lines", 0.2)])
def test_what_no_part_names_stays_the_bases_whatever_alpha_0_makes_of_it(
    tmp_path: Path, here: Here, two: tuple[Path, Path], method: str, first: float
) -> None:
    alpha = f"*.layers.0.*={first:g},vision=1"
    done = here("merge", *two, "--alpha", alpha, "--method", method, "--out", "m")
    assert done.code == 0, done.err
    found = alphas_of(*map(read, two), read(tmp_path / "m"))
    assert found.pop("language_model.layers.0.self_attn.q_proj") == pytest.approx(first, abs=2e-3)
    assert found.pop("language_model.layers.0.mlp.up_proj") == pytest.approx(first, abs=2e-3)
    assert found.pop("visual.blocks.0.attn.qkv") == 1.0
    assert set(found.values()) == {0.0}


def test_every_combination_by_part_is_a_folder(
    tmp_path: Path, here: Here, two: tuple[Path, Path]
) -> None:
    done = here(
        "merge", *two, "--alpha", "vision=0:1:.5,text=0,1", "--alpha", "rest=1", "--out", "m"
    )
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == sorted(
        f"alpha-vision-{vision}-text-{text}-rest-1"
        for vision in ("0", "0.5", "1")
        for text in ("0", "1")
    )
    assert_same(read(tmp_path / "m" / "alpha-vision-1-text-1-rest-1"), read(two[1]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("tower=0.5", "Parts are text, vision, projector, rest"),
        ("0.5,vision=1", "of none"),
        ("text=[0,x]", "'x' is not a number"),
        ("*.gate.*=1,text=1", "--alpha *.gate.*=… matches no tensor"),
        ("text=0:1:0.4", "do not reach"),
        ("text=1.5", "outside [0, 1]"),
    ],
)
def test_a_wrong_part_is_said(here: Here, two: tuple[Path, Path], given: str, said: str) -> None:
    done = here("merge", *two, "--alpha", given, "--out", "m")
    assert done.code == 2
    assert said in done.err
