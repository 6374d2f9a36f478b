"""The shipped weights of the tiny plugin: small, loadable, and better than chance."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data.demo import write_demo
from mubench_gen_plugins.tiny import WEIGHTS, mubench_gen_models

from .helpers.packages import package

torch = package("torch")
transformers = package("transformers")

MODELS = ("llava", "clip")
IMAGES = 27

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Rows of a small demo, each with its decoded image under "pixels"."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder, images=IMAGES)
    lines = (folder / "rows.jsonl").read_text("utf-8").splitlines()
    rows: list[Row] = [json.loads(line) for line in lines]
    for row in rows:
        row["pixels"] = Image.open(folder / row["image"]["path"]).convert("RGB")
    return rows


@cache
def load(name: str) -> tuple[Any, Any, dict[str, Any]]:
    """Processor, model in float32, and what loading had to say."""
    auto = {"llava": transformers.AutoModelForImageTextToText, "clip": transformers.AutoModel}
    processor = transformers.AutoProcessor.from_pretrained(WEIGHTS / name)
    model, loading = auto[name].from_pretrained(
        WEIGHTS / name, dtype=torch.float32, output_loading_info=True
    )
    return processor, model.eval(), loading


def header(name: str) -> dict[str, Any]:
    """The header of a safetensors file: eight bytes of length, then JSON."""
    with (WEIGHTS / name / "model.safetensors").open("rb") as file:
        tensors: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    del tensors["__metadata__"]
    return tensors


def test_the_plugin_lists_the_llava_first_and_imports_no_torch() -> None:
    code = (
        "import sys; from mubench_gen_plugins.tiny import mubench_gen_models; "
        "names = [m.name for m in mubench_gen_models()]; "
        "sys.exit(names[:2] != ['llava', 'clip'] or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert [m.kind for m in mubench_gen_models()] == ["generative", "contrastive"] * 2


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_bfloat16_and_at_most_4_megabytes(name: str) -> None:
    assert (WEIGHTS / name / "model.safetensors").stat().st_size <= 4_000_000
    assert {tensor["dtype"] for tensor in header(name).values()} == {"BF16"}


def test_the_llava_has_the_key_names_that_vllm_reads() -> None:
    tower = [key for key in header("llava") if key.startswith("vision_tower.")]
    assert "vision_tower.vision_model.embeddings.patch_embedding.weight" in tower
    assert all(key.startswith("vision_tower.vision_model.") for key in tower)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_loads_with_nothing_missing_and_nothing_left_over(name: str) -> None:
    _, _, loading = load(name)
    assert not any(loading.values()), loading


@pytest.mark.exhaustive
def test_the_processors_need_no_torchvision() -> None:
    code = """
import sys
sys.modules["torchvision"] = None
from PIL import Image
from transformers import AutoProcessor
for folder in sys.argv[1:]:
    process = AutoProcessor.from_pretrained(folder).image_processor
    pixels = process(images=[Image.new("RGB", (320, 240))], return_tensors="pt").pixel_values
    assert tuple(pixels.shape) == (1, 3, 112, 112)
"""
    folders = [str(WEIGHTS / name) for name in MODELS]
    subprocess.run([sys.executable, "-c", code, *folders], check=True)


@pytest.mark.parametrize("name", MODELS)
def test_the_tokenizer_writes_any_text(name: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(WEIGHTS / name)
    text = "GalT–EGFP, µm² · 顕微鏡 🔬\nA) tumour"
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(tokens, clean_up_tokenization_spaces=False) == text


def test_every_label_is_one_token() -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(WEIGHTS / "llava")
    for label in [*"ABCDEFabcdef123456", "ii", "iii", "iv"]:
        assert len(tokenizer(label, add_special_tokens=False)["input_ids"]) == 1, label


def test_the_llava_answers_demo_questions_far_above_chance(rows: list[Row]) -> None:
    processor, model, _ = load("llava")
    right = [reply(processor, model, r, "modality") == gold(r, "modality") for r in rows]
    assert sum(right) / len(right) > 0.6  # chance is 0.25


def test_the_llava_replies_with_the_label_alone_and_stops(rows: list[Row]) -> None:
    processor, model, _ = load("llava")
    assert {len(reply(processor, model, r, "stain", tokens=8)) for r in rows[:5]} == {1}


def test_the_clip_picks_captions_far_above_chance(rows: list[Row]) -> None:
    processor, model, _ = load("clip")
    right = 0
    for row in rows:
        caption = row["captions"]["modality_1"]
        inputs = processor(
            text=caption["options"],
            images=[row["pixels"]],
            padding=True,
            truncation=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            best = model(**inputs).logits_per_image.argmax().item()
        right += best == int(caption["answer_idx"])
    assert right / len(rows) > 0.6  # chance is 0.25


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", MODELS)
def test_the_training_script_makes_a_checkpoint_that_loads(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mubench_gen_plugins.tiny.train", name]
    options = ["--out", str(tmp_path), "--images", "9", "--steps", "1", "--threads", "1"]
    subprocess.run([*command, *options], check=True, capture_output=True)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in (WEIGHTS / name).iterdir()}


@pytest.mark.parametrize("name", MODELS)
def test_a_fine_tune_is_its_base_with_other_weights(name: str) -> None:
    base, tuned = WEIGHTS / name, WEIGHTS / f"{name}-finetuned"
    assert header(f"{name}-finetuned") == header(name)
    for file in base.iterdir():
        equal = (tuned / file.name).read_bytes() == file.read_bytes()
        assert equal == (file.name != "model.safetensors")
    facts = {spec.name: spec.facts for spec in mubench_gen_models()}
    assert facts[f"{name}-finetuned"]["base"] == f"tiny {name}"


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", MODELS)
def test_the_training_script_fine_tunes_a_checkpoint(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mubench_gen_plugins.tiny.train", name]
    options = ["--out", str(tmp_path), "--images", "9", "--steps", "1", "--threads", "1"]
    finetune = ["--finetune", str(WEIGHTS / name)]
    subprocess.run([*command, *options, *finetune], check=True, capture_output=True)
    for file in (WEIGHTS / name).iterdir():
        equal = (tmp_path / file.name).read_bytes() == file.read_bytes()
        assert equal == (file.name != "model.safetensors")


def gold(row: Row, question: str) -> str:
    index: int = row["questions"][question]["answer_idx"]
    return "ABCDEF"[index]


def reply(processor: Any, model: Any, row: Row, question: str, tokens: int = 4) -> str:
    """The model's greedy reply to the official prompt."""
    asked = row["questions"][question]
    options = [f"{'ABCDEF'[i]}) {option}" for i, option in enumerate(asked["options"])]
    instruction = "Answer with a single letter, no extra details."
    text = "\n".join([instruction, f"Question:{asked['question']}", *options])
    content = [{"type": "image", "image": row["pixels"]}, {"type": "text", "text": text}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    new = output[0, inputs["input_ids"].shape[1] :]
    written: str = processor.decode(new, skip_special_tokens=True)
    return written
