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
MATCHING_LAYER = 2

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

    vision_steps: int = 1_200
    steps: int = 800
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
    matcher = nn.Linear(WIDTH, 1)
    generator = torch.Generator().manual_seed(plan.seed + 1)
    groups = [*_groups(model, plan), {"params": matcher.parameters(), "lr": plan.learning_rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.05, betas=(0.9, 0.98))
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
        losses = chat_losses(model, matcher, tokenizer, pixels, lessons)
        optimizer.zero_grad()
        torch.autograd.backward(losses.reply + losses.match)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            log(f"chat {step + 1}/{plan.steps}: {losses}")


def _groups(model: LlavaForConditionalGeneration, plan: Plan) -> list[dict[str, Any]]:
    """Parameter groups: the pre-trained tower has a lower learning rate than the rest."""
    tower = list(model.model.vision_tower.parameters())
    known = {id(p) for p in tower}
    new = [p for p in model.parameters() if id(p) not in known]
    return [
        {"params": new, "lr": plan.learning_rate},
        {"params": tower, "lr": plan.learning_rate / 4},
    ]


@dataclass(frozen=True, slots=True)
class Losses:
    """`reply`: of the replies' tokens; `match`: of telling which option is the image's.

    `right` is the share of replies whose first token is right.
    """

    reply: torch.Tensor
    match: torch.Tensor
    right: float

    def __str__(self) -> str:
        return f"reply {self.reply:.3f}, match {self.match:.3f}, first token {self.right:.2f}"


def chat_losses(
    model: LlavaForConditionalGeneration,
    matcher: nn.Linear,
    tokenizer: PreTrainedTokenizerFast,
    pixels: torch.Tensor,
    lessons: list[Lesson],
) -> Losses:
    """The losses of one step; `lessons` are len(pixels) × k, image by image.

    What precedes the text (the image) goes through the language model once; its keys and
    values serve all k questions. `matcher` reads a middle layer at the end of each option
    and is thrown away after training: with it, binding options to labels is learned several
    times sooner than from the replies alone.
    """
    batch = encode(tokenizer, lessons)
    language = model.model.language_model
    with torch.autocast("cpu", torch.bfloat16):
        prefix = image_prefix(model, tokenizer, pixels)
        past = language(inputs_embeds=prefix, use_cache=True).past_key_values
        past.batch_repeat_interleave(len(lessons) // len(pixels))
        seen = torch.ones(len(lessons), prefix.shape[1], dtype=torch.long)
        output = language(
            input_ids=batch.tokens,
            past_key_values=past,
            attention_mask=torch.cat([seen, batch.mask], dim=1),
            output_hidden_states=True,
        )
        asked = batch.labels[:, 1:] != IGNORED
        logits = model.lm_head(output.last_hidden_state[:, :-1][asked]).float()
    targets = batch.labels[:, 1:][asked]
    middle = output.hidden_states[MATCHING_LAYER].float()
    ends = middle.gather(1, batch.ends.clamp(min=0)[..., None].expand(-1, -1, WIDTH))
    matches = matcher(ends).squeeze(2).masked_fill(batch.ends < 0, -torch.inf)
    first = (asked & (asked.cumsum(1) == 1))[asked]
    return Losses(
        reply=functional.cross_entropy(logits, targets),
        match=functional.cross_entropy(matches, batch.gold),
        right=(logits[first].argmax(1) == targets[first]).float().mean().item(),
    )


def image_prefix(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    pixels: torch.Tensor,
) -> torch.Tensor:
    """Embeddings of the turn's header and the image, shape (n, header + TOKENS, WIDTH)."""
    features = vision.patch_features(model.model.vision_tower, pixels)
    features = model.model.multi_modal_projector(features)
    tokens = torch.tensor(tokenizer(HEADER, add_special_tokens=False)["input_ids"])
    header = model.model.language_model.embed_tokens(tokens).expand(len(pixels), -1, -1)
    return torch.cat([header, features.to(header.dtype)], dim=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Lessons as tokens from the text on, padded at the right; all of shape (n, length).

    `labels` are IGNORED outside the reply. `ends` (n, most options) are the tokens that end
    the options, −1 where there are fewer; `gold` (n,) is the right one.
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    ends: torch.Tensor
    gold: torch.Tensor


def encode(tokenizer: PreTrainedTokenizerFast, lessons: list[Lesson]) -> Batch:
    prompts = tokenizer([p.prompt + FOOTER for p in lessons], add_special_tokens=False)
    replies = tokenizer([p.reply + END for p in lessons], add_special_tokens=False)["input_ids"]
    pairs = list(zip(prompts["input_ids"], replies, strict=True))
    shape = (len(lessons), max(len(p) + len(r) for p, r in pairs))
    tokens, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, IGNORED)
    ends = torch.full((len(lessons), max(len(p.ends) for p in lessons)), -1)
    for i, (prompt, reply) in enumerate(pairs):
        length = len(prompt) + len(reply)
        tokens[i, :length] = torch.tensor(prompt + reply)
        mask[i, :length] = 1
        labels[i, len(prompt) : length] = torch.tensor(reply)
        places = [prompts.char_to_token(i, end) for end in lessons[i].ends]
        ends[i, : len(places)] = torch.tensor(places)
    return Batch(tokens, mask, labels, ends, torch.tensor([p.gold for p in lessons]))
