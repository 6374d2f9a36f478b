"""A generative model's output → response: a reply, a score per label, or an error."""

from __future__ import annotations

import math
import operator
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from itertools import islice
from typing import Any

from mubench_gen.errors import ReplyError, encodable, failure
from mubench_gen.model import GenerativeModel
from mubench_gen.parser.finish_reason import has_failed, is_complete, refused_by
from mubench_gen.types import Image, Reply, Request, Response, Turn

Answered = list[tuple[Request, Response]]
_LONGEST = 1_000_000  # bytes of a reply that are kept
_ABOVE_ZERO = 1e-3  # by which rounding may lift a log-probability above 0
_LEAST = -sys.float_info.max  # stands for log 0 in records, because JSON has no infinity


class Replies:
    """Asks a generative model, by the method that each read-out needs."""

    def __init__(self, model: GenerativeModel) -> None:
        self._model = model

    def needs_pixels(self, image: Image) -> bool:
        return self._model.reads_pixels

    def ask(self, requests: Sequence[Request]) -> list[Response]:
        responses: dict[str, Response] = {}
        scored = [r for r in requests if r.readout == "logprob"]
        cloze = [r for r in requests if r.readout == "cloze"]
        written = [r for r in requests if r.readout not in ("logprob", "cloze")]
        if written:
            responses |= _timed(written, self._model.generate, from_reply)
        if scored:
            responses |= _timed(scored, self._model.label_logprobs, from_scores)
        if cloze:
            responses |= _timed(cloze, self._model.option_logprobs, from_options)
        return [responses[request.key] for request in requests]


def from_answer(answer: Any, request: Request, seconds: float) -> Response:
    """The response for what a streaming model answered, which the read-out says how to read."""
    readers = {"logprob": from_scores, "cloze": from_options}
    return readers.get(request.readout, from_reply)(answer, request, seconds)


def _timed(
    requests: Sequence[Request],
    call: Callable[[Sequence[Request]], Sequence[Any]],
    convert: Callable[[Any, Request, float], Response],
) -> dict[str, Response]:
    began = time.perf_counter()
    replies = call(requests)
    seconds = round((time.perf_counter() - began) / len(requests), 6)
    replies = _listed(replies, len(requests))
    if len(replies) != len(requests):
        raise ReplyError(f"the model gave {len(replies)} replies to {len(requests)} requests")
    return {
        request.key: convert(reply, request, seconds)
        for request, reply in zip(requests, replies, strict=True)
    }


def _listed(replies: Any, wanted: int) -> Sequence[Any]:
    """The replies as a sequence; reads at most one too many of a possibly endless iterator."""
    no_list = isinstance(replies, (str, bytes, bytearray, Mapping, Set))
    if no_list or not isinstance(replies, Iterable):
        raise ReplyError(f"the model gave {type(replies).__name__}, not a list of replies")
    return replies if isinstance(replies, Sequence) else list(islice(replies, wanted + 1))


def from_reply(reply: Any, request: Request, seconds: float) -> Response:
    """The response for a plugin's reply, which may be of any type."""
    if isinstance(reply, str):
        reply = Reply(reply)
    if not isinstance(reply, Reply) or not isinstance(reply.text, str):
        found = reply.text if isinstance(reply, Reply) else reply
        error = ReplyError(f"the reply is not text but {type(found).__name__}")
        return Response(error=failure(error), seconds=seconds)
    try:
        usage = None if reply.usage is None else _counts(reply.usage)
    except (AttributeError, TypeError):
        error = ReplyError(f"usage is not a mapping of names to numbers: {reply.usage!r:.80}")
        return Response(error=failure(error), seconds=seconds)
    reason = None if reply.finish_reason is None else encodable(str(reply.finish_reason))
    if has_failed(reason):
        error = ReplyError(f"the model aborted the reply (finish_reason {reason!r:.40})")
        return Response(error=failure(error), seconds=seconds)
    if min((usage or {}).values(), default=0) < 0:
        error = ReplyError(f"usage has a negative number: {usage}")
        return Response(error=failure(error), seconds=seconds)
    fault = _fault_beside(reply, request)
    if fault is not None:
        return Response(error=failure(ReplyError(fault)), seconds=seconds)
    whole = str.__str__(reply.text)  # of a subclass only the text itself crosses to the run
    text = _shortened(whole)
    return Response(
        reply=text,
        finish_reason=reason if text is whole else "length",
        usage=usage,
        seconds=seconds,
        reasoning=reply.reasoning if isinstance(reply.reasoning, str) else None,
        trace=tuple(reply.trace),
        logprobs=None if reply.logprobs is None else tuple(map(float, reply.logprobs)),
        confidence=None if reply.confidence is None else float(reply.confidence),
    )


def _fault_beside(reply: Reply, request: Request) -> str | None:
    """What is wrong with what a reply has beside its text."""
    if not all(isinstance(turn, Turn) for turn in reply.trace):
        return f"its trace holds something else than a mubench_gen.Turn: {reply.trace!r:.80}"
    wanted, logprobs = len(request.labels), reply.logprobs
    if logprobs is not None and len(logprobs) != wanted:
        return f"{len(logprobs)} log-probabilities for {wanted} options"
    if logprobs is not None and not all(math.isfinite(one) and one <= 0 for one in logprobs):
        return f"a log-probability is above 0 or no number: {logprobs!r:.80}"
    if reply.confidence is not None and not 0 <= reply.confidence <= 1:
        return f"its confidence is {reply.confidence!r:.40}: a number from 0 to 1 is needed"
    return None


def _shortened(text: str) -> str:
    """The text itself, or as much of it as is kept."""
    if len(text) * 4 <= _LONGEST:
        return text
    content = text.encode("utf-8", "replace")
    return text if len(content) <= _LONGEST else content[:_LONGEST].decode("utf-8", "ignore")


def _counts(usage: Mapping[str, Any]) -> dict[str, int]:
    """Token counts as plain integers, whatever library counted them."""
    return {encodable(str(name)): operator.index(count) for name, count in usage.items()}


def from_scores(scores: Any, request: Request, seconds: float) -> Response:
    """The response for a plugin's log-probabilities, one per label, or for a reply: with the
    log-probabilities behind a thought, or without any if it was cut before its answer or refused.
    """
    if isinstance(scores, Reply):
        return _from_scored_reply(scores, request, seconds)
    wanted = len(request.labels)
    try:
        values = tuple(float(score) for score in scores)
    except (TypeError, ValueError):
        values = ()
    if len(values) != wanted:
        error = ReplyError(f"{len(values)} scores for {wanted} options")
        return Response(error=failure(error), seconds=seconds)
    if any(math.isnan(value) for value in values) or math.inf in values:
        error = ReplyError("a score is not a finite number")
        return Response(error=failure(error), seconds=seconds)
    if max(values) > _ABOVE_ZERO:
        error = ReplyError(f"a log-probability is above 0: {max(values):g}")
        return Response(error=failure(error), seconds=seconds)
    return Response(scores=tuple(max(value, _LEAST) for value in values), seconds=seconds)


def from_options(found: Any, request: Request, seconds: float) -> Response:
    """The response for (log-probability, tokens) of each option's text: divided by the length that
    the request names."""
    try:
        pairs = [(float(total), int(tokens)) for total, tokens in found]
    except (TypeError, ValueError):
        error = ReplyError(f"no pairs of log-probability and tokens: {found!r:.80}")
        return Response(error=failure(error), seconds=seconds)
    if len(pairs) != len(request.texts) or any(tokens < 1 for _, tokens in pairs):
        error = ReplyError(f"{len(pairs)} options' log-probabilities for {len(request.texts)}")
        return Response(error=failure(error), seconds=seconds)
    lengths = {
        "tokens": [tokens for _, tokens in pairs],
        "characters": [max(1, len(text)) for text in request.texts],
        "none": [1] * len(pairs),
    }[request.per]
    scores = [total / length for (total, _), length in zip(pairs, lengths, strict=True)]
    return from_scores(scores, request, seconds)


def _from_scored_reply(reply: Reply, request: Request, seconds: float) -> Response:
    response = from_reply(replace(reply, logprobs=None), request, seconds)
    if response.error is not None or refused_by(reply.finish_reason):
        return response
    if reply.logprobs is not None:
        scored = from_scores(reply.logprobs, request, seconds)
        return replace(scored, usage=response.usage, reasoning=response.reasoning)
    thought = reply.reasoning or "reasoning_tokens" in (response.usage or {})
    if thought or is_complete(reply.finish_reason) is False:
        return replace(response, reply="")  # it ended, or was cut, before its answer
    error = ReplyError("the model gave a reply and no scores")
    return Response(error=failure(error), seconds=seconds)
