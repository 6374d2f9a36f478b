"""How a checkpoint is prompted: chat template, turns, stop strings. No torch here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mubench_gen.engines.folders import fetch_small_files, read_json, template_in
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.types import Image, Message, Request, Text


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A Jinja template and its origin: "plugin", "checkpoint", or "fallback" (the plugin's)."""

    text: str
    origin: str


def choose_template(
    checkpoint: Checkpoint, own: Any, *, model_type: str, name: str
) -> ChatTemplate:
    """The plugin's template, else the files' `own` (of several the "default"), else a fallback.

    Raises UsageError if there is none.
    """
    if checkpoint.chat_template:
        return ChatTemplate(checkpoint.chat_template, "plugin")
    found = own.get("default") if isinstance(own, dict) else own
    if found:
        return ChatTemplate(str(found), "checkpoint")
    if model_type in checkpoint.fallback_templates:
        return ChatTemplate(checkpoint.fallback_templates[model_type], "fallback")
    raise UsageError(no_template(name))


def conversation(
    messages: Sequence[Message], checkpoint: Checkpoint, *, images_first: bool = False
) -> tuple[Message, ...]:
    """The messages with the checkpoint's quirks applied: `system` and `images`.

    `images_first`: its template puts images before all text. Where several images stand among
    the text, words then keep their places: "image 2".
    """
    turns = list(messages)
    if checkpoint.system == "user":
        turns = _system_before_user(turns)
    if checkpoint.images == "first" or images_first:
        turns = [replace(turn, content=_images_first(turn.content)) for turn in turns]
    return tuple(turns)


def images_of(request: Request) -> list[Image]:
    """The images of a request's messages, in order."""
    return [p for m in request.messages for p in m.content if isinstance(p, Image)]


def plain(messages: Sequence[Message], image: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages in the form of chat templates, with `image` in place of each image."""
    return [
        {
            "role": message.role,
            "content": [
                {"type": "text", "text": part.text} if isinstance(part, Text) else image
                for part in message.content
            ],
        }
        for message in messages
    ]


def no_template(name: str) -> str:
    """The message for a checkpoint without a chat template."""
    return (
        f"{name} has no chat template, so its prompt format is unknown. "
        "Give one: -o chat_template=FILE (Checkpoint.chat_template in a plugin), or use the "
        "instruction-tuned version of the model."
    )


def _system_before_user(turns: list[Message]) -> list[Message]:
    """Move the system prompt to the beginning of the first user message."""
    said = [part for turn in turns if turn.role == "system" for part in turn.content]
    others = [turn for turn in turns if turn.role != "system"]
    if not said or not others:
        return turns
    first = others[0]
    texts = "\n".join(part.text for part in said if isinstance(part, Text))
    at = next((i for i, part in enumerate(first.content) if isinstance(part, Text)), None)
    content = list(first.content)
    if at is None:
        content.append(Text(texts))
    else:
        part = content[at]
        assert isinstance(part, Text)
        content[at] = Text(f"{texts}\n\n{part.text}")
    return [replace(first, content=tuple(content)), *others[1:]]


def _images_first(content: tuple[Text | Image, ...]) -> tuple[Text | Image, ...]:
    images = [part for part in content if isinstance(part, Image)]
    first = tuple(sorted(content, key=lambda part: isinstance(part, Text)))
    if len(images) < 2 or first == content:
        return first
    numbers = itertools.count(1)
    said = (part.text if isinstance(part, Text) else f"image {next(numbers)}" for part in content)
    return (*images, Text("".join(said)))


def keeps_places(render: Callable[[list[dict[str, Any]]], str], image: dict[str, Any]) -> bool:
    """Whether a chat template, as `render` applies it, leaves an image between two texts there."""
    before, behind = {"type": "text", "text": "before"}, {"type": "text", "text": "behind"}
    try:
        shown, plain_text = (
            render([{"role": "user", "content": content}])
            for content in ([before, image, behind], [before, behind])
        )
    except Exception:  # a template raises what it likes, and again where something is asked
        return True
    return _between(shown) != _between(plain_text)


def _between(text: str) -> str:
    return text.partition("before")[2].partition("behind")[0]


@dataclass(frozen=True, slots=True)
class Stops:
    """Stop strings: those that are single tokens (`tokens`), and the others (`texts`).

    A stop string that is one token ("<end_of_turn>") is not in the text of an engine that
    decodes without special tokens, and searching a text costs more than comparing tokens.
    """

    tokens: tuple[int, ...]
    texts: tuple[str, ...]


def read_stops(stop: Sequence[str], added_tokens: Mapping[str, int]) -> Stops:
    """Classify stop strings; `added_tokens`: the tokenizer's, beyond its plain vocabulary."""
    return Stops(
        tokens=tuple(added_tokens[text] for text in stop if text in added_tokens),
        texts=tuple(text for text in stop if text not in added_tokens),
    )


def template_to_serve(
    checkpoint: Checkpoint, revision: str | None, *, base: str | None = None
) -> str | None:
    """The template to pass to a server: the plugin's, or its fallback; `base`: that of an adapter.

    None if the checkpoint has its own, or if its files are not known.
    """
    if checkpoint.chat_template is not None or not checkpoint.fallback_templates:
        return checkpoint.chat_template
    try:
        folder = fetch_small_files(base or checkpoint.path, revision)
    except UsageError:  # the server asks the hub again, and says what is wrong
        return None
    if template_in(folder) is not None:
        return None
    model_type = read_json(folder / "config.json").get("model_type")
    return checkpoint.fallback_templates.get(str(model_type))
