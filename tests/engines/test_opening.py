"""Checkpoints that cannot be opened: what is wrong, and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.packages import package

from mubench_gen.engines import open_checkpoint, weights_digest
from mubench_gen.errors import EngineFault, ItemError, UsageError
from mubench_gen.model import Checkpoint, Model, Runtime
from mubench_gen.types import Kind

torch = package("torch")


def opened(
    path: str | Path, kind: Kind = "generative", device: str = "cpu", dtype: str = "auto"
) -> Model:
    runtime = Runtime("", device=device, dtype=dtype)
    model = open_checkpoint("transformers", Checkpoint(path, kind), runtime)
    model.load()
    return model


def without_weights(folder: Path, copy: Path, *names: str) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, copy)
    tensors = load_file(copy / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(names)}
    assert len(kept) < len(tensors)
    save_file(kept, copy / "model.safetensors", {"format": "pt"})
    return copy


@pytest.mark.parametrize(
    ("name", "kind", "lost"),
    [
        ("llava", "generative", "layers.1.mlp.up_proj.weight"),
        ("clip", "contrastive", "visual_projection.weight"),
    ],
)
def test_missing_weights_are_named(
    name: str, kind: Kind, lost: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broken = without_weights(request.getfixturevalue(name), tmp_path / "broken", lost)
    with pytest.raises(UsageError, match=f"lacks 1 of the weights.*{lost}"):
        opened(broken, kind)


def test_weights_of_another_shape_are_refused(llava: Path, altered: Callable[..., Path]) -> None:
    config = json.loads((llava / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 48
    with pytest.raises(UsageError, match="weights of"):
        opened(altered(llava, "config.json", config))


def test_a_truncated_weights_file_is_refused(llava: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(llava, copy)
    weights = copy / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(UsageError, match="Cannot read the weights"):
        opened(copy)


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_refused(llava: Path, lost: str, altered: Callable[..., Path]) -> None:
    folder = altered(llava, lost, None)
    with pytest.raises(UsageError, match=f"Cannot read the .* of {folder}: .*[Cc]heck"):
        opened(folder)


def test_a_model_without_a_chat_template_is_refused(
    llava: Path, altered: Callable[..., Path]
) -> None:
    with pytest.raises(UsageError, match="no chat template"):
        opened(altered(llava, "chat_template.jinja", None))


def test_a_model_of_text_alone_is_refused(tmp_path: Path) -> None:
    import transformers as hf

    sizes: dict[str, Any] = {
        "vocab_size": 32,
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
    }
    hf.LlamaForCausalLM(hf.LlamaConfig(**sizes, num_attention_heads=1)).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="'llama'; needed is a model that reads images and writes"):
        opened(tmp_path)
    with pytest.raises(UsageError, match="'llama'; needed is a model that embeds images and texts"):
        opened(tmp_path, "contrastive")


def test_each_family_refuses_the_other_s_architecture(llava: Path, clip: Path) -> None:
    with pytest.raises(UsageError, match="'llava'; needed is a model that embeds"):
        opened(llava, "contrastive")
    with pytest.raises(UsageError, match="'clip'; needed is a model that reads images and writes"):
        opened(clip, "generative")


def test_remote_code_is_not_run(llava: Path, altered: Callable[..., Path]) -> None:
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    folder = altered(llava, "config.json", own)
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    with pytest.raises(UsageError, match="--trust-remote-code with --revision"):
        opened(folder)
    assert not (folder / "ran").exists()


def test_a_hub_id_that_cannot_be_had_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"owner/name is not in the hub's cache .*HF_HUB"):
        opened("owner/name")


def test_a_device_that_is_not_there_is_refused(llava: Path) -> None:
    with pytest.raises(UsageError, match="has no device 'cuda:99'"):
        opened(llava, device="cuda:99")


def test_bfloat16_weights_are_float32_on_a_cpu(clip: Path, tmp_path: Path) -> None:
    import transformers as hf

    half = hf.CLIPModel.from_pretrained(clip, dtype=torch.bfloat16)
    shutil.copytree(clip, tmp_path / "half")
    half.save_pretrained(tmp_path / "half")
    assert opened(tmp_path / "half", "contrastive").facts["dtype"] == "float32"
    assert opened(clip, "contrastive", dtype="bfloat16").facts["dtype"] == "bfloat16"


def test_the_facts_say_what_is_needed_to_do_it_again(llava: Path) -> None:
    import transformers

    model = open_checkpoint("transformers", Checkpoint(llava, "generative"), Runtime(""))
    assert model.facts == {}
    model.load()
    facts = dict(model.facts)
    assert facts["weights_sha256"] == weights_digest(llava)
    assert facts["architecture"] == "LlavaForConditionalGeneration"
    assert facts["attn_implementation"] == "sdpa"
    assert facts["versions"] == {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    assert json.loads(json.dumps(facts)) == facts
    model.close()
    assert model.facts == {}


def test_the_attention_is_the_engine_option_s(llava: Path) -> None:
    runtime = Runtime("", engine_options={"attn_implementation": "eager"})
    model = open_checkpoint("transformers", Checkpoint(llava, "generative"), runtime)
    model.load()
    assert model.facts["attn_implementation"] == "eager"


class TestChunks:
    """Chunks that shrink when the device's memory runs out."""

    def run(self, room: int, rows: int = 7, error: Exception | None = None) -> list[Any]:
        from mubench_gen.engines.transformers.batches import Chunks

        self.sizes: list[int] = []

        def step(chunk: Any) -> list[int]:
            self.sizes.append(len(chunk))
            if len(chunk) > room:
                raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
            return [row * 10 for row in chunk]

        return Chunks(8).run(range(rows), step)

    def test_shrink_when_memory_runs_out_and_lose_nothing(self) -> None:
        assert self.run(room=2) == [0, 10, 20, 30, 40, 50, 60]
        assert self.sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]

    def test_give_up_on_a_row_that_does_not_fit_alone(self) -> None:
        with pytest.raises(ItemError, match=r"alone does not fit.*CUDA out of memory"):
            self.run(room=0)

    def test_a_fault_of_the_device_is_the_engine_s(self) -> None:
        with pytest.raises(EngineFault, match="device-side assert"):
            self.run(room=0, error=RuntimeError("CUDA error: device-side assert triggered"))

    def test_any_other_error_is_passed_on(self) -> None:
        with pytest.raises(RuntimeError, match="shapes"):
            self.run(room=0, error=RuntimeError("shapes do not match"))
