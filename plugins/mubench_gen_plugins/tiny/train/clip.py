"""Training the CLIP: each image against the captions of everything it might show."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    PreTrainedTokenizerFast,
)

from mubench_gen.data.demo.catalogue import DEMO_SETS
from mubench_gen.data.demo.rows import CAPTIONS, NONE_OF_THE_ABOVE
from mubench_gen.data.demo.vocabulary import VOCABULARY
from mubench_gen_plugins.tiny.train import checkpoint, vision
from mubench_gen_plugins.tiny.train.images import ImageSet, normalised, turned
from mubench_gen_plugins.tiny.train.questions import corpus
from mubench_gen_plugins.tiny.train.tokenizer import caption_tokenizer

WIDTH = 128
MAX_LENGTH = 64
MAX_LOGIT_SCALE = 4.6  # CLIP's own limit: a temperature of 0.01
PLAIN = ("{class}", "A micrograph of {class}.")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and on what; the defaults made the shipped weights."""

    steps: int = 900
    images_a_step: int = 64
    learning_rate: float = 1e-3
    questions: tuple[str, ...] = ()  # empty: all six
    seed: int = 0


def train(images: ImageSet, plan: Plan, out: Path, log: vision.Log) -> None:
    """Train and save to `out`."""
    torch.manual_seed(plan.seed)
    tokenizer = caption_tokenizer(corpus(images.rows[:900], plan.seed), 900, MAX_LENGTH)
    model = build(tokenizer)
    log(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    fit(model, tokenizer, images, plan, log)
    checkpoint.save(model, processor(tokenizer), out)


def build(tokenizer: PreTrainedTokenizerFast) -> CLIPModel:
    """A new model with random weights."""
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=MAX_LENGTH,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        projection_dim=WIDTH,
    )
    config = CLIPConfig(
        text_config=text.to_dict(),
        vision_config=vision.vision_config(WIDTH, layers=4).to_dict(),
        projection_dim=WIDTH,
    )
    return CLIPModel(config)


def processor(tokenizer: PreTrainedTokenizerFast) -> CLIPProcessor:
    return CLIPProcessor(image_processor=vision.image_processor(), tokenizer=tokenizer)


class Captions:
    """The captions of all answers to a question, with one random template per draw."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"{seed}/captions")
        self.answers = {name: list(values) for name, values in VOCABULARY.items()}
        self.answers["classification"] = [c for d in DEMO_SETS for c in d.classes]

    def draw(self, name: str) -> list[str]:
        """One caption an answer, and last "none of the above", which is never right."""
        variant = self._chance.choice((0, 1, 0, 1, 2))
        plain = self._chance.choice(PLAIN)
        if name == "classification":
            pairs = [
                (plain if variant == 2 else d.captions[variant], c)
                for d in DEMO_SETS
                for c in d.classes
            ]
        else:
            template = plain if variant == 2 else CAPTIONS[name][variant]
            pairs = [(template, answer) for answer in self.answers[name]]
        return [*(t.replace("{class}", c) for t, c in pairs), NONE_OF_THE_ABOVE]

    def target(self, name: str, row: dict[str, Any]) -> int:
        """The index of the row's answer among the captions."""
        return self.answers[name].index(row["questions"][name]["answer"])


def fit(
    model: CLIPModel,
    tokenizer: PreTrainedTokenizerFast,
    images: ImageSet,
    plan: Plan,
    log: vision.Log,
) -> None:
    """Cross-entropy over the captions of each question, all that the plan names every step."""
    captions = Captions(plan.seed)
    names = list(plan.questions or captions.answers)
    targets = {n: torch.tensor([captions.target(n, r) for r in images.rows]) for n in names}
    generator = torch.Generator().manual_seed(plan.seed + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=max(plan.steps, 2)
    )
    model.train()
    for step in range(plan.steps):
        chosen = torch.randint(len(images), (plan.images_a_step,), generator=generator)
        pixels = normalised(turned(images.pixels[chosen], generator))
        texts = {name: captions.draw(name) for name in names}
        similar = similarities(model, tokenizer, pixels, texts)
        losses = {n: functional.cross_entropy(s, targets[n][chosen]) for n, s in similar.items()}
        loss = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        if step % 50 == 49:
            log(f"clip {step + 1}/{plan.steps}: {vision.listed(losses)}")


def similarities(
    model: CLIPModel,
    tokenizer: PreTrainedTokenizerFast,
    pixels: torch.Tensor,
    texts: dict[str, list[str]],
) -> dict[str, torch.Tensor]:
    """Scaled cosines of images and captions, shape (images, captions) a question."""
    everything = [text for group in texts.values() for text in group]
    tokens = tokenizer(everything, padding=True, truncation=True, return_tensors="pt")
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(**tokens, pixel_values=pixels).logits_per_image.float()
    groups = logits.split([len(group) for group in texts.values()], dim=1)
    return dict(zip(texts, groups, strict=True))
