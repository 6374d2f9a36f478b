"""A checkpoint as a plugin names it; an engine makes a model of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mubench_gen.types.literals import Kind


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that an engine opens: a local folder or a hub id, in transformers' layout.

    `kind` "auto": whether it is generative or contrastive, on which engines it runs, and how it is
    asked, is found in its configuration, processor and chat template before anything is loaded.
    `engines` are those that it runs on; where the user names none, the first whose package
    is installed is taken. `chat_template` replaces the tokenizer's, `template_arguments`
    go to it ({"enable_thinking": False}); `stop` are strings that end a reply;
    `engine_arguments` go to an engine by its name ({"vllm": {"max_model_len": 4096}}).
    `system` "user": the model knows no system prompt, so that it goes before the first
    user's text. `images` "first": the model reads images before all text, wherever a prompt
    puts them. `fallback_templates` stand in where the checkpoint has no chat template, by its
    `model_type` ({"llava": …}). `hint` is added to the message where it cannot be opened, such
    as how to get access to it; `{id}` in it stands for the path. `path` may also be a LoRA adapter
    (PEFT): `base` is then what it changes, a folder or a hub id (also OWNER/NAME@REVISION), where
    that is not the one that the adapter's configuration names.
    """

    path: str | Path
    kind: Kind | Literal["auto"]
    revision: str | None = None
    chat_template: str | None = None
    stop: tuple[str, ...] = ()
    engine_arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    engines: tuple[str, ...] = ("transformers",)
    template_arguments: Mapping[str, Any] = field(default_factory=dict)
    system: Literal["system", "user"] = "system"
    images: Literal["anywhere", "first"] = "anywhere"
    fallback_templates: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""
    base: str | Path | None = None
