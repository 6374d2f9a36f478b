"""The read-out `cloze` on vLLM: each option's text behind the prompt, as a prompt of its own.

The prompts of a question's options are adjacent in the queue and have one image, so that it is
prepared and encoded once, and all but what differs is found in the prefix cache. vLLM skips that
cache where log-probabilities of a prompt are asked for, because those of cached tokens are not
computed. Here only those of the option are read; where some of them are cached too (the same option
was asked before, or one that begins alike at a block's end), it is asked again without the cache.
Imports vllm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from vllm import SamplingParams
from vllm.lora.request import LoRARequest
from vllm.sampling_params import RequestOutputKind

from mubench_gen.engines.label_tokens import NOT_FINITE
from mubench_gen.engines.vllm.asks import given_up
from mubench_gen.errors import ItemError

Sums = Sequence[tuple[float, int]]  # of each option the log-probability and the number of tokens


@dataclass(slots=True)
class _Cloze:
    """A question under way; `found` has the sums of its options by their place."""

    name: str
    prompt: Mapping[str, Any]
    options: Sequence[Sequence[int]]
    adapter: LoRARequest | None
    found: dict[int, float] = field(default_factory=dict)


class Clozes:
    """The questions under way whose options are scored."""

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self._numbers = count()
        self._under_way: dict[str, tuple[_Cloze, int]] = {}  # by the name of an option's request

    def add(
        self,
        prompt: Mapping[str, Any],
        options: Sequence[Sequence[int]],
        adapter: LoRARequest | None,
    ) -> str:
        """Queue a request for each option (its tokens), and return the question's name.

        `prompt` is what vLLM made of a conversation. Raises what vLLM does on a bad one.
        """
        cloze = _Cloze(f"cloze-{next(self._numbers)}", prompt, options, adapter)
        try:
            for place in range(len(options)):
                self._queue(cloze, place, cached=True)
        except Exception:
            self._llm.llm_engine.abort_request(self.drop(cloze.name))
            raise
        return cloze.name

    def has(self, request: str) -> bool:
        """Whether a request of this name asks for an option."""
        return request in self._under_way

    def read(self, output: Any) -> Iterator[tuple[str, Sums | Exception]]:
        """The name and the answer of a question of which this is the last output."""
        cloze, place = self._under_way.pop(output.request_id)
        tokens = cloze.options[place]
        if error := given_up(output.outputs[0].finish_reason):
            self._llm.llm_engine.abort_request(self.drop(cloze.name))
            yield cloze.name, error
            return
        if (output.num_cached_tokens or 0) >= len(output.prompt_token_ids) - len(tokens):
            self._queue(cloze, place, cached=False)
            return
        behind = output.prompt_logprobs[-len(tokens) :]
        cloze.found[place] = sum(
            float(one[token].logprob) for one, token in zip(behind, tokens, strict=True)
        )
        if len(cloze.found) < len(cloze.options):
            return
        if not all(map(math.isfinite, cloze.found.values())):
            yield cloze.name, ItemError(NOT_FINITE)
            return
        yield cloze.name, [(cloze.found[n], len(option)) for n, option in enumerate(cloze.options)]

    def drop(self, name: str) -> list[str]:
        """Forget a question; returns the names of its requests that are under way."""
        gone = [request for request, (cloze, _) in self._under_way.items() if cloze.name == name]
        for request in gone:
            del self._under_way[request]
        return gone

    def _queue(self, cloze: _Cloze, place: int, *, cached: bool) -> None:
        name = f"{cloze.name}-{place}" if cached else f"{cloze.name}-{place}-again"
        tokens = [*cloze.prompt["prompt_token_ids"], *cloze.options[place]]
        self._under_way[name] = (cloze, place)
        self._llm.llm_engine.add_request(
            name,
            {**cloze.prompt, "prompt_token_ids": tokens},
            SamplingParams(
                max_tokens=1,
                temperature=0,
                prompt_logprobs=0,
                skip_reading_prefix_cache=not cached,
                detokenize=False,  # of tokens in the cache there are no ids
                output_kind=RequestOutputKind.FINAL_ONLY,
            ),
            lora_request=cloze.adapter,
        )
