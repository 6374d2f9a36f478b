"""The read-out `logprob` through a server: one token is asked for, with its alternatives.

vLLM is asked for exactly the labels' tokens, and before for its tokenizer's. Other servers list
their most probable tokens, 20 at most. A label that is not among them has at most the probability
of the last that is, and at most what all of them leave: that bound is its score, and how often is
counted.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mubench_gen.engines.label_tokens import label_tokens, logsumexp
from mubench_gen.engines.server.client import Client
from mubench_gen.errors import ItemError, ReplyError, UsageError

_LISTED = 20  # as many as servers give
_AS_ID = "token_id:"
_SPACES = "▁Ġ \n\t"

LabelIds = tuple[tuple[int, ...], ...]
_ASKED = ({"role": "user", "content": "?"},)


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
        return [logsumexp([given[f"{_AS_ID}{token}"] for token in label]) for label in ids]
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
    scores = {label: logsumexp(logprobs) for label, logprobs in found.items() if logprobs}
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


class ServerTokenizer:
    """Asks one server. `talk` are the fields of a request that the template gets.

    Every method waits for the server: none may be called in the client's own loop.
    """

    def __init__(self, client: Client, model: str, talk: Mapping[str, Any]) -> None:
        self._client = client
        self._model = model
        self._talk = talk

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """The text's tokens; `special`: with what the tokenizer puts around by itself."""
        fields = {"prompt": text, "add_special_tokens": special}
        return [int(token) for token in self._ask("tokenize", fields, "tokens")]

    def decode(self, tokens: Sequence[int]) -> str:
        if not tokens:
            return ""
        return str(self._ask("detokenize", {"tokens": list(tokens)}, "prompt"))

    def chat(self, *, reply: bool) -> list[int]:
        """A short conversation as the template writes it, with or without the reply's start."""
        fields = {"messages": list(_ASKED), "add_generation_prompt": reply, **self._talk}
        return [int(token) for token in self._ask("tokenize", fields, "tokens")]

    def tail(self) -> str:
        """What the template writes where the reply starts, as far as it is a tail."""
        before, whole = self.chat(reply=False), self.chat(reply=True)
        return self.decode(whole[len(before) :]) if whole[: len(before)] == before else ""

    def defaults(self, stop: Sequence[str]) -> dict[str, Any]:
        """Fields without which a server would ask otherwise than the engines in process do.

        A chat completion never has the tokenizer write the beginning of a prompt, also where
        the template leaves it to it (LLaVA's); and a stop string that is a token of its own is
        no text where special tokens are not written. Nothing where the server doesn't tell.
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
