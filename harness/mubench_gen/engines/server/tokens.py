"""The read-out `logprob` through a server: one token is asked for, with its alternatives.

vLLM tokenises the labels, and then returns exactly their tokens' log-probabilities. Other servers
list at most 20 most probable tokens, llama.cpp as many as are asked for (100). A label that is not
listed has at most the probability of the last listed token, and at most what all of them leave:
that bound is its score, and is counted.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from mubench_gen.engines.label_tokens import label_tokens, logsumexp
from mubench_gen.engines.server.client import Client
from mubench_gen.engines.server.options import ServerKind
from mubench_gen.errors import ItemError, ReplyError, UsageError

_LISTED = 20  # the most that servers list, but for these kinds
_LISTED_BY: Mapping[str, int] = {"llama.cpp": 100}
_AS_ID = "token_id:"
_SPACES = "▁Ġ \n\t"

LabelIds = tuple[tuple[int, ...], ...]
_ASKED = ({"role": "user", "content": "?"},)


class LabelIdsOfServer:
    """The labels' tokens in a vLLM server's vocabulary, requested once per set of labels."""

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
        """Ask the server step by step; must not run in the loop's thread."""
        if self._tail is None:
            self._tail = self._tokenizer.tail()
        return label_tokens(
            labels,
            tail=self._tail,
            encode=self._tokenizer.encode,
            decode=self._tokenizer.decode,
        )


def asked_by_id(ids: LabelIds) -> dict[str, Any]:
    """Fields that request the log-probabilities of exactly these tokens from vLLM."""
    return {
        "logprobs": True,
        "logprob_token_ids": sorted({token for label in ids for token in label}),
        "return_tokens_as_token_ids": True,
    }


def asked_by_rank(count: int | None, kind: ServerKind) -> dict[str, Any]:
    """Fields that request the most probable tokens, `count` or as many as is usual of the kind."""
    return {"logprobs": True, "top_logprobs": count or _LISTED_BY.get(kind, _LISTED)}


def scores_by_id(
    listed: Sequence[tuple[str, float]],
    ids: LabelIds,
    labels: Sequence[str],
    unknown: Collection[str] = (),
) -> tuple[list[float], int]:
    """As `scores_by_text`; `unknown` tokens are those without a number.

    Raises ReplyError if one of the tokens is missing.
    """
    given = {token: logprob for token, logprob in listed if token.startswith(_AS_ID)}
    names = [[f"{_AS_ID}{token}" for token in label] for label in ids]
    if not all(name in given or name in unknown for label in names for name in label):
        raise ReplyError(
            "the server did not give the log-probabilities of the labels' tokens: it does not know "
            "logprob_token_ids (vLLM does from 0.32 on). Use -o engine.top_logprobs=20"
        )
    return _bounded([[given[n] for n in label if n in given] for label in names], listed, labels)


def scores_by_text(
    listed: Sequence[tuple[str, float]], labels: Sequence[str]
) -> tuple[list[float], int]:
    """A log-probability per label, and how many of them are upper bounds.

    Raises ItemError if no label is listed, or if the bound reaches the best listed one.
    """
    found: dict[str, list[float]] = {label: [] for label in labels}
    for token, logprob in listed:
        text = token.strip(_SPACES)
        if text in found:
            found[text].append(logprob)
    return _bounded([found[label] for label in labels], listed, labels)


def _bounded(
    found: Sequence[Sequence[float]], listed: Sequence[tuple[str, float]], labels: Sequence[str]
) -> tuple[list[float], int]:
    """The sum of each label's tokens, or the upper bound for a label without any."""
    scores = [logsumexp(logprobs) if logprobs else None for logprobs in found]
    known = [score for score in scores if score is not None]
    if len(known) == len(scores):
        return known, 0
    left = 1.0 - sum(math.exp(logprob) for _, logprob in listed)
    bound = min(
        min((logprob for _, logprob in listed), default=0.0),
        math.log(left) if left > 0 else -math.inf,
    )
    if not known or max(known) <= bound:
        raise ItemError(
            f"none of the labels {', '.join(labels)} is among the {len(listed)} most probable "
            "tokens that the server lists: their probabilities are not known. Use --readout parse "
            "or choice, or a larger -o engine.top_logprobs if the server lists more"
        )
    return [bound if score is None else score for score in scores], len(scores) - len(known)


class ServerTokenizer:
    """The tokenizer of one server. `talk`: the fields of a request that the template gets.

    Every method waits for the server, so none may be called in the client's loop.
    """

    def __init__(self, client: Client, model: str, talk: Mapping[str, Any]) -> None:
        self._client = client
        self._model = model
        self._talk = talk

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """The text's tokens; `special`: with the special tokens that the tokenizer adds."""
        fields = {"prompt": text, "add_special_tokens": special}
        return [int(token) for token in self._ask("tokenize", fields, "tokens")]

    def decode(self, tokens: Sequence[int]) -> str:
        if not tokens:
            return ""
        return str(self._ask("detokenize", {"tokens": list(tokens)}, "prompt"))

    def chat(self, *, reply: bool) -> list[int]:
        """The tokens of a short conversation, with or without the reply's start."""
        fields = {"messages": list(_ASKED), "add_generation_prompt": reply, **self._talk}
        return [int(token) for token in self._ask("tokenize", fields, "tokens")]

    def tail(self) -> str:
        """The text that the template adds at the start of the reply."""
        before, whole = self.chat(reply=False), self.chat(reply=True)
        return self.decode(whole[len(before) :]) if whole[: len(before)] == before else ""

    def defaults(self, stop: Sequence[str]) -> dict[str, Any]:
        """Fields that make a server ask as the in-process engines do.

        In a chat completion the tokenizer never adds the beginning-of-sequence token, even if the
        template relies on it (LLaVA's); and a stop string that is a special token is not part
        of the text. Empty if the server doesn't tell.
        """
        try:
            return {**self._beginning(), **self._stops(stop)}
        except (ItemError, UsageError):
            return {}

    def _beginning(self) -> dict[str, Any]:
        plain, whole = self.encode("?"), self.encode("?", special=True)
        first = whole[: len(whole) - len(plain)] if whole[-len(plain) :] == plain else []
        begun = not first or self.chat(reply=True)[: len(first)] == first
        return {} if begun else {"add_special_tokens": True}

    def _stops(self, stop: Sequence[str]) -> dict[str, Any]:
        ids = [tokens[0] for text in stop if len(tokens := self.encode(text)) == 1]
        return {"stop_token_ids": ids} if ids else {}

    def _ask(self, path: str, fields: Mapping[str, Any], wanted: str) -> Any:
        body = orjson.dumps({"model": self._model, **fields})
        content = self._client.run(self._client.post(path, body, about="", root=True))
        try:
            return orjson.loads(content)[wanted]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ReplyError(f"the server's /{path} gave no {wanted}") from None
