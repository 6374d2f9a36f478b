"""request → JSON body of a chat completion; constrained reply → label.

Images are sent as the bytes of their files in base64, encoded once per image.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from mubench_gen.engines.conversation import conversation
from mubench_gen.engines.server.options import ServerKind, ServerOptions
from mubench_gen.engines.server.thinking import TEMPLATES, thinking_fields
from mubench_gen.engines.thinking import read_thinking
from mubench_gen.errors import ReplyError
from mubench_gen.images.files import bare, media_type
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.parser.finish_reason import refused_by
from mubench_gen.types import Image, Message, Reply, Request, Text, as_png

Urls = Mapping[str, orjson.Fragment]  # data URLs as JSON, by the image's SHA-256
_JSON_TOKENS = 64  # least limit of tokens for an answer as JSON
# Neutral values, which override a checkpoint's generation settings on servers that apply them.
_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "vllm": {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0},
    "sglang": {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0},
    "llama.cpp": {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0},
    "ollama": {"top_p": 1.0},
    "openai": {},
    "openrouter": {"top_p": 1.0},
    "anthropic": {},  # takes no top_p beside a temperature
    "other": {"top_p": 1.0},
}
_MOST = 32 * 2**20  # bytes of base64 that are kept
_THREADS = 2


class RequestWriter:
    """Writes bodies for one model of one kind of server."""

    def __init__(
        self,
        model: str,
        kind: ServerKind,
        checkpoint: Checkpoint,
        options: ServerOptions,
        run: Runtime,
    ) -> None:
        self.kind = kind
        self._checkpoint = checkpoint
        self._omit = frozenset(options.omit)
        usual = "max_completion_tokens" if kind == "openai" else "max_tokens"
        self._limit = options.limit_field or usual
        self._seed = run.seed if run.deterministic else None
        thinking = thinking_fields(read_thinking(run.thinking), kind)
        own = checkpoint.template_arguments if kind in TEMPLATES else {}
        arguments = {**own, **thinking.pop("chat_template_kwargs", {})}
        self.talk: dict[str, Any] = {"chat_template_kwargs": arguments} if arguments else {}
        self._same: dict[str, Any] = {
            "model": model,
            **_PLAIN[kind],
            **({"stop": list(checkpoint.stop)} if checkpoint.stop else {}),
            **self.talk,
            **thinking,
            **options.body,
        }

    def add_defaults(self, fields: Mapping[str, Any]) -> None:
        """Put fields in every body, under those that the user gave."""
        self._same = {**fields, **self._same}

    def body(
        self,
        request: Request,
        urls: Urls,
        *,
        limit: int | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The body; `urls` has the JSON of each image's data URL, which is put in as it is."""
        sampling = request.sampling
        fields: dict[str, Any] = {
            **self._same,
            self._limit: limit or sampling.max_tokens,
            "temperature": sampling.temperature,
            "messages": self.messages(request.messages, urls),
        }
        seed = sampling.seed if sampling.seed is not None else self._seed
        if seed is not None:
            fields["seed"] = seed % 2**31
        if more:
            fields |= more
        for name in self._omit:
            fields.pop(name, None)
        return orjson.dumps(fields)

    def messages(self, messages: Sequence[Message], urls: Urls) -> list[dict[str, Any]]:
        """The messages in the interface's form; one with only text as a string."""
        return [
            {"role": turn.role, "content": _content(turn, urls)}
            for turn in conversation(messages, self._checkpoint)
        ]

    def choice(self, labels: Sequence[str]) -> dict[str, Any]:
        """The fields that constrain the reply to the labels, for this kind of server."""
        if self.kind == "vllm":
            return {"structured_outputs": {"choice": list(labels)}}
        if self.kind == "sglang":
            return {"regex": "(" + "|".join(re.escape(label) for label in labels) + ")"}
        if self.kind == "llama.cpp":
            rules = " | ".join(orjson.dumps(label).decode() for label in labels)
            return {"grammar": f"root ::= {rules}"}
        return {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "answer",
                    "strict": True,
                    "schema": {
                        "type": "object",
                        "properties": {"answer": {"type": "string", "enum": list(labels)}},
                        "required": ["answer"],
                        "additionalProperties": False,
                    },
                },
            }
        }

    def choice_limit(self, request: Request) -> int:
        """The limit of tokens for a choice; as JSON it needs more than a label."""
        as_json = self.kind not in TEMPLATES
        return max(request.sampling.max_tokens, _JSON_TOKENS if as_json else 8)

    def read_choice(self, reply: Reply, request: Request) -> Reply:
        """The chosen label. Raises ReplyError if the server did not keep to the labels."""
        if refused_by(reply.finish_reason):
            return reply
        text = reply.text.strip()
        if text not in request.labels:
            text = _answer(text)
        if text not in request.labels:
            raise ReplyError(
                f"the server did not keep to the labels {', '.join(request.labels)} but wrote "
                f"{reply.text[:80]!r}. It does not do structured output as a server of the kind "
                f"{self.kind} does: use --readout parse, or another -o engine.kind"
            )
        return replace(reply, text=text)


def _content(turn: Message, urls: Urls) -> str | list[dict[str, Any]]:
    parts = turn.content
    if not any(isinstance(part, Image) for part in parts):
        return "\n".join(part.text for part in parts if isinstance(part, Text))
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, Text)
        else {"type": "image_url", "image_url": {"url": urls[part.sha256]}}
        for part in parts
    ]


def _answer(text: str) -> str:
    """The answer in a JSON object; empty if the text is not one."""
    try:
        answer = orjson.loads(text)["answer"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return answer if isinstance(answer, str) else ""


class ImageUrls:
    """Data URLs of recent images, as fragments of JSON.

    A PNG, JPEG, WebP or GIF file that the image policy leaves unchanged is sent as it is, unless
    it has a colour profile or an orientation, which only some servers apply. Otherwise the
    decoded pixels are sent as a PNG. For use in one event loop.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, orjson.Fragment]] = OrderedDict()
        self._coming: dict[str, asyncio.Future[bytes]] = {}
        self._size = 0
        self._pool: ThreadPoolExecutor | None = None
        self._encode = _encoder()
        self.encoded = 0  # images whose base64 was made
        self.converted = 0  # of those, images that were decoded and encoded as PNG

    def known(self, image: Image) -> orjson.Fragment | None:
        """The fragment if it is cached or quick to make; else None, and `of` must be awaited."""
        kept = self._kept.get(image.sha256)
        if kept is not None:
            return kept[1]
        if image.conversion is not None:
            return None
        media = media_type(image.data)
        content = bare(image.data) if media else None
        if media is None or content is None:
            return None
        return self._keep(image.sha256, media, content)

    async def of(self, image: Image) -> orjson.Fragment:
        """The fragment. Raises ImageError if the image cannot be decoded."""
        known = self.known(image)
        if known is not None:
            return known
        digest = image.sha256
        coming = self._coming.get(digest)
        if coming is None:
            self._pool = self._pool or ThreadPoolExecutor(_THREADS, "mubench-gen png")
            loop = asyncio.get_running_loop()
            coming = self._coming[digest] = loop.run_in_executor(self._pool, _as_png, image)
            self.converted += 1
        try:
            png = await asyncio.shield(coming)
        finally:
            if coming.done():
                self._coming.pop(digest, None)
        kept = self._kept.get(digest)
        return kept[1] if kept is not None else self._keep(digest, "image/png", png)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, digest: str, media: str, content: bytes) -> orjson.Fragment:
        # Joined, because formatting would take half as long as the base64 itself.
        text = b"".join((b'"data:', media.encode(), b";base64,", self._encode(content), b'"'))
        fragment = orjson.Fragment(text)
        self.encoded += 1
        self._kept[digest] = (len(text), fragment)
        self._size += len(text)
        while self._size > _MOST and len(self._kept) > 1:
            self._size -= self._kept.popitem(last=False)[1][0]
        return fragment


def _encoder() -> Callable[[bytes], bytes]:
    """base64 by pybase64 if installed, which takes a tenth of the standard library's time."""
    try:
        from pybase64 import b64encode
    except ImportError:
        return partial(binascii.b2a_base64, newline=False)
    encode: Callable[[bytes], bytes] = b64encode
    return encode


def _as_png(image: Image) -> bytes:
    return as_png(image.pixels())
