"""Fine-tuning: the shipped models taught more of some data sets, and nothing of the others.

The model forgets what it is no longer trained on, like the fine-tunes of the paper: that is the
purpose of these weights.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoProcessor, CLIPModel, LlavaForConditionalGeneration

from mubench_gen.data.demo import TRAINING_SEEDS
from mubench_gen_plugins.tiny.train import checkpoint, clip, llava, vision
from mubench_gen_plugins.tiny.train.images import ImageSet

DATASETS = ("demo_texture", "demo_blood", "demo_bacteria")  # those of light microscopy
IMAGES = 3_000
SEEDS = TRAINING_SEEDS[500:]  # the base was trained on images of the first twenty
STEPS = {"llava": 800, "clip": 900}
LEARNING_RATE = 5e-4


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and on what; with STEPS, the defaults made the shipped weights."""

    steps: int
    datasets: tuple[str, ...] = DATASETS
    images_a_step: int = 48
    learning_rate: float = LEARNING_RATE
    seed: int = 0


def train(model: str, base: Path, images: ImageSet, plan: Plan, out: Path, log: vision.Log) -> None:
    """Fine-tune the checkpoint `base` on the fine-grained question and save to `out`."""
    torch.manual_seed(plan.seed)
    if model == "llava":
        _llava(base, images, plan, out, log)
    else:
        _clip(base, images, plan, out, log)
    for file in base.iterdir():  # the weights alone are new
        if file.suffix != ".safetensors":
            shutil.copyfile(file, out / file.name)


def _llava(base: Path, images: ImageSet, plan: Plan, out: Path, log: vision.Log) -> None:
    model = LlavaForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(base)
    lessons = llava.Plan(
        steps=plan.steps,
        images_a_step=plan.images_a_step,
        questions_an_image=1,  # the fine-grained one
        learning_rate=plan.learning_rate,
        seed=plan.seed,
    )
    llava.instruct(model, processor.tokenizer, images, lessons, log)
    checkpoint.save(model, processor, out)


def _clip(base: Path, images: ImageSet, plan: Plan, out: Path, log: vision.Log) -> None:
    model = CLIPModel.from_pretrained(base, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(base)
    lessons = clip.Plan(
        steps=plan.steps,
        images_a_step=plan.images_a_step,
        learning_rate=plan.learning_rate,
        questions=("classification",),
        seed=plan.seed,
    )
    clip.fit(model, processor.tokenizer, images, lessons, log)
    checkpoint.save(model, processor, out)
