"""LoRA adapters, against PEFT's own arithmetic."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.packages import package

from .conftest import Here, read, torch

transformers = package("transformers")
peft = package("peft", "peft is not installed")

ALPHAS = ("0", "0.25", "1", "1.5")
TOLERANCE = 1e-4
Make = Callable[..., Path]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A language model in float32, tiny: attention, an embedding, a tied head."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=32,
        bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    folder = tmp_path / "base"
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def make(tmp_path: Path, base: Path) -> Make:
    """An adapter of that model, with both matrices random."""

    def make_(name: str = "adapter", *, of: Path = base, **config: Any) -> Path:
        torch.manual_seed(1)
        model = transformers.AutoModelForCausalLM.from_pretrained(of)
        settings = {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "down_proj"]}
        wrapped = peft.get_peft_model(model, peft.LoraConfig(**{**settings, **config}))
        for key, parameter in wrapped.named_parameters():
            if "lora_" in key:
                parameter.data.normal_(std=0.3)
        wrapped.save_pretrained(tmp_path / name, save_embedding_layers=False)
        return tmp_path / name

    return make_


def logits(model: Any) -> Any:
    with torch.inference_mode():
        return model.eval()(input_ids=torch.arange(3, 15)[None]).logits[0]


def adapted(base: Path, adapter: Path) -> Any:
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    return peft.PeftModel.from_pretrained(model, adapter)


def expected(base: Path, adapter: Path, alpha: float) -> Any:
    """PEFT's own model with every scaling times α."""
    model = adapted(base, adapter)
    for module in model.modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict):  # attention has a number of that name
            for key in scaling:
                scaling[key] *= alpha
    return logits(model)


CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rank-stabilised": {"use_rslora": True},
    "patterns": {
        "rank_pattern": {"down_proj": 2},
        "alpha_pattern": {"down_proj": 5, "layers.1.self_attn.q_proj": 9},
    },
    "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
}


@pytest.fixture(params=list(CONFIGS))
def adapter(request: pytest.FixtureRequest, make: Make) -> Path:
    return make(**CONFIGS[request.param])


def test_scaled_adapters_and_merged_weights_are_the_same_model(
    tmp_path: Path, here: Here, base: Path, adapter: Path
) -> None:
    flags = (*(f"--alpha={a}" for a in ALPHAS), "--method", "task-arithmetic")
    assert here("merge", base, adapter, *flags, "--adapters", "--out", "scaled").code == 0
    done = here("merge", base, adapter, *flags, "--out", "merged")
    assert done.code == 0, done.err
    seen = []
    for alpha in ALPHAS:
        told = expected(base, adapter, float(alpha))
        light = logits(adapted(base, tmp_path / "scaled" / f"alpha-{alpha}"))
        folder = tmp_path / "merged" / f"alpha-{alpha}"
        whole = logits(transformers.AutoModelForCausalLM.from_pretrained(folder))
        torch.testing.assert_close(light, told, atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(whole, told, atol=TOLERANCE, rtol=0)
        seen.append(told)
    assert (seen[0] - seen[2]).abs().max() > 0.05  # the adapter does something


def test_a_conv1d_keeps_its_weight_the_other_way_round(tmp_path: Path, here: Here) -> None:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=40, n_positions=32, n_embd=32, n_layer=2, n_head=2, bos_token_id=0,
        eos_token_id=1,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "gpt2")
    settings = peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True)
    wrapped = peft.get_peft_model(model, settings)
    for key, parameter in wrapped.named_parameters():
        if "lora_" in key:
            parameter.data.normal_(std=0.3)
    wrapped.save_pretrained(tmp_path / "adapter")
    done = here("merge", tmp_path / "gpt2", tmp_path / "adapter", "--alpha", "0.5", "--out", "m")
    assert done.code == 0, done.err
    whole = logits(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m"))
    told = expected(tmp_path / "gpt2", tmp_path / "adapter", 0.5)
    torch.testing.assert_close(whole, told, atol=TOLERANCE, rtol=0)


def test_a_scaled_adapter_is_a_configuration_and_a_link(
    tmp_path: Path, here: Here, base: Path, make: Make
) -> None:
    adapter = make()
    done = here("merge", base, adapter, "--alpha", "0:1:0.1", "--adapters", "--out", "s", "--json")
    assert len(done.document["modules"]) == 9
    assert list(done.document["folders"])[3] == "0.3"
    weights = adapter / "adapter_model.safetensors"
    for folder in (tmp_path / "s").iterdir():
        names = {path.name for path in folder.iterdir()}
        assert names == {"adapter_config.json", "adapter_model.safetensors"}
        assert os.path.samefile(folder / "adapter_model.safetensors", weights)
        assert (folder / "adapter_config.json").stat().st_size < 1_000
    told = json.loads((tmp_path / "s/alpha-0.5/adapter_config.json").read_text())
    assert told["lora_alpha"] == 3
    assert told["r"] == 4


def test_weights_in_bfloat16_are_rounded_once(tmp_path: Path, here: Here, make: Make) -> None:
    short = tmp_path / "short"
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    model.bfloat16().save_pretrained(short)
    adapter = make()
    done = here("merge", short, adapter, "--alpha", "0,0.5,1", "--out", "m")
    assert done.code == 0, done.err
    one, name = read(short), "model.layers.1.self_attn.q_proj.weight"
    factors = read(adapter)
    prefix = "base_model.model.model.layers.1.self_attn.q_proj.lora_"
    added = factors[f"{prefix}B.weight"] @ factors[f"{prefix}A.weight"] * (6 / 4)
    for alpha in ("0", "0.5", "1"):
        found = read(tmp_path / "m" / f"alpha-{alpha}")
        assert {value.dtype for value in found.values()} == {torch.bfloat16}
        wanted = (one[name].float() + float(alpha) * added).bfloat16()
        torch.testing.assert_close(found[name], wanted, atol=0, rtol=2**-8)
        assert torch.equal(found["model.norm.weight"], one["model.norm.weight"])
    assert torch.equal(read(tmp_path / "m/alpha-0")[name], one[name])


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"modules_to_save": ["lm_head"]}, "modules_to_save: lm_head"),
        ({"bias": "lora_only"}, "bias = 'lora_only'"),
        ({"use_dora": True}, "use_dora = True"),
        ({"init_lora_weights": "pissa"}, "'pissa', which changes the base"),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--adapters",)])
def test_adapters_that_do_more_than_add_a_product_are_refused(
    tmp_path: Path,
    here: Here,
    base: Path,
    make: Make,
    config: dict[str, Any],
    told: str,
    flags: tuple[str, ...],
) -> None:
    adapter = make(**config)
    done = here("merge", base, adapter, "--alpha", "0.5", "--out", "m", *flags)
    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "m").exists()


def test_what_is_no_adapter_of_this_base_is_refused(
    tmp_path: Path, here: Here, base: Path, make: Make
) -> None:
    adapter = make()
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    config = model.config
    config.num_hidden_layers = 2
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "shallow")
    config.num_hidden_layers, config.hidden_size = 3, 64
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "wide")
    for side, told in (("shallow", "layers.2"), ("wide", "the base's tensor")):
        done = here("merge", side, adapter, "--alpha", "0.5", "--out", "m")
        assert done.code == 2
        assert told in done.err
        assert "Is this the adapter's base?" in done.err
    for flags, message in (
        ((base, base, "--adapters"), "--adapters is for one fine-tune that is a LoRA"),
        ((base, adapter, "--adapters", "--method", "slerp"), "not by slerp"),
        ((base, adapter, "--adapters", "--include", "*"), "no --include"),
        (
            (base, adapter, "--carry-from", "finetuned"),
            "which has no configuration and tokenizer of a model",
        ),
        ((adapter, base), "its base comes first"),
    ):
        done = here("merge", *flags, "--alpha", "0.5", "--out", "m")
        assert done.code == 2
        assert message in done.err


def test_an_adapter_of_another_kind_or_without_weights_is_refused(
    here: Here, base: Path, make: Make
) -> None:
    adapter = make()
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "peft_type": "IA3"}))
    assert "of the kind IA3" in here("merge", base, adapter, "--alpha", "1", "--out", "m").err
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    (adapter / "adapter_model.safetensors").unlink()
    assert "but no adapter_model" in here("merge", base, adapter, "--alpha", "1", "--out", "m").err
