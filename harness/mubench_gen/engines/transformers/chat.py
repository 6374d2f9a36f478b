"""requests → the tensors that a chat model reads: template, images, left padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import BatchFeature

from mubench_gen.engines.conversation import (
    choose_template,
    conversation,
    images_of,
    keeps_places,
    plain,
)
from mubench_gen.engines.thinking import Thinking, opened_by, probe_end, template_arguments
from mubench_gen.errors import ItemError, describe
from mubench_gen.model import Checkpoint
from mubench_gen.types import Message, Request


class Chat:
    """Makes a model's inputs from requests, with one processor and chat template.

    `images_first`: whether the template puts images before all text. `opened`: the marks of a
    thought that its prompts open. Raises UsageError without a template, or where that has no
    switch for what `thinking` asks for.
    """

    def __init__(
        self,
        processor: Any,
        checkpoint: Checkpoint,
        *,
        model_type: str,
        name: str,
        thinking: Thinking | None = None,
    ) -> None:
        self._processor = processor
        self._checkpoint = checkpoint
        own = processor.chat_template or getattr(processor.tokenizer, "chat_template", None)
        self.template = choose_template(checkpoint, own, model_type=model_type, name=name)
        self._arguments = dict(checkpoint.template_arguments)
        opened = opened_by(probe_end(self._apply))
        self._arguments |= template_arguments(thinking, self.template.text, opened, name=name)
        self.opened = opened_by(probe_end(self._apply))
        processor.image_processor = ImagesOnce(processor.image_processor)
        self.images_first = not keeps_places(self._apply, {"type": "image"})
        # Generation continues at the right end of each row.
        processor.tokenizer.padding_side = "left"

    def render(self, messages: Sequence[Message], *, reply: bool = True) -> str:
        """The messages as one text, up to where the reply starts (without `reply`: before)."""
        turns = conversation(messages, self._checkpoint, images_first=self.images_first)
        try:
            return self._apply(plain(turns, {"type": "image"}), reply=reply)
        except Exception as error:  # as a template's code raises it
            roles = [message.role for message in messages]
            style = (
                " Some models take no system prompt: choose a prompt style without one."
                if "system" in roles
                else ""
            )
            raise ItemError(
                f"The model's chat template refuses these messages (roles: {', '.join(roles)}): "
                f"{describe(error).rstrip('.')}.{style}"
            ) from error

    def _apply(self, turns: list[dict[str, Any]], *, reply: bool = True) -> str:
        return str(
            self._processor.apply_chat_template(
                turns,
                chat_template=self.template.text,
                tokenize=False,
                add_generation_prompt=reply,
                **self._arguments,
            )
        )

    def tail(self, messages: Sequence[Message]) -> str:
        """The text that the template adds after the messages, at the start of the reply."""
        whole, without = self.render(messages), self.render(messages, reply=False)
        return whole.removeprefix(without) if whole.startswith(without) else ""

    def tensors(self, requests: Sequence[Request]) -> Any:
        """A batch of requests with equally many images each, as transformers' BatchFeature.

        `input_ids` and `attention_mask` have shape (rows, longest prompt), padded on the left.
        """
        prompts = [self.render(request.messages) for request in requests]
        pictures = [[i.pixels() for i in images_of(request)] for request in requests]
        bos = self._processor.tokenizer.bos_token
        # Like transformers' apply_chat_template: never add a second beginning-of-sequence token.
        special = {"add_special_tokens": False} if bos and prompts[0].startswith(bos) else {}
        try:
            return self._processor(
                text=prompts,
                images=pictures if pictures[0] else None,
                padding=True,
                return_tensors="pt",
                **special,
            )
        except (ValueError, TypeError, IndexError, StopIteration) as error:
            raise ItemError(f"The model's processor refuses the request: {error}") from error


class ImagesOnce:
    """An image processor that prepares an image of several rows only once.

    Works if each row has one image and each output one entry per row (LLaVA, Idefics, …);
    other inputs are passed on unchanged.
    """

    def __init__(self, image_processor: Any) -> None:
        self._image_processor = image_processor
        self._an_entry_a_row = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._image_processor, name)

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        distinct = self._distinct(images)
        if distinct is not None:
            prepared = self._image_processor([[i] for i in distinct.values()], *args, **kwargs)
            if all(len(value) == len(distinct) for value in prepared.values()):
                place = {key: n for n, key in enumerate(distinct)}
                rows = [place[id(row[0])] for row in images]
                return BatchFeature({k: _take(v, rows) for k, v in prepared.items()})
            self._an_entry_a_row = False
        return self._image_processor(images, *args, **kwargs)

    def _distinct(self, images: Any) -> dict[int, Any] | None:
        """The distinct images by identity; None if there are no repeats."""
        nested = isinstance(images, list) and all(isinstance(row, list) for row in images)
        if not (self._an_entry_a_row and nested and all(len(row) == 1 for row in images)):
            return None
        distinct = {id(row[0]): row[0] for row in images}
        return distinct if len(distinct) < len(images) else None


def _take(value: Any, rows: list[int]) -> Any:
    return [value[row] for row in rows] if isinstance(value, list) else value[rows]
