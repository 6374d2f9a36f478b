"""`--thinking` on vLLM: the chat template's arguments, and thoughts out of replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mubench_gen.engines.conversation import ChatTemplate
from mubench_gen.engines.thinking import (
    Thought,
    ThoughtMarks,
    marks_in,
    no_switch,
    opened_by,
    probe_end,
    read_thinking,
    split_thought,
    template_arguments,
)
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Reply


def told_to_think(
    checkpoint: Checkpoint, runtime: Runtime, config: Any, template: ChatTemplate | None
) -> tuple[Checkpoint, ThoughtMarks | None]:
    """The checkpoint with the template's arguments for `--thinking`, and the marks of a thought
    that its prompts then open. Raises UsageError for a template without a switch.
    """
    thinking = read_thinking(runtime.thinking)
    if template is None:
        if thinking is not None:
            raise UsageError(no_switch(thinking, str(checkpoint.path), always=False))
        return checkpoint, None
    from vllm.tokenizers import cached_tokenizer_from_config

    tokenizer = cached_tokenizer_from_config(config)

    def render(turns: list[dict[str, Any]]) -> str:
        return str(
            tokenizer.apply_chat_template(
                turns,
                chat_template=template.text,
                tokenize=False,
                add_generation_prompt=True,
                **arguments,
            )
        )

    arguments = dict(checkpoint.template_arguments)
    opened = opened_by(probe_end(render))
    name = str(checkpoint.path)
    arguments |= template_arguments(thinking, template.text, opened, name=name)
    return replace(checkpoint, template_arguments=arguments), opened_by(probe_end(render))


def budget_of(runtime: Runtime) -> int | None:
    """The tokens of a thought at most; None without a bound."""
    thinking = read_thinking(runtime.thinking)
    return None if thinking is None else thinking.budget


def bounds_of_thoughts(
    runtime: Runtime, opened: ThoughtMarks | None, template: ChatTemplate | None
) -> dict[str, Any]:
    """The argument by which vLLM knows where thoughts begin and end, so that it can bound them."""
    if budget_of(runtime) is None or template is None:
        return {}
    from vllm.config import ReasoningConfig

    return {"reasoning_config": ReasoningConfig(**named(opened or marks_in(template.text)))}


def named(marks: ThoughtMarks) -> dict[str, str]:
    """The marks by the names that they have in vLLM's configuration."""
    return {"reasoning_start_str": marks.opening, "reasoning_end_str": marks.closing}


def apart(
    reply: Reply, tokens: Sequence[int], opened: ThoughtMarks | None, added: Mapping[str, int]
) -> Reply:
    """The reply of these tokens with its thought put apart; `opened`: of one that the prompt opens.

    `added`: the tokenizer's tokens beyond its plain vocabulary.
    """
    thought = split_thought(reply.text, opened)
    if thought is None:
        return reply
    length = _length(tokens, thought, added)
    usage = {**(reply.usage or {}), **({} if length is None else {"reasoning_tokens": length})}
    return replace(reply, text=thought.answer, usage=usage, reasoning=thought.text or None)


def _length(tokens: Sequence[int], thought: Thought, added: Mapping[str, int]) -> int | None:
    """The number of tokens of a thought; None if its closing mark is not a token by itself."""
    if not thought.closed:
        return len(tokens)
    closing = added.get(thought.marks.closing)
    return None if closing is None or closing not in tokens else tokens.index(closing) + 1
