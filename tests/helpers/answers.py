"""What servers may answer, byte for byte, and what becomes of the item that it is an answer to."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .server import completion

Writes = Callable[[asyncio.Transport], Awaitable[None]]
ANSWERED, EMPTY, REFUSED, TRUNCATED = "answered", "empty", "refused", "truncated"
AGAIN = "again"  # the first time; a sound answer then
ERROR, LATE, DEAD = "error", "late", "dead"  # asked once; until its time is over; to the last try


@dataclass(frozen=True)
class Answer:
    """`wire`: what is sent before the connection is closed; `said`: a part of the item's error."""

    name: str
    expected: str
    wire: bytes | Writes
    said: str = ""


def http(body: bytes | str | Any, status: int | str = 200, /, **headers: str | int) -> bytes:
    """An HTTP/1.1 answer with its length; `content_length=…` and other headers replace or add."""
    content = body if isinstance(body, bytes) else _text(body).encode()
    about: dict[str, str | int] = {
        "content_length": len(content),
        "content_type": "application/json",
    }
    # Said, since it is done: or the client may ask again on a connection that is just closing.
    fields = {"connection": "close", **about, **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", *lines])
    return f"{head}\r\n\r\n".encode() + content


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def choice(text: Any = "A", **changes: Any) -> bytes:
    """A completion with 200; `changes` replace fields of its one choice."""
    whole = completion(text)
    whole["choices"][0] |= changes
    return http(whole)


def whole(text: str = "A", **changes: Any) -> bytes:
    """A completion with 200; `changes` replace its own fields."""
    return http(completion(text, **changes))


def message(**fields: Any) -> bytes:
    return choice(message={"role": "assistant", **fields})


def packed(content: bytes, encoding: str) -> bytes:
    return http(content, content_encoding=encoding)


def busy(after: str) -> bytes:
    return http({"error": {"message": "slow down"}}, 429, retry_after=after)


def endless(head: bytes, chunk: bytes, pause: float = 0.0) -> Writes:
    """The chunk again and again, until nobody listens any more."""

    async def write(transport: asyncio.Transport) -> None:
        transport.write(head)
        while not transport.is_closing():
            if transport.get_write_buffer_size() < 2**20:  # or it grows faster than anybody reads
                transport.write(chunk)
            await asyncio.sleep(pause)

    return write


SOUND = json.dumps(completion()).encode()
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
OPEN = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PAGE = "<!doctype html><title>Sign in</title>"
DEEP = b'{"choices": ' + b"[" * 100_000
FILTER = {"hate": {"filtered": True}}
TOOL = [{"id": "1", "type": "function", "function": {"name": "answer", "arguments": "{}"}}]

READ = (
    Answer("a sound reply", ANSWERED, whole()),
    Answer("content in parts", ANSWERED, message(content=[{"type": "text", "text": "A"}])),
    Answer("output_text", ANSWERED, message(content=[{"type": "output_text", "text": "A"}])),
    Answer("thought and text", ANSWERED, message(content=[{"type": "thinking"}, {"text": "A"}])),
    Answer("text and a tool call", ANSWERED, message(content="A", tool_calls=TOOL)),
    Answer("gzip", ANSWERED, packed(gzip.compress(SOUND), "gzip")),
    Answer("x-gzip", ANSWERED, packed(gzip.compress(SOUND), "x-gzip")),
    Answer("deflate", ANSWERED, packed(zlib.compress(SOUND), "deflate")),
    Answer("deflate, bare", ANSWERED, packed(RAW.compress(SOUND) + RAW.flush(), "deflate")),
    Answer("gzip that is not told", ANSWERED, http(gzip.compress(SOUND))),
    Answer("chunks", ANSWERED, CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SOUND), SOUND)),
    Answer("no length", ANSWERED, OPEN + SOUND),
    Answer("HTTP/1.0", ANSWERED, b"HTTP/1.0 200 OK\r\n\r\n" + SOUND),
    Answer("102 before", ANSWERED, b"HTTP/1.1 102 Processing\r\n\r\n" + whole()),
    Answer("JSON called a page", ANSWERED, http(SOUND, content_type="text/html")),
    Answer(
        "more behind its length",
        ANSWERED,
        http(completion(), connection="keep-alive") + b"HTTP/1.1 200 OK\r\n\r\n",
    ),
    Answer("error: null", ANSWERED, whole(error=None)),
    Answer("usage is text", ANSWERED, whole(usage={"prompt_tokens": "ten"})),
    Answer("no usage", ANSWERED, whole(usage=None)),
    Answer("the model by its path", ANSWERED, whole(model="/models/mock")),
    Answer("a model that is no text", ANSWERED, whole(model=7)),
    Answer("no finish_reason", ANSWERED, choice(finish_reason=None)),
    Answer("eos_token", ANSWERED, choice(finish_reason="eos_token")),
    Answer("index: null", ANSWERED, choice(index=None)),
    Answer("empty", EMPTY, whole("")),
    Answer("content: null", EMPTY, message(content=None)),
    Answer("no content", EMPTY, message()),
    Answer("length", TRUNCATED, choice("The image shows", finish_reason="length")),
    Answer("content_filter", REFUSED, choice(finish_reason="content_filter")),
    Answer("content_filter: SAFETY", REFUSED, choice(finish_reason="content_filter: SAFETY")),
    Answer("SAFETY", REFUSED, choice(finish_reason="SAFETY")),
    Answer("refusal for a reason", REFUSED, choice(finish_reason="refusal")),
    Answer("refusal", REFUSED, message(content=None, refusal="A, but I must not say so.")),
    Answer("400 of a filter", REFUSED, http({"error": {"code": "content_filter"}}, 400)),
    Answer("200 of a filter", REFUSED, http({"error": {"code": "content_filter"}})),
    Answer("a policy", REFUSED, http({"error": {"code": "content_policy_violation"}}, 400)),
    Answer("a part that refuses", REFUSED, message(content=[{"type": "refusal", "refusal": "No"}])),
)
AGAINS = (
    Answer("500", AGAIN, http({"error": {"message": "CUDA error"}}, 500)),
    Answer("502", AGAIN, http(PAGE, 502, content_type="text/html")),
    Answer("503, compressed", AGAIN, http(gzip.compress(b"{}"), 503, content_encoding="gzip")),
    Answer("529", AGAIN, http({"error": {"type": "overloaded_error"}}, 529)),
    Answer("408", AGAIN, http("", 408)),
    Answer("409", AGAIN, http("", 409)),
    Answer("425", AGAIN, http("", 425)),
    Answer("429", AGAIN, http("", 429)),
    Answer("Retry-After: soon", AGAIN, busy("soon")),
    Answer("Retry-After: -5", AGAIN, busy("-5")),
    Answer("Retry-After: nan", AGAIN, busy("nan")),
    Answer("Retry-After: year 0", AGAIN, busy("Fri, 31 Dec 0000 23:59:59 GMT")),
    Answer("Retry-After: year 99999", AGAIN, busy("Fri, 31 Dec 99999 23:59:59 GMT")),
    Answer("Retry-After: 10^400 hours", AGAIN, busy(f"Fri, 31 Dec 2100 {'9' * 400}:00:00 GMT")),
    Answer("finish_reason: error", AGAIN, choice(finish_reason="error")),
    Answer("finish_reason: abort", AGAIN, choice("A", finish_reason="abort")),
    Answer("choices beside 502", AGAIN, whole(error={"code": 502, "message": "provider"})),
    Answer("choices beside rate_limit", AGAIN, whole(error={"type": "rate_limit_error"})),
    Answer("an error in the choice", AGAIN, choice(error={"code": "503", "message": "gone"})),
    Answer("200 that is 409", AGAIN, http({"error": {"code": 409, "message": "again"}})),
    Answer("an error that calls itself one", AGAIN, http({"object": "error", "code": 500})),
    Answer("200 that is overloaded", AGAIN, http({"error": {"type": "overloaded_error"}})),
    Answer("no byte", AGAIN, b""),
    Answer("half a status", AGAIN, b"HTTP/1.1 2"),
    Answer("half the headers", AGAIN, b"HTTP/1.1 200 OK\r\nContent-Le"),
    Answer("half a body", AGAIN, http(SOUND[:40], content_length=len(SOUND))),
    Answer("half a chunk", AGAIN, CHUNKED + b"400\r\n" + SOUND),
    Answer("a chunk of no size", AGAIN, CHUNKED + b"many\r\n" + SOUND),
    Answer("a bad length", AGAIN, http(SOUND, content_length="many")),
    Answer("a negative length", AGAIN, http(SOUND, content_length=-1)),
    Answer("no HTTP", AGAIN, b"\x16\x03\x01\x02\x00\x01" + bytes(500)),
    Answer("a status of letters", AGAIN, http(SOUND, "OK")),
    Answer("a header of 64 KB", AGAIN, http(SOUND, x_long="x" * 65_536)),
    Answer("headers without end", AGAIN, endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1_000)),
)
ERRORS = (
    Answer("no body", ERROR, http(""), "not a chat completion but empty"),
    Answer("half the JSON", ERROR, http(SOUND[:50]), '"chat.completion"'),
    Answer("a page", ERROR, http(PAGE), "a web page, 'Sign in'"),
    Answer("a list", ERROR, http([1, 2]), "other JSON: '[1, 2]'"),
    Answer("null", ERROR, http("null"), "'null'"),
    Answer("NaN", ERROR, http('{"choices": NaN}'), "not JSON"),
    Answer("JSON behind a mark", ERROR, http(b"\xef\xbb\xbf" + SOUND), "not JSON"),
    Answer("UTF-16", ERROR, http(SOUND.decode().encode("utf-16")), "not JSON"),
    Answer("noughts", ERROR, http(bytes(10_000)), "not JSON"),
    Answer("100,000 brackets", ERROR, http(DEEP), 'not JSON, or cut off: \'{"choices": [[[['),
    Answer("no choices", ERROR, http({"object": "x"}), 'not a chat completion: {"object": "x"}'),
    Answer("choices: []", ERROR, whole(choices=[]), 'gave 0 choices to a request for one: \'{"id"'),
    Answer("two choices", ERROR, whole(choices=[{}, {}]), "2 choices to a request for one"),
    Answer("a choice of text", ERROR, whole(choices=["A"]), 'has no message: \'{"id"'),
    Answer("no message", ERROR, whole(choices=[{"index": 0}]), "has no message"),
    Answer("a list for a message", ERROR, choice(message=["A"]), "has no message"),
    Answer("index: 5", ERROR, choice(index=5), "has the index 5"),
    Answer("content: 7", ERROR, message(content=7), "is not text but int"),
    Answer("content: {}", ERROR, message(content={}), "is not text but dict"),
    Answer("a tool call", ERROR, message(content=None, tool_calls=TOOL), "for a tool call"),
    Answer("a function call", ERROR, message(content="", function_call={"name": "f"}), "tool call"),
    Answer("another model", ERROR, whole(model="other"), "of the model 'other', asked was 'mock'"),
    Answer("an error", ERROR, http({"error": {"message": "no GPU"}}), "with an error: no GPU"),
    Answer("an error of words", ERROR, http({"error": "no GPU"}), "with an error: no GPU"),
    Answer("an error, plainly", ERROR, http({"object": "error", "message": "bad"}), "error: bad"),
    Answer("choices beside an error", ERROR, whole(error={"message": "cut"}), "an error: cut"),
    Answer("choices beside 400", ERROR, whole(error={"code": 400, "message": "bad"}), "error: bad"),
    Answer("17 MB by its length", ERROR, OPEN[:-2] + b"Content-Length: 17000000\r\n\r\n", "16 MiB"),
    Answer("a body without end", ERROR, endless(OPEN, bytes(2**20)), "has more than 16 MiB"),
    Answer(
        "chunks without end",
        ERROR,
        endless(CHUNKED, b"fffff\r\n" + bytes(2**20 - 1) + b"\r\n"),
        "16 MiB",
    ),
    Answer("a bomb", ERROR, packed(gzip.compress(bytes(2**27), 1), "gzip"), "more than 16 MiB"),
    Answer("half of gzip", ERROR, packed(gzip.compress(SOUND)[:-9], "gzip"), "its end is missing"),
    Answer("damaged gzip", ERROR, packed(b"\x1f\x8b\x08" + SOUND, "gzip"), "damaged"),
    Answer("gzip that is none", ERROR, packed(SOUND, "gzip"), "damaged"),
    Answer("brotli", ERROR, packed(b"\x0b\x02\x80A\x03", "br"), "not JSON"),
    Answer("204", ERROR, b"HTTP/1.1 204 No Content\r\n\r\n", "(204)"),
    Answer("400", ERROR, http({"error": {"message": "bad image"}}, 400), "(400): bad image"),
    Answer("413", ERROR, http("<html><title>Too Large</title>", 413), "(413): a web page"),
    Answer("418", ERROR, http("short and stout", 418), "(418): short and stout"),
    Answer("422", ERROR, http({"detail": [{"msg": "no"}]}, 422), '(422): [{"msg":"no"}]'),
    Answer("Retry-After: a year", ERROR, busy("31536000"), "asks to wait 86400 s"),
    Answer("Retry-After: infinite", ERROR, busy("1e999"), "asks to wait 86400 s"),
    Answer("Retry-After: year 9999", ERROR, busy("Fri, 31 Dec 9999 23:59:59 GMT"), "asks to wait"),
    Answer("a byte now and then", LATE, endless(OPEN, b" ", 0.1), "no answer within"),
    Answer("silence", LATE, endless(b"", b"", 0.1), "no answer within"),
    Answer("always 500", DEAD, http("out of memory", 500), "answered 500 3 times: out of memory"),
    Answer("always abort", DEAD, choice(finish_reason="abort"), "aborted the reply 3 times"),
    Answer("always no byte", DEAD, b"", "the connection to the server broke 3 times"),
)
ENDS = (
    Answer("401", "2", http({"error": {"message": "no"}}, 401), "refuses the key"),
    Answer("403", "2", http({"error": {"message": "no"}}, 403), "refuses the key"),
    Answer("404", "2", http({"error": {"message": "no"}}, 404), "no such path or model"),
    Answer("405", "2", http({"error": {"message": "no"}}, 405), "no such path or model"),
    Answer("a redirect", "2", http("", 307, location="/v1/chat/completions"), "redirects (307)"),
    Answer("no images", "2", http("image input is not supported", 500), "reads no images"),
    Answer("quota", "3", http({"error": {"code": "insufficient_quota"}}, 429), "quota is used up"),
)
