"""The tokens that a checkpoint makes of a request, image tokens among them. No weights are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.image_tokens import image_token_id
from mubench_gen.engines.thinking import read_thinking
from mubench_gen.engines.transformers.source import read_transformers_source, require_transformers
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Request


@dataclass(frozen=True, slots=True)
class TokenRun:
    """Equal tokens in a row: the first one's `place` (from 0), its `id`, its text, and how many.

    `image`: whether they stand for a piece of an image.
    """

    place: int
    id: int
    text: str
    count: int
    image: bool


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt as a model reads it. `text`: as the chat template of that origin (`template`: the
    checkpoint's own, a fallback or the plugin's; None without one) renders it; `ids`: of all
    tokens; `image_tokens`: how many stand for images, None where the checkpoint does not say which.
    """

    text: str
    template: str | None
    ids: tuple[int, ...]
    image_tokens: int | None
    runs: tuple[TokenRun, ...]


def prompt_tokens(checkpoint: Checkpoint, runtime: Runtime, request: Request) -> list[PromptTokens]:
    """The prompt of a request; for a contrastive model, one text after the other.

    Raises UsageError for a checkpoint that cannot be opened, ItemError for a refused request.
    """
    require_transformers()
    source = read_transformers_source(checkpoint, runtime)
    require_checkpoint(source.whole, source.hint)
    from mubench_gen.engines.transformers.chat import Chat
    from mubench_gen.engines.transformers.checkpoint import open_processor, quiet

    config, processor = open_processor(source)
    tokenizer, image = processor.tokenizer, image_token_id(config)
    with quiet():
        if checkpoint.kind == "contrastive":
            found = [(text, tokenizer(text)["input_ids"]) for text in request.texts]
            return [_of(text, None, ids, tokenizer, None) for text, ids in found]
        chat = Chat(
            processor,
            checkpoint,
            model_type=config.model_type,
            name=str(source),
            thinking=read_thinking(runtime.thinking),
        )
        text = chat.render(request.messages)
        ids = chat.tensors([request])["input_ids"][0].tolist()
    return [_of(text, chat.template.origin, ids, tokenizer, image)]


def _of(
    text: str, template: str | None, ids: list[int], tokenizer: Any, image: int | None
) -> PromptTokens:
    runs = tuple(_runs(ids, tokenizer, image))
    seen = None if image is None else sum(one.count for one in runs if one.image)
    return PromptTokens(text, template, tuple(ids), seen, runs)


def _runs(ids: list[int], tokenizer: Any, image: int | None) -> Iterator[TokenRun]:
    place = 0
    for token, same in groupby(ids):
        count = len(list(same))
        yield TokenRun(place, token, tokenizer.decode([token]), count, token == image)
        place += count
