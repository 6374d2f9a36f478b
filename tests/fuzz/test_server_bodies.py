"""Bodies and headers of servers, damaged in any way: a reply, or an error of ours."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from tests.helpers.mutations import assert_survives, mutated
from tests.helpers.server import completion

from mubench_gen.engines.server.answers import (
    TopLogprobs,
    failed_for_now,
    read_logprobs,
    read_reply,
)
from mubench_gen.engines.server.error_messages import error_code, reads_no_images, refusal
from mubench_gen.engines.server.models import Names, read_models
from mubench_gen.engines.server.tokens import scores_by_id, scores_by_text
from mubench_gen.engines.server.transport import unpacked
from mubench_gen.errors import MubenchError
from mubench_gen.host.generative import from_reply, from_scores
from mubench_gen.plugins.async_model import seconds_to_wait
from mubench_gen.types import Request, Response, Sampling

LABELS = ("A", "B", "C")


def _with(**changes: object) -> dict[str, object]:
    """A completion whose one choice has these fields."""
    whole = completion("The answer is B.", model="mock")
    whole["choices"][0] |= changes
    return whole


_TOKENS = [{"token": label, "logprob": -0.5 - i} for i, label in enumerate((*LABELS, "token_id:7"))]
_DETAILS = {"prompt_tokens_details": {"cached_tokens": 3}, "prompt_tokens": 10}
_MESSAGES = (
    {"role": "assistant", "content": None, "refusal": "I'm sorry, I can't help with that."},
    {"role": "assistant", "content": [{"type": "text", "text": "B"}, {"type": "thinking"}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {}}]},
)
REPLIES = [
    completion("B", usage=_DETAILS),
    *(_with(message=message) for message in _MESSAGES),
    *(_with(finish_reason=reason) for reason in ("length", "error", "abort", "content_filter")),
    _with(logprobs={"content": [{**_TOKENS[0], "top_logprobs": _TOKENS}]}),
    _with(error={"code": 502, "message": "Provider returned error"}),
    completion("B") | {"error": {"message": "half way", "type": "server_error"}},
]
ERRORS = [
    {"error": {"message": "bad image", "code": "insufficient_quota", "param": None}},
    {"error": {"message": "too long: 700 > 512 context", "n_ctx": 512, "n_prompt_tokens": 700}},
    {"error": {"message": "This model's maximum context length is 512 tokens, you asked 1,700"}},
    {"detail": [{"loc": ["body"], "msg": "no"}]},
    {"object": "error", "message": "org/text is not a multimodal model", "code": 400},
]
PAGE = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body></body></html>"
MODELS = [
    {
        "object": "list",
        "data": [
            {"id": "mock", "owned_by": "vllm", "root": "/models/mock", "max_model_len": 512},
            {"id": "b", "meta": {"n_ctx_train": 512}, "aliases": ["c"], "canonical_slug": "d"},
        ],
    }
]
DATES = (
    b"120", b"1.5", b"-3", b"1e999", b"nan", b"Wed, 21 Oct 2015 07:28:00 GMT",
    b"Fri, 31 Dec 9999 23:59:59 GMT", b"Mon, 01 Jan 0000 00:00:00 -0000",
)  # fmt: skip


def _written(documents: list[dict[str, object]]) -> list[bytes]:
    return [json.dumps(document).encode() for document in documents]


def _asked(content: bytes) -> Request:
    return Request("k", (), LABELS, "logprob", Sampling(0.0, 8))


def _checked(response: Response) -> None:
    assert (response.error is None) != (response.reply is None and response.scores is None)


def read_as_reply(content: bytes) -> None:
    failed_for_now(content)
    _checked(from_reply(read_reply(content, Names("mock", {"mock"}, ())), _asked(content), 0.1))


def read_as_scores(content: bytes) -> None:
    found = read_logprobs(content, Names("mock", None, ()))
    request = _asked(content)
    if not isinstance(found, TopLogprobs):
        _checked(from_scores(found, request, 0.1))
        return
    _checked(from_scores(scores_by_text(found.tokens, LABELS)[0], request, 0.1))
    scores_by_id(found.tokens, ((7,), (7,), (7,)), LABELS, found.unknown)


def read_as_error(content: bytes) -> None:
    error_code(content)
    reads_no_images(content)
    for status in (307, 400, 401, 404, 413, 422):
        assert len(str(refusal(status, content, context=None))) < 2_000


def read_as_list(content: bytes) -> None:
    for one in read_models(content) or ():
        assert isinstance(one.id, str)


def read_packed(content: bytes) -> None:
    for encoding in ("", "gzip", "deflate", "br"):
        assert len(unpacked(content, encoding)) <= 16 * 2**20


def read_as_wait(content: bytes) -> None:
    wait = seconds_to_wait(content.decode("latin-1"))
    assert wait is None or 0 <= wait <= 86_400


PACKED = [gzip.compress(json.dumps(REPLIES[0]).encode()), zlib.compress(PAGE), gzip.compress(PAGE)]
BODIES: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "reply": (read_as_reply, [*_written([*REPLIES, *ERRORS]), PAGE]),
    "log-probabilities": (read_as_scores, _written(REPLIES)),
    "error": (read_as_error, [*_written([*ERRORS, *REPLIES]), PAGE]),
    "models": (read_as_list, _written(MODELS)),
    "compressed": (read_packed, PACKED),
    "retry-after": (read_as_wait, list(DATES)),
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_damaged_body_is_read_or_refused_in_our_own_words(kind: str, inputs: int) -> None:
    read, seeds = BODIES[kind]
    assert_survives(read, mutated(seeds, inputs), refused=(MubenchError,))
