"""A generative checkpoint's peculiarities, found by rendering its chat template. No weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mubench_gen.engines.conversation import choose_template
from mubench_gen.engines.small_files import SmallFiles
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint

Render = Callable[[list[dict[str, Any]]], str]

# A question takes some thousand tokens, and vLLM would reserve room for the whole context; −1 takes
# as much as fits into memory.
_ARGUMENTS = {"vllm": {"max_model_len": -1}}
_SWITCH = "enable_thinking"
ON_VLLM = ("vllm", "vllm-server")  # engines
_SAID = "something said"
_MARK = re.compile(r"\s*(\S+?)(?=\s|$|<)")


def quirks_of(checkpoint: Checkpoint, files: SmallFiles, engine: str | None) -> Checkpoint:
    """The checkpoint with what its files tell of how it is to be asked.

    Raises UsageError without a processor, a chat template, or a place for an image in it.
    """
    template = choose_template(
        checkpoint, files.template, model_type=files.model_type, name=files.name
    ).text
    on_vllm = (engine or checkpoint.engines[0]) in ON_VLLM
    if not files.has_processor and not on_vllm:
        raise UsageError(
            f"{files.name} has no preprocessor_config.json and no processor_config.json, so that "
            "it is not known how it reads images. Get those files from the model that it was "
            "made from."
        )
    arguments = {_SWITCH: False} if _SWITCH in template else {}
    asked = replace(
        checkpoint,
        engine_arguments={**_ARGUMENTS, **checkpoint.engine_arguments},
        template_arguments={**arguments, **checkpoint.template_arguments},
    )
    render = _renderer(template)
    if _shows_images(render):
        return _with_turns(asked, files, render)
    if on_vllm:
        return asked
    raise UsageError(
        f"The chat template of {files.name} has no place for an image: it takes texts alone. "
        "Give one that has: -o chat_template=FILE; or --engine vllm, which puts images before "
        "the text."
    )


def _with_turns(checkpoint: Checkpoint, files: SmallFiles, render: Render) -> Checkpoint:
    """The checkpoint with what its template does to a system prompt and at a turn's end."""
    ends = _end_of_turn(render)
    return replace(
        checkpoint,
        system=checkpoint.system if _takes_system(render) else "user",
        stop=checkpoint.stop or ((ends,) if ends in files.added_tokens() else ()),
    )


def _renderer(template: str) -> Render:
    from transformers.utils.chat_template_utils import render_jinja_template

    def render(turns: list[dict[str, Any]]) -> str:
        rendered: Any = render_jinja_template(
            conversations=[turns], chat_template=template, bos_token="", eos_token=""
        )
        texts = rendered[0] if isinstance(rendered, tuple) else rendered
        return str(texts[0])

    return render


def _turn(role: str, *content: dict[str, str]) -> dict[str, Any]:
    return {"role": role, "content": list(content)}


_TEXT, _IMAGE = {"type": "text", "text": _SAID}, {"type": "image"}


def _tried(render: Render, *turns: dict[str, Any]) -> str | None:
    """The turns as text; None where the template refuses them, or writes a list as it stands."""
    try:
        text = render(list(turns))
    except Exception:  # a template raises what it likes
        return None
    return None if "'type':" in text else text


def _shows_images(render: Render) -> bool:
    shown = _tried(render, _turn("user", _IMAGE, _TEXT))
    return shown is not None and shown != _tried(render, _turn("user", _TEXT))


def _takes_system(render: Render) -> bool:
    system = _turn("system", {"type": "text", "text": "an order"})
    text = _tried(render, system, _turn("user", _IMAGE, _TEXT))
    return text is not None and "an order" in text


def _end_of_turn(render: Render) -> str:
    """What the template writes right behind an assistant's words; "" if nothing."""
    text = _tried(
        render,
        _turn("user", _IMAGE, {"type": "text", "text": "a question"}),
        _turn("assistant", _TEXT),
        _turn("user", {"type": "text", "text": "a question"}),
    )
    found = _MARK.match((text or "").partition(_SAID)[2])
    return found[1] if found else ""
