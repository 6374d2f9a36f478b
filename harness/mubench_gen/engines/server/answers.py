"""A server's response with status 200 → a reply, or an error of its item. No aiohttp here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mubench_gen.engines.server.error_messages import (
    as_text,
    beginning,
    error_code,
    error_of,
    first_choice,
    loaded,
    what_it_is,
    words,
)
from mubench_gen.engines.server.models import Names
from mubench_gen.errors import ItemError, ReplyError
from mubench_gen.parser.finish_reason import REFUSAL, has_failed, refused_by
from mubench_gen.plugins.async_model import may_pass
from mubench_gen.types import Reply

_SURE = 1e-3  # upper limit of a log-probability: 0 plus float16's rounding
_PASSING = re.compile(
    r"rate.?limit|overload|time.?out|(server|internal).?error|unavailable|exhausted|temporar",
    re.IGNORECASE,
)
_STATUS = re.compile(r"[1-5]\d\d", re.ASCII)
_FAULT_SIGNS = (b'"error"', b'"abort', b'"cancel', b'"ABORT', b'"ERROR')


class TopLogprobs(NamedTuple):
    """The listed first tokens of a reply with their log-probabilities, and usage.

    `unknown` are tokens that are listed without a number, as JSON has none for a probability of 0.
    """

    tokens: list[tuple[str, float]]
    usage: Mapping[str, int] | None
    unknown: frozenset[str] = frozenset()


def read_reply(content: bytes, names: Names) -> Reply:
    """The reply of a chat completion. Raises ReplyError or ItemError for anything else."""
    if (filter_ := filtered(content)) is not None:
        return Reply("", finish_reason=filter_)
    message, choice, document = _parts(content, names)
    text, refusal = _text(message, content)
    reason = _reason(choice)
    if refusal and not text:
        text, reason = refusal, REFUSAL
    if not text and (message.get("tool_calls") or message.get("function_call")):
        raise _bad("the server took the reply for a tool call, though no tool was offered", content)
    usage, thought = read_usage(document), _reasoning(message)
    if thought and usage is not None and usage.get("reasoning_tokens") == 0:
        # vLLM (0.32) counts none of a thought that the prompt opened.
        usage = {name: count for name, count in usage.items() if name != "reasoning_tokens"}
    return Reply(text, finish_reason=reason, usage=usage, reasoning=thought)


def read_logprobs(content: bytes, names: Names) -> TopLogprobs | Reply:
    """The log-probabilities of a reply's first token; the reply itself if the model refused."""
    if (filter_ := filtered(content)) is not None:
        return Reply("", finish_reason=filter_)
    _, choice, document = _parts(content, names)
    reason, usage = _reason(choice), read_usage(document)
    if refused_by(reason):
        return Reply("", finish_reason=reason, usage=usage)
    try:
        first = choice["logprobs"]["content"][0]
        listed = [*first["top_logprobs"], first]
        given = {as_text(one["token"]): one["logprob"] for one in reversed(listed)}
        found = {token: float(one) for token, one in given.items() if one is not None}
    except (KeyError, IndexError, TypeError, ValueError):
        raise ReplyError(
            "the server gave no log-probabilities with its reply; --readout parse needs none"
        ) from None
    if not found:
        raise _bad("all log-probabilities are null", content)
    if not all(logprob <= _SURE for logprob in found.values()):
        raise _bad("a log-probability is above 0 or not a number", content)
    return TopLogprobs(list(found.items()), usage, frozenset(given.keys() - found.keys()))


def filtered(content: bytes) -> str | None:
    """The code of an error by which a filter outside the model refused the request, if it did."""
    code = error_code(content) if b'"error"' in content else ""
    return code if refused_by(code) else None


def failed_for_now(content: bytes) -> bool:
    """Whether a response with status 200 is a temporary fault.

    That is an error with such a code, or a reply that the server aborted without a reason.
    """
    if not any(sign in content for sign in _FAULT_SIGNS):  # faster than parsing it
        return False
    document = loaded(content)
    if not isinstance(document, dict):
        return False
    choice = first_choice(document)
    error = error_of(document)
    return _passes(error) if error else has_failed(_reason(choice))


def read_usage(document: Mapping[str, Any]) -> dict[str, int] | None:
    """The token counts that the server reports: prompt, completion, cached, reasoning."""
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return None
    inner = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = inner[0].get("cached_tokens") if isinstance(inner[0], dict) else None
    reasoning = inner[1].get("reasoning_tokens") if isinstance(inner[1], dict) else None
    counts = {
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cached_tokens": cached,
        "reasoning_tokens": reasoning,
    }
    known = {k: v for k, v in counts.items() if isinstance(v, int) and not isinstance(v, bool)}
    return known or None


def _parts(content: bytes, names: Names) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The message, its choice, and the whole document of a completed reply."""
    document = loaded(content)
    if not isinstance(document, dict):
        raise ReplyError(f"the reply is not a chat completion but {what_it_is(content)}")
    if error_of(document):
        raise ItemError(f"the server answered with an error: {words(content)}")
    choices = document.get("choices")
    if not isinstance(choices, list):
        raise ReplyError(f"the reply is not a chat completion: {words(content)}")
    if len(choices) != 1:
        raise _bad(f"the server gave {len(choices)} choices to a request for one", content)
    choice = first_choice(document)
    message, reason = choice.get("message"), _reason(choice)
    if has_failed(reason):
        raise _bad(f"the server aborted the reply (finish_reason {reason!r:.40})", content)
    if not isinstance(message, dict):
        raise _bad("the one choice of the reply has no message", content)
    if choice.get("index", 0) not in (0, None):
        index = as_text(choice["index"])
        raise _bad(f"the one choice of the reply has the index {index:.40}", content)
    names.check(document.get("model"))
    return message, choice, document


def _text(message: Mapping[str, Any], content: bytes) -> tuple[str, str]:
    """The model's text, and its refusal if that is in a separate field."""
    said, refusal = message.get("content"), message.get("refusal")
    parts = said if isinstance(said, list) else [{"text": said}, {"refusal": refusal}]
    if not isinstance(said, (str, list)) and said is not None:
        raise _bad(f"the reply is not text but {type(said).__name__}", content)
    return _joined(parts, "text"), _joined(parts, "refusal")


def _reasoning(message: Mapping[str, Any]) -> str | None:
    """What the model thought, in the field that vLLM and SGLang, or OpenRouter, give it in."""
    for name in ("reasoning_content", "reasoning"):
        thought = message.get(name)
        if isinstance(thought, str) and thought.strip():
            return thought
    return None


def _joined(parts: Sequence[Any], name: str) -> str:
    """Join the texts of the parts with this name, and this type if they have one."""
    found = (
        part.get(name)
        for part in parts
        if isinstance(part, dict) and part.get("type", name) in (name, f"output_{name}")
    )
    return "".join(text for text in found if isinstance(text, str))


def _reason(choice: Mapping[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    if isinstance(reason, dict):  # SGLang nests it
        reason = reason.get("type")
    return reason if isinstance(reason, str) else None


def _passes(error: Any) -> bool:
    """Whether an error is temporary, by its code (a status or a word)."""
    if not isinstance(error, dict):
        return False
    codes = [error.get(name) for name in ("code", "status", "type")]
    said = [as_text(code) for code in codes]
    numbers = [code for code in said if _STATUS.fullmatch(code)]
    if numbers:
        return may_pass(int(numbers[0]))
    return any(_PASSING.search(code) for code in said)


def _bad(what: str, content: bytes) -> ReplyError:
    return ReplyError(f"{what}: {beginning(content)}")
