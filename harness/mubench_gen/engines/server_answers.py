"""What a server sent → a reply, or an error in the server's words. No aiohttp here."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import orjson

from mubench_gen.errors import ItemError, MubenchError, ReplyError, UsageError
from mubench_gen.types import Reply

_SHOWN = 400  # letters of a server's words
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum (model|context|input) length|max_model_len"
    r"|exceed\w* .{0,40}(context|tokens)|(prompt|input) is too long|longer than the maximum",
    re.IGNORECASE,
)
_NO_IMAGES = re.compile(
    r"not a multimodal model|image input is not supported|image_url is only supported"
    r"|does(n't| not) support (images?|vision)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?![\w.]*\d)")


def read_reply(content: bytes) -> Reply:
    """The one reply of a chat completion. ReplyError for anything else."""
    message, choice, document = _parts(content)
    return Reply(_text(message), finish_reason=_reason(choice), usage=read_usage(document))


def read_logprobs(content: bytes) -> tuple[list[tuple[str, float]], Mapping[str, int] | None]:
    """The listed tokens of the reply's first place with their log-probabilities, and usage."""
    _, choice, document = _parts(content)
    try:
        first = choice["logprobs"]["content"][0]
        listed = [*first["top_logprobs"], first]
        found = {str(one["token"]): float(one["logprob"]) for one in reversed(listed)}
    except (KeyError, IndexError, TypeError, ValueError):
        raise ReplyError(
            "the server gave no log-probabilities with its reply; --readout parse needs none"
        ) from None
    return list(found.items()), read_usage(document)


def read_usage(document: Mapping[str, Any]) -> dict[str, int] | None:
    """Token counts as far as the server tells: prompt, completion, cached, reasoning."""
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


def words(content: bytes) -> str:
    """What an error's body says, in one line: its message where it is JSON, a page's title."""
    document = _loaded(content)
    if isinstance(document, dict):
        error = document.get("error", document)
        for said in (
            error.get("message") if isinstance(error, dict) else error,
            document.get("message"),
            document.get("detail"),
        ):
            if said:
                return _line(said if isinstance(said, str) else orjson.dumps(said).decode())
    text = content.decode("utf-8", "replace")
    return _page(text) or _line(text) or "no word of why"


def error_code(content: bytes) -> str:
    """The code or type of an error's body (`insufficient_quota`); empty where it has none."""
    document = _loaded(content)
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return ""
    return str(error.get("code") or error.get("type") or "")


def reads_no_images(content: bytes) -> bool:
    """Whether an error's body says that the model takes none."""
    return bool(_NO_IMAGES.search(words(content)))


def refusal(status: int, content: bytes, *, context: int | None) -> MubenchError:
    """The error of a status that trying again won't change.

    A refused key, a redirect, an unknown path or model, and a model of text alone are the
    user's to fix; anything else is the item's. `context` is the model's length in tokens,
    where the server told it.
    """
    said = words(content)
    if status in (401, 403):
        return UsageError(
            f"The server refuses the key, or wants one ({status}): {said}. Keys are read from the "
            "environment: set OPENAI_API_KEY, or name a variable with -o engine.key_env=NAME."
        )
    if status in (404, 405):
        return UsageError(
            f"The server knows no such path or model ({status}): {said}. --base-url goes up to "
            "/v1; its /models lists what is served."
        )
    if 300 <= status < 400:
        return UsageError(f"The server redirects ({status}). Give the URL that it redirects to.")
    if _NO_IMAGES.search(said):
        return UsageError(
            f"The server's model reads no images: {said}. Serve one that does (llama.cpp wants "
            "its --mmproj), or ask without images: --control blind."
        )
    if _TOO_LONG.search(said):
        return ItemError(_too_long(said, content, context))
    if status == 413:
        return ItemError(f"the request is too large for the server (413): {said}")
    return ItemError(f"the server refuses the request ({status}): {said}")


def _parts(content: bytes) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The message, its choice, and the whole document."""
    document = _loaded(content)
    if not isinstance(document, dict):
        raise ReplyError(f"the reply is no chat completion but {_what(content)}")
    choices = document.get("choices")
    if not isinstance(choices, list):
        if "error" in document:
            raise ItemError(f"the server answered with an error: {words(content)}")
        raise ReplyError(f"the reply is no chat completion: {words(content)}")
    if len(choices) != 1:
        raise ReplyError(f"the server gave {len(choices)} choices to a request for one")
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise ReplyError("the one choice of the reply has no message")
    if choice.get("index", 0) not in (0, None):
        raise ReplyError(f"the one choice of the reply has the index {choice['index']}")
    return message, choice, document


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if content is None:
        refused = message.get("refusal")
        return refused if isinstance(refused, str) else ""
    raise ReplyError(f"the reply is no text but {type(content).__name__}")


def _reason(choice: Mapping[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else None


def _too_long(said: str, content: bytes, context: int | None) -> str:
    """Both lengths by name, from the server's words and what it told of the model."""
    document = _loaded(content)
    error = document.get("error") if isinstance(document, dict) else None
    facts = error if isinstance(error, dict) else {}
    known = context or facts.get("n_ctx")
    asked = facts.get("n_prompt_tokens")
    numbers = [int(n.replace(",", "")) for n in _NUMBER.findall(said)]
    if asked is None and known is not None:
        asked = next((n for n in numbers if n > known), None)
    if asked is None or known is None:
        return f"the prompt is longer than the model's context: {said}"
    return (
        f"The request has {asked} tokens, the model's context {known}. Use a shorter prompt, or a "
        f"model with a longer context. The server's words: {said}"
    )


def _loaded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _what(content: bytes) -> str:
    if not content.strip():
        return "empty"
    text = content[:10_000].decode("utf-8", "replace")
    return _page(text) or f"no JSON, or half of it: {_line(text)[:80]!r}"


def _page(text: str) -> str:
    """What a web page is about; empty where the text is none."""
    if not re.match(r"\s*<(!doctype|html|head|body)", text, re.IGNORECASE):
        return ""
    title = _TITLE.search(text)
    return "a web page" + (f", {_line(html.unescape(title[1]))!r}" if title else "")


def _line(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
