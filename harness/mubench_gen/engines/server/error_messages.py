"""Reads and explains servers' error responses. No aiohttp here."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from mubench_gen.engines.server.fields import way_round
from mubench_gen.errors import ItemError, MubenchError, UsageError

_SHOWN = 400  # characters shown of a server's message
_LOOKED_AT = 10_000  # characters examined of a response that is not JSON
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
_OF_LLAMA_CPP = "exceed_context_size_error"
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?![\w.]*\d)")


def words(content: bytes) -> str:
    """An error's body in one line: the message of JSON, the title of a web page, or the text."""
    document = loaded(content)
    if isinstance(document, dict):
        error = error_of(document) or document
        for said in (
            error.get("message") if isinstance(error, dict) else error,
            document.get("message"),
            document.get("detail"),
        ):
            if said:
                return _line(as_text(said))
    text = content[:_LOOKED_AT].decode("utf-8", "replace")
    return _page(text) or _line(text) or "without a message"


def error_code(content: bytes) -> str:
    """The code or type of an error's body (`insufficient_quota`); empty if it has none."""
    document = loaded(content)
    error = error_of(document) if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return ""
    return as_text(error.get("code") or error.get("type") or "")


def error_of(document: Mapping[str, Any]) -> Any:
    """The error in a document or in its choice; the document itself where it calls itself one."""
    error = document.get("error") or first_choice(document).get("error")
    return error or (document if document.get("object") == "error" else None)


def reads_no_images(content: bytes) -> bool:
    """Whether an error's body says that the model reads no images."""
    return bool(_NO_IMAGES.search(words(content)))


def refusal(
    status: int,
    content: bytes,
    *,
    context: int | None,
    omitted: Sequence[str] = (),
    body: Collection[str] = (),
) -> MubenchError:
    """The error of a status that trying again won't change.

    A refused key, a redirect, an unknown path or model, a text-only model, and a field that the
    server never takes are UsageErrors; anything else is an error of the item. `context`: the
    model's context in tokens, if known; `omitted` and `body`: as in `way_round`.
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
    way = way_round(said, loaded(content), omitted=omitted, body=body)
    if way is not None:
        return UsageError(
            f"The server refuses a field of every request ({status}): {said}. Type: {way}."
        )
    return ItemError(f"the server refuses the request ({status}): {said}")


def first_choice(document: Mapping[str, Any]) -> dict[str, Any]:
    """The first choice of a completion; empty if there is none."""
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _too_long(said: str, content: bytes, context: int | None) -> str:
    """A message with both lengths, from the server's message and the known context."""
    document = loaded(content)
    error = document.get("error") if isinstance(document, dict) else None
    facts = error if isinstance(error, dict) else {}
    known, asked = (_count(facts.get(name)) for name in ("n_ctx", "n_prompt_tokens"))
    known = context or known
    numbers = [int(n.replace(",", "")) for n in _NUMBER.findall(said)]
    if asked is None and known is not None:
        asked = next((n for n in numbers if n > known), None)
    if asked is None or known is None:
        return f"the prompt is longer than the model's context: {said}"
    longer = "a model with a longer context"
    if facts.get("type") == _OF_LLAMA_CPP:
        longer = (
            "a longer context: --ctx-size of llama.cpp's server, -o engine.ctx_size of "
            "--engine llama-server"
        )
    return (
        f"The request has {asked} tokens, the model's context {known}. Use a shorter prompt, or "
        f"{longer}. The server's words: {said}"
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def loaded(content: bytes) -> Any:
    """The parsed JSON document; None if the text is not JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def what_it_is(content: bytes) -> str:
    """Describes a body that is not a JSON object."""
    if not content.strip():
        return "empty"
    text = content[:_LOOKED_AT].decode("utf-8", "replace")
    kind = "not JSON, or cut off" if loaded(content) is None else "other JSON"
    return _page(text) or f"{kind}: {beginning(content)}"


def beginning(content: bytes) -> str:
    """The beginning of a body, for a message."""
    return repr(_line(content[:_LOOKED_AT].decode("utf-8", "replace"))[:80])


def as_text(said: Any) -> str:
    """A part of a document as text; anything but a string as JSON."""
    try:
        return said if isinstance(said, str) else orjson.dumps(said).decode()
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return "nested too deep to be shown"


def _page(text: str) -> str:
    """Describes a web page by its title; empty if the text is not HTML."""
    if not re.match(r"\s*<(!doctype|html|head|body)", text, re.IGNORECASE):
        return ""
    title = _TITLE.search(text)
    return "a web page" + (f", {_line(html.unescape(title[1]))!r}" if title else "")


def _line(text: str) -> str:
    line = " ".join(text[:_LOOKED_AT].split()).rstrip(".")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
