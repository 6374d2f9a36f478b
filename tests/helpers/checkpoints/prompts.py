"""What the models are asked, as text: conversations, and the snapshot of what they become.

The snapshot, prompts.json, is of no engine: a template and the quirks of a plugin make it.
Engines are compared with it. After a change that is meant, MUBENCH_GEN_WRITE_SNAPSHOTS=1
writes it anew.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from mubench_gen.engines.conversation import choose_template, conversation, plain
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.model import Checkpoint
from mubench_gen.types import Image, Message, Request, Sampling, Text

from . import Architecture

SNAPSHOT = Path(__file__).with_name("prompts.json")
_QUESTION = Text("Which modality is this?\nA. light\nB. electron\nAnswer with the label only.")
_SYSTEM = Message("system", (Text("You look at micrographs."),))


def noise(seed: int, width: int = 60, height: int = 40) -> Image:
    """An image of noise, another one for each seed."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    stream = io.BytesIO()
    PillowImage.fromarray(values).save(stream, "PNG")
    return Image(f"noise-{seed}.png", stream.getvalue, StandardPolicy())


def ask(
    messages: tuple[Message, ...] | None = None,
    *,
    seed: int = 1,
    text: str = _QUESTION.text,
    max_tokens: int = 6,
) -> Request:
    """A request for these messages, or for a text about the image of that seed."""
    said = messages or (Message("user", (noise(seed), Text(text))),)
    images = [part for turn in said for part in turn.content if isinstance(part, Image)]
    key = f"{seed} {text}"
    sampling = Sampling(0.0, max_tokens)
    return Request(key, said, ("A", "B"), "parse", sampling, images[0] if images else None)


def conversations() -> Mapping[str, tuple[Message, ...]]:
    """Conversations by name."""
    shown = noise(1)
    return {
        "question": (Message("user", (shown, _QUESTION)),),
        "system": (_SYSTEM, Message("user", (shown, _QUESTION))),
        "image last": (Message("user", (_QUESTION, shown)),),
        "blind": (Message("user", (_QUESTION,)),),
        "boxes": (Message("user", (shown, Text("detect nucleus"))),),
    }


def render(architecture: Architecture, checkpoint: Checkpoint) -> dict[str, str]:
    """What each conversation becomes for the architecture as `checkpoint` declares it."""
    from transformers.utils.chat_template_utils import render_jinja_template

    template = choose_template(
        checkpoint, architecture.format, model_type=architecture.model_type, name=architecture.name
    )
    bos, eos = architecture.ends
    variables = {"bos_token": bos, "eos_token": eos, **checkpoint.template_arguments}
    prompts = {}
    for name, messages in conversations().items():
        turns = plain(conversation(messages, checkpoint), {"type": "image"})
        rendered, _ = render_jinja_template(
            [turns], chat_template=template.text, add_generation_prompt=True, **variables
        )
        prompts[name] = str(rendered[0])
    return prompts


def snapshot(architecture: str, prompts: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """The prompts that are held for an architecture; those given, where they are written anew."""
    held: dict[str, dict[str, str]] = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    if prompts is not None and os.environ.get("MUBENCH_GEN_WRITE_SNAPSHOTS"):
        held[architecture] = dict(prompts)
        SNAPSHOT.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n")
    return held[architecture]
