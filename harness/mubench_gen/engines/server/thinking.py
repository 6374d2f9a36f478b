"""`--thinking` as each kind of server wants to be told, and thoughts out of its replies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from mubench_gen.engines.server.client import Client
from mubench_gen.engines.server.options import ServerKind
from mubench_gen.engines.server.tokens import ServerTokenizer
from mubench_gen.engines.thinking import (
    MARKS,
    ROOM,
    SWITCHES,
    Thinking,
    ThoughtMarks,
    no_switch,
    opened_by,
    split_thought,
)
from mubench_gen.errors import ItemError, SettingError, UsageError
from mubench_gen.parser.finish_reason import is_complete
from mubench_gen.types import Reply

Fields = dict[str, Any]
TEMPLATES = ("vllm", "sglang", "llama.cpp")  # kinds that hand arguments to a chat template
_LOW, _MEDIUM = 1024, 8192  # the largest budgets that count as little and as medium effort
_LEAST_OF_ANTHROPIC = 1024


def thinking_fields(thinking: Thinking | None, kind: ServerKind) -> Fields:
    """The fields of a request. Raises SettingError for a budget that this kind cannot keep."""
    if thinking is None:
        return {}
    if kind in TEMPLATES:
        return _template_fields(thinking, kind)
    if kind == "openrouter":
        budget = thinking.budget
        return {"reasoning": {"enabled": thinking.on} if budget is None else {"max_tokens": budget}}
    if kind == "anthropic":
        return {"thinking": _of_anthropic(thinking)}
    return {"reasoning_effort": effort(thinking)}


def effort(thinking: Thinking) -> str:
    """The word for it. The tokens of a budget are bounded by the limit of the reply."""
    if not thinking.on:
        return "none"
    if thinking.budget is None:
        return "medium"
    return "low" if thinking.budget <= _LOW else "medium" if thinking.budget <= _MEDIUM else "high"


def _template_fields(thinking: Thinking, kind: ServerKind) -> Fields:
    if thinking.budget is not None and kind == "sglang":
        raise SettingError(
            f"{thinking.flag}: SGLang bounds no thought by a field of a request. Use --thinking "
            "on, and --max-tokens for thought and answer together."
        )
    names = {"vllm": "thinking_token_budget", "llama.cpp": "thinking_budget_tokens"}
    bound = {} if thinking.budget is None else {names[kind]: thinking.budget}
    return {"chat_template_kwargs": _switched(thinking.on), **bound}


def _switched(on: bool) -> Fields:
    """By all its names: a template does not mind an argument that it does not read."""
    return dict.fromkeys(SWITCHES, on)


def _of_anthropic(thinking: Thinking) -> Fields:
    if not thinking.on:
        return {"type": "disabled"}
    budget = ROOM if thinking.budget is None else thinking.budget
    if budget < _LEAST_OF_ANTHROPIC:
        raise SettingError(
            f"{thinking.flag}: Anthropic's models think for {_LEAST_OF_ANTHROPIC:,} tokens at "
            "least."
        )
    return {"type": "enabled", "budget_tokens": budget}


def opened_marks(
    client: Client, model: str, kind: ServerKind, thinking: Thinking | None, talk: Fields
) -> ThoughtMarks | None:
    """The marks of a thought that the server's chat template opens in the prompt, where known.

    Raises UsageError where its template has no switch for what `thinking` asks for.
    """
    if thinking is None or kind not in ("vllm", "llama.cpp"):
        return None
    render = _ends_of_vllm if kind == "vllm" else _ends_of_llama_cpp
    try:
        mine, others = (
            render(client, model, _with(talk, on)) for on in (thinking.on, not thinking.on)
        )
    except (ItemError, UsageError):  # a server that does not tell
        return None
    opened = opened_by(mine)
    if mine == others and not (thinking.on and opened is not None):
        raise UsageError(no_switch(thinking, model, always=opened is not None))
    return opened


def _with(talk: Fields, on: bool) -> Fields:
    given = talk.get("chat_template_kwargs", {})
    return {"chat_template_kwargs": {**given, **_switched(on)}}


def _ends_of_vllm(client: Client, model: str, talk: Fields) -> str:
    tokenizer = ServerTokenizer(client, model, talk)
    return tokenizer.decode(tokenizer.chat(reply=True))


def _ends_of_llama_cpp(client: Client, model: str, talk: Fields) -> str:
    body = orjson.dumps({"model": model, "messages": [{"role": "user", "content": "?"}], **talk})
    content = client.run(client.post("apply-template", body, about="", root=True))
    try:
        return str(orjson.loads(content)["prompt"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise ItemError("the server's /apply-template gave no prompt") from None


def marks_of_cut(
    opened: ThoughtMarks | None, kind: ServerKind, thinking: Thinking | None
) -> ThoughtMarks | None:
    """The marks by which a cut text without any is a thought: the template's, or the usual ones
    where the model was told to think and its server may leave thoughts in the text."""
    if opened is None and thinking is not None and thinking.on and kind in TEMPLATES:
        return MARKS[0]
    return opened


def apart(reply: Reply, opened: ThoughtMarks | None) -> Reply:
    """The reply with a thought in its text put apart, where the server has not done so.

    `opened`: of a thought that the prompt opens; a text without a mark is one if it was cut.
    """
    thought = None if reply.reasoning else split_thought(reply.text, opened)
    if thought is None:
        return reply
    begun = reply.text.lstrip().startswith(thought.marks.opening)
    if not thought.closed and not begun and is_complete(reply.finish_reason) is not False:
        return reply
    return replace(reply, text=thought.answer, reasoning=thought.text or None)
