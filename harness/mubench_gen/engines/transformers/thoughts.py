"""Follows the thoughts of the rows of a batch while they are written. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from mubench_gen.engines.thinking import Thinking, ThoughtMarks
from mubench_gen.types import Request

_LOOKED_AT = 24  # new tokens in which a closing mark is searched for: one of single bytes fits
_MOST_SPACE = 4  # tokens of white space that may stand between a thought and an answer


class RowThoughts:
    """A logits processor that lets rows think before they answer, within the budget.

    `opened`: the marks of the thought that the prompts open; None where the model opens it. The
    read-outs `choice` and `logprob` need to know where the answer begins, so a row of theirs is
    made to open its thought. A row beyond its budget is made to close it.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        start: int,
        tokenizer: Any,
        thinking: Thinking,
        marks: ThoughtMarks,
        *,
        opened: bool,
    ) -> None:
        self._requests = requests
        self._start = start
        self._tokenizer = tokenizer
        self._budget = thinking.budget
        self._marks = marks
        self._opened = opened
        self._opening = [] if opened else _ids(tokenizer, marks.opening)
        self._closing = _ids(tokenizer, marks.closing)
        self._closed: dict[int, int] = {}  # how many tokens a row had when its thought ended
        self._answers: dict[int, int] = {}  # and where its answer began, behind white space

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for row, request in enumerate(self._requests):
            written = input_ids[row, self._start :].tolist()
            token = self._token(row, request, written, scores[row])
            if token is not None:
                scores[row] = -torch.inf
                scores[row, token] = 0.0
        return scores

    def answer_start(self, row: int) -> int | None:
        """The number of new tokens before the row's answer; None while it has not begun."""
        return self._answers.get(row)

    def _token(
        self, row: int, request: Request, written: list[int], scores: torch.Tensor
    ) -> int | None:
        """The token that the row has to write now; None where it is free."""
        n = len(written)
        if row in self._answers:
            return None
        if row not in self._closed and self._marks.closing in self._text(written[-_LOOKED_AT:]):
            self._closed[row] = n
        if row in self._closed:
            return (
                None if request.readout == "parse" else self._behind(row, n, int(scores.argmax()))
            )
        if request.readout != "parse" and n < len(self._opening):
            return self._opening[n]
        budget = self._budget
        if budget is None or n < budget or not self._thinks(request, written):
            return None
        return self._closing[min(n - budget, len(self._closing) - 1)]

    def _behind(self, row: int, n: int, likeliest: int) -> int | None:
        """White space behind the thought is written where it is likeliest; then the answer."""
        space = not self._text([likeliest]).strip() and bool(self._text([likeliest]))
        if space and n - self._closed[row] < _MOST_SPACE:
            return likeliest
        self._answers[row] = n
        return None

    def _thinks(self, request: Request, written: list[int]) -> bool:
        if self._opened or request.readout != "parse":
            return True
        return self._text(written[:_LOOKED_AT]).lstrip().startswith(self._marks.opening)

    def _text(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=False))


class LabelScores:
    """A logits processor that reads the labels' log-probabilities where a row's answer begins,
    and ends the row there. `found` has them by row; `tokens` are each row's labels' first tokens.
    """

    def __init__(
        self, thoughts: RowThoughts, start: int, tokens: Sequence[Sequence[Sequence[int]]], end: int
    ) -> None:
        self.found: dict[int, list[float]] = {}
        self._thoughts = thoughts
        self._start = start
        self._tokens = tokens
        self._end = end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        n = input_ids.shape[1] - self._start
        for row, labels in enumerate(self._tokens):
            if row in self.found or self._thoughts.answer_start(row) != n:
                continue
            logprobs = torch.log_softmax(scores[row].float(), dim=-1)
            self.found[row] = label_scores(logprobs, labels)
            scores[row] = -torch.inf
            scores[row, self._end] = 0.0
        return scores


def label_scores(logprobs: torch.Tensor, labels: Sequence[Sequence[int]]) -> list[float]:
    """Each label's log-probability, summed over its first tokens; `logprobs` of shape (tokens,)."""
    return [float(torch.logsumexp(logprobs[list(tokens)], 0)) for tokens in labels]


def _ids(tokenizer: Any, text: str) -> list[int]:
    return [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
