"""Training the LLaVA: the vision tower alone first, then tower and language model on chats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import (
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from mubench_gen_plugins.tiny.train import checkpoint, vision
from mubench_gen_plugins.tiny.train.images import ImageSet, normalised, turned
from mubench_gen_plugins.tiny.train.questions import Lesson, Teacher, corpus
from mubench_gen_plugins.tiny.train.tokenizer import END, IMAGE, TURN, chat_tokenizer

WIDTH = 128
HEADER = f"{TURN}user\n"
FOOTER = f"{END}\n{TURN}assistant\n"
IGNORED = -100

# Content parts come in the order of the message; text alone is a plain string.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% elif part['type'] == 'text' %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and on what; the defaults made the shipped weights."""

    vision_steps: int = 1_500
    steps: int = 1_000
    images_a_step: int = 32
    questions_an_image: int = 4
    learning_rate: float = 1.2e-3
    seed: int = 0


def train(images: ImageSet, plan: Plan, out: Path, log: vision.Log) -> None:
    """Train and save to `out`."""
    torch.manual_seed(plan.seed)
    tokenizer = chat_tokenizer(corpus(images.rows[:900], plan.seed), vocabulary=1000)
    model = build(tokenizer)
    log(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    tower = model.model.vision_tower
    vision.pretrain(tower, images, steps=plan.vision_steps, batch=64, seed=plan.seed, log=log)
    instruct(model, tokenizer, images, plan, log)
    checkpoint.save(model, processor(tokenizer), out)


def build(tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """A new model with random weights."""
    image = tokenizer.get_vocab()[IMAGE]
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=vision.vision_config(WIDTH, layers=4),
        text_config=text,
        image_token_index=image,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=vision.TOKENS,
        tie_word_embeddings=False,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.bos_token_id = tokenizer.bos_token_id
    return model


def processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    return LlavaProcessor(
        image_processor=vision.image_processor(),
        tokenizer=tokenizer,
        patch_size=vision.PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=CHAT_TEMPLATE,
    )


def instruct(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    images: ImageSet,
    plan: Plan,
    log: vision.Log,
) -> None:
    """Teach the model to reply, several questions an image a step."""
    teacher = Teacher(plan.seed)
    generator = torch.Generator().manual_seed(plan.seed + 1)
    optimizer = torch.optim.AdamW(_groups(model, plan), weight_decay=0.05, betas=(0.9, 0.98))
    peaks = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peaks, total_steps=max(plan.steps, 2), pct_start=0.08
    )
    model.train()
    for step in range(plan.steps):
        chosen = torch.randint(len(images), (plan.images_a_step,), generator=generator)
        lessons = [
            lesson
            for i in chosen.tolist()
            for lesson in teacher.lessons(images.rows[i], plan.questions_an_image)
        ]
        pixels = normalised(turned(images.pixels[chosen], generator))
        loss, right = reply_loss(model, tokenizer, pixels, lessons)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            log(f"chat {step + 1}/{plan.steps}: loss {loss.item():.3f}, first token {right:.3f}")


def _groups(model: LlavaForConditionalGeneration, plan: Plan) -> list[dict[str, Any]]:
    """The pre-trained tower moves more slowly than what is new."""
    tower = list(model.model.vision_tower.parameters())
    known = {id(p) for p in tower}
    new = [p for p in model.parameters() if id(p) not in known]
    return [
        {"params": new, "lr": plan.learning_rate},
        {"params": tower, "lr": plan.learning_rate / 4},
    ]


def reply_loss(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    pixels: torch.Tensor,
    lessons: list[Lesson],
) -> tuple[torch.Tensor, float]:
    """Mean loss of the replies' tokens, and the share of replies whose first token is right.

    `lessons` are len(pixels) × k, image by image. What precedes the text (the image) goes
    through the language model once; its keys and values serve all k questions.
    """
    count = len(lessons) // len(pixels)
    tokens, labels = encode(tokenizer, lessons)
    language = model.model.language_model
    with torch.autocast("cpu", torch.bfloat16):
        features = vision.patch_features(model.model.vision_tower, pixels)
        features = model.model.multi_modal_projector(features)
        head = torch.tensor(tokenizer(HEADER, add_special_tokens=False)["input_ids"])
        header = language.embed_tokens(head).expand(len(pixels), -1, -1)
        prefix = torch.cat([header, features.to(header.dtype)], dim=1)
        past = language(inputs_embeds=prefix, use_cache=True).past_key_values
        past.batch_repeat_interleave(count)
        seen = torch.ones(len(lessons), prefix.shape[1], dtype=torch.long)
        mask = torch.cat([seen, (tokens != tokenizer.pad_token_id).long()], dim=1)
        states = language(
            input_ids=tokens, past_key_values=past, attention_mask=mask
        ).last_hidden_state
        asked = labels[:, 1:] != IGNORED
        logits = model.lm_head(states[:, :-1][asked])
    targets = labels[:, 1:][asked]
    loss = functional.cross_entropy(logits.float(), targets)
    first = (asked & (asked.cumsum(1) == 1))[asked]
    right = (logits[first].argmax(1) == targets[first]).float().mean().item()
    return loss, right


def encode(
    tokenizer: PreTrainedTokenizerFast, lessons: list[Lesson]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens from the text on, padded at the right, and labels (IGNORED but in the reply)."""
    prompts = tokenizer([p.prompt + FOOTER for p in lessons], add_special_tokens=False)["input_ids"]
    replies = tokenizer([p.reply + END for p in lessons], add_special_tokens=False)["input_ids"]
    length = max(len(p) + len(r) for p, r in zip(prompts, replies, strict=True))
    tokens = torch.full((len(lessons), length), int(tokenizer.pad_token_id or 0))
    labels = torch.full((len(lessons), length), IGNORED)
    for i, (prompt, reply) in enumerate(zip(prompts, replies, strict=True)):
        end = len(prompt) + len(reply)
        tokens[i, :end] = torch.tensor(prompt + reply)
        labels[i, len(prompt) : end] = torch.tensor(reply)
    return tokens, labels
