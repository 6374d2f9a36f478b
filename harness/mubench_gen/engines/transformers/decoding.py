"""Samples text row by row, so that a reply never depends on the other rows of its batch."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import torch

from mubench_gen.engines.thinking import Thought, ThoughtMarks, split_thought
from mubench_gen.engines.transformers.thoughts import RowThoughts
from mubench_gen.errors import ItemError
from mubench_gen.types import Reply, Request


class RowSampling:
    """A logits processor that samples each row at its own temperature, from its own generator.

    By the Gumbel trick: the argmax of logits / T + Gumbel noise is a draw from
    softmax(logits / T). So decoding stays greedy for transformers, and a row's noise is a
    function of its seed alone. Generators live on the CPU: a seed means the same everywhere.
    """

    def __init__(self, requests: Sequence[Request], seed: int) -> None:
        self._rows = [
            (row, r.sampling.temperature, torch.Generator().manual_seed(_seed(r, seed)))
            for row, r in enumerate(requests)
            if r.sampling.temperature > 0
        ]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.float()
        if scores.isnan().any():
            raise ItemError("The model's output is not a number (NaN). Try --dtype float32.")
        for row, temperature, generator in self._rows:
            noise = torch.empty(scores.shape[1]).exponential_(generator=generator).log()
            scores[row] = scores[row] / temperature - noise.to(scores.device)
        return scores


class RowChoices:
    """A logits processor that constrains rows of the read-out `choice` to their labels.

    At each step a row may continue with any token that leads to one of its labels, and may end
    after a complete one, like structured output over the labels on other engines. `thoughts`
    tells where a row's answer begins, if the rows think first.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        start: int,
        vocabulary: LabelVocabulary,
        thoughts: RowThoughts | None = None,
    ) -> None:
        self._rows = {row: r.labels for row, r in enumerate(requests) if r.readout == "choice"}
        self._start = start
        self._vocabulary = vocabulary
        self._thoughts = thoughts

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for row, labels in self._rows.items():
            begins = 0 if self._thoughts is None else self._thoughts.answer_start(row)
            if begins is None:
                continue
            written = tuple(input_ids[row, self._start + begins :].tolist())
            allowed = self._vocabulary.after(written, labels)
            kept = scores[row, allowed].clone()
            scores[row] = -torch.inf
            scores[row, allowed] = kept
        return scores


class LabelVocabulary:
    """Finds the tokens that continue a label. `ends` are the tokens that end a reply.

    Labels are letters and digits, which both byte-level and sentence-piece vocabularies
    represent literally.
    """

    def __init__(self, tokenizer: Any, ends: frozenset[int]) -> None:
        self._ids: dict[str, int] = tokenizer.get_vocab()
        self._texts = {number: text for text, number in self._ids.items()}
        self._ends = sorted(ends)
        self._known: dict[tuple[tuple[int, ...], tuple[str, ...]], list[int]] = {}

    def after(self, written: tuple[int, ...], labels: tuple[str, ...]) -> list[int]:
        """The tokens that may follow. Raises ItemError if there is none."""
        key = (written, labels)
        if key not in self._known:
            self._known[key] = self._after("".join(self._texts[t] for t in written), labels)
        return self._known[key]

    def _after(self, written: str, labels: tuple[str, ...]) -> list[int]:
        rests = [label[len(written) :] for label in labels if label.startswith(written)]
        if not rests:  # the reply has ended: what follows is padding
            return self._ends
        pieces = {rest[:n] for rest in rests for n in range(1, len(rest) + 1)}
        allowed = [self._ids[piece] for piece in sorted(pieces) if piece in self._ids]
        if "" in rests:
            allowed += self._ends
        if not allowed:
            raise ItemError(
                f"The labels {', '.join(map(repr, labels))} cannot be written with the model's "
                "tokens. Use other labels (--prompt-set labels=…) or --readout parse."
            )
        return allowed


class RowLimits:
    """A stopping criterion that ends each row at its own number of new tokens."""

    def __init__(self, limits: Sequence[int], start: int, device: torch.device) -> None:
        self._lengths = torch.tensor(limits, device=device) + start

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        return self._lengths <= input_ids.shape[1]


class ReplyReader:
    """Reads replies out of generated tokens: ends them at an end token or a stop string, and puts
    apart what was thought. `opened`: the marks of a thought that the prompt has opened.
    """

    def __init__(
        self,
        tokenizer: Any,
        ends: frozenset[int],
        stop: tuple[str, ...],
        opened: ThoughtMarks | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._ends = ends
        self._stop = stop
        self._opened = opened

    def read(self, tokens: Sequence[int], *, limit: int, prompt_tokens: int) -> Reply:
        """The reply in one row's new tokens, which after the reply's end are padding."""
        row = list(tokens[:limit])
        used = next((n for n, token in enumerate(row) if token in self._ends), None)
        finish = "length" if used is None else "stop"
        kept = row if used is None else row[:used]
        counted = len(row) if used is None else used + 1
        if self._stops(kept):
            counted = bisect_left(range(len(kept)), True, key=lambda n: self._stops(kept[:n]))
            kept, finish = kept[:counted], "stop"
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": counted}
        # With special tokens, because some models' marks are such tokens.
        thought = split_thought(self._text(kept, special=True), self._opened)
        if thought is None:
            return Reply(self._cut(self._text(kept)), finish, usage)
        length = self._length(kept, thought)
        answer = self._cut(self._text(kept[length:])) if thought.closed else ""
        return Reply(
            answer.lstrip(), finish, {**usage, "reasoning_tokens": length}, thought.text or None
        )

    def _length(self, tokens: list[int], thought: Thought) -> int:
        """The number of tokens up to the mark that closes the thought; all where none does."""
        if not thought.closed:
            return len(tokens)
        closing = thought.marks.closing
        return bisect_left(
            range(len(tokens)), True, key=lambda n: closing in self._text(tokens[:n], special=True)
        )

    def _text(self, tokens: list[int], *, special: bool = False) -> str:
        return str(
            self._tokenizer.decode(
                tokens, skip_special_tokens=not special, clean_up_tokenization_spaces=False
            )
        )

    def _stops(self, tokens: list[int]) -> bool:
        if not self._stop:
            return False
        text = self._text(tokens, special=True)
        return any(stop in text for stop in self._stop)

    def _cut(self, text: str) -> str:
        return text[: min((at for s in self._stop if (at := text.find(s)) >= 0), default=None)]


def _seed(request: Request, seed: int) -> int:
    """The request's own seed, or one from the run's seed and the request's key."""
    if request.sampling.seed is not None:
        return request.sampling.seed
    digest = hashlib.sha256(f"{seed}:{request.key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
