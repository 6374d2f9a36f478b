"""The read-out `logprob` through a server: one token is asked for, with its alternatives.

vLLM is asked for exactly the labels' tokens. Other servers list their most probable tokens,
20 at most. A label that is not among them has at most the probability of the last that is,
and at most what all of them leave: that bound is its score, and how often is counted.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from mubench_gen.engines.label_tokens import label_tokens
from mubench_gen.engines.server.tokenizer import ServerTokenizer
from mubench_gen.errors import ItemError, ReplyError

_LISTED = 20  # as many as servers give
_AS_ID = "token_id:"
_SPACES = "▁Ġ \n\t"

LabelIds = tuple[tuple[int, ...], ...]


class LabelIdsOfServer:
    """The labels' tokens in the vocabulary of a vLLM server, asked for once a set of labels."""

    def __init__(self, tokenizer: ServerTokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[tuple[str, ...], asyncio.Task[LabelIds]] = {}
        self._tail: str | None = None

    async def of(self, labels: tuple[str, ...]) -> LabelIds:
        task = self._known.get(labels)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            work = asyncio.to_thread(self._find, labels)
            task = self._known[labels] = asyncio.get_running_loop().create_task(work)
        return await asyncio.shield(task)

    def _find(self, labels: tuple[str, ...]) -> LabelIds:
        """Asks the server step by step: not in the loop's own thread."""
        if self._tail is None:
            self._tail = self._tokenizer.tail()
        return label_tokens(
            labels,
            tail=self._tail,
            encode=self._tokenizer.encode,
            decode=self._tokenizer.decode,
        )


def asked_by_id(ids: LabelIds) -> dict[str, Any]:
    """Fields that have vLLM give the log-probabilities of exactly these tokens."""
    return {
        "logprobs": True,
        "logprob_token_ids": sorted({token for label in ids for token in label}),
        "return_tokens_as_token_ids": True,
    }


def asked_by_rank() -> dict[str, Any]:
    return {"logprobs": True, "top_logprobs": _LISTED}


def scores_by_id(listed: Sequence[tuple[str, float]], ids: LabelIds) -> list[float]:
    """A log-probability a label. ReplyError where one of its tokens was not given."""
    given = {token: logprob for token, logprob in listed if token.startswith(_AS_ID)}
    try:
        return [_logsumexp([given[f"{_AS_ID}{token}"] for token in label]) for label in ids]
    except KeyError:
        raise ReplyError(
            "the server did not give the log-probabilities of the labels' tokens: it does not know "
            "logprob_token_ids (vLLM does from 0.32 on). Use -o engine.kind=other"
        ) from None


def scores_by_text(
    listed: Sequence[tuple[str, float]], labels: Sequence[str]
) -> tuple[list[float], int]:
    """A log-probability a label, and how many of them are bounds.

    ItemError where no label is listed, or where the bound reaches the best of those that are.
    """
    found: dict[str, list[float]] = {label: [] for label in labels}
    for token, logprob in listed:
        text = token.strip(_SPACES)
        if text in found:
            found[text].append(logprob)
    missing = [label for label, logprobs in found.items() if not logprobs]
    scores = {label: _logsumexp(logprobs) for label, logprobs in found.items() if logprobs}
    if not missing:
        return [scores[label] for label in labels], 0
    left = 1.0 - sum(math.exp(logprob) for _, logprob in listed)
    bound = min(
        min((logprob for _, logprob in listed), default=0.0),
        math.log(left) if left > 0 else -math.inf,
    )
    if not scores or max(scores.values()) <= bound:
        raise ItemError(
            f"none of the labels {', '.join(labels)} is among the {len(listed)} most probable "
            "tokens that the server lists: their probabilities are not known. Use --readout parse "
            "or choice"
        )
    return [scores.get(label, bound) for label in labels], len(missing)


def _logsumexp(values: Sequence[float]) -> float:
    if len(values) == 1:
        return values[0]
    most = max(values)
    if most == -math.inf:
        return most
    return most + math.log(sum(math.exp(value - most) for value in values))
