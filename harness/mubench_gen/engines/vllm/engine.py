"""vLLM's engine in the form that the loop drives. Imports vllm.

Of vLLM (0.32) this relies on `LLM.enqueue_chat`, which renders a conversation exactly as
`LLM.chat` does, and on `LLM.llm_engine.step` and `abort_request`, the loop that `LLM.chat`
runs itself; stepping here instead lets requests come and go without waiting for a batch. The
read-out `cloze` takes `LLM._preprocess_chat_one`, by which `enqueue_chat` renders.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vllm import SamplingParams
from vllm.lora.request import LoRARequest
from vllm.sampling_params import StructuredOutputsParams
from vllm.v1.engine.exceptions import EngineDeadError

from mubench_gen.engines.conversation import read_stops
from mubench_gen.engines.image_tokens import image_token_id
from mubench_gen.engines.label_tokens import NOT_FINITE, logsumexp
from mubench_gen.engines.thinking import ThoughtMarks
from mubench_gen.engines.vllm.adapters import not_applied
from mubench_gen.engines.vllm.asks import Ask, given_up
from mubench_gen.engines.vllm.cloze import Clozes
from mubench_gen.engines.vllm.diagnosis import explain_death
from mubench_gen.engines.vllm.failures import Opening
from mubench_gen.engines.vllm.log import VllmLog
from mubench_gen.engines.vllm.loop import EngineOutput
from mubench_gen.engines.vllm.rendering import AskRenderer, Tokens
from mubench_gen.engines.vllm.thinking import apart
from mubench_gen.errors import EngineFault, ItemError, UsageError, describe
from mubench_gen.model import Checkpoint
from mubench_gen.types import Reply

_METRICS = {
    "vllm:prefix_cache_queries": "prefix_cache_queries",
    "vllm:prefix_cache_hits": "prefix_cache_hits",
    "vllm:mm_cache_queries": "mm_cache_queries",
    "vllm:mm_cache_hits": "mm_cache_hits",
}
# Parts of vLLM's message about a prompt that leaves no room for a reply.
_TOO_LONG = ("maximum context length is", "longer than the maximum model length")
_PROCESSOR = "Failed to apply "  # begins vLLM's message if a processor raised
_LENGTH = re.compile(r"prompt \(length (\d+)\)")


class VllmEngine:
    """An `LLM` that takes asks and gives answers in any order.

    Asks of different read-outs share batches: each has its own `SamplingParams`.
    """

    def __init__(
        self,
        llm: Any,
        checkpoint: Checkpoint,
        template: str | None,
        facts: Mapping[str, Any],
        log: VllmLog,
        opened: ThoughtMarks | None = None,
        budget: int | None = None,
    ) -> None:
        self.facts = facts
        self._budget = budget  # of tokens of a thought
        self._opened = opened  # of a thought that prompts open
        self._log = log
        self._llm = llm
        self._checkpoint = checkpoint
        tokenizer: Any = llm.get_tokenizer()
        self._rendering = AskRenderer(tokenizer, template, checkpoint.template_arguments)
        self._context = int(llm.model_config.max_model_len)
        self._image_token = image_token_id(getattr(llm.model_config, "hf_config", None))
        # Mistral's tokenizers do not list an added vocabulary.
        added: dict[str, int] = getattr(tokenizer, "get_added_vocab", dict)()
        self._added = added
        self._stops = read_stops(checkpoint.stop, added)
        self._asked: dict[str, tuple[Ask, Tokens]] = {}
        self._clozes = Clozes(llm)
        self._died = False
        self._adapter: LoRARequest | None = None
        self._adapters = 0
        self._counts = {"requests": 0, "prompt_tokens": 0, "cached_prompt_tokens": 0}

    def add(self, ask: Ask) -> str:
        """Render the ask and queue it. Raises ItemError if that is impossible."""
        tokens = self._rendering.label_tokens(ask) if ask.readout == "logprob" else ()
        try:
            if ask.readout == "cloze":
                return self._add_cloze(ask)
            (queued,) = self._llm.enqueue_chat(
                ask.chat(),
                self._params(ask, [token for ids in tokens for token in ids]),
                use_tqdm=False,
                lora_request=self._adapter,
                **self._rendering.settings(ask),
            )
        except EngineDeadError as error:
            raise self._fault(error) from error
        except Exception as error:  # vLLM and processors raise any kind of error on a bad prompt
            raise self._refusal(ask, error) from error
        # The engine's request id is the output's with a random suffix.
        name = str(queued).rpartition("-")[0] or str(queued)
        self._asked[name] = (ask, tokens)
        return name

    def _add_cloze(self, ask: Ask) -> str:
        options = self._rendering.option_tokens(ask)
        prompt = self._llm._preprocess_chat_one(ask.chat(), **self._rendering.settings(ask))
        return self._clozes.add(prompt, options, self._adapter)

    def step(self) -> Sequence[tuple[str, EngineOutput | Exception]]:
        answers: list[tuple[str, EngineOutput | Exception]] = []
        for output in self._stepped():
            if output.finished and self._clozes.has(output.request_id):
                self._count(output)
                answers += self._cloze(output)
            elif output.finished and output.request_id in self._asked:
                ask, tokens = self._asked.pop(output.request_id)
                try:
                    answers.append((output.request_id, self._read(ask, tokens, output)))
                except ItemError as error:
                    answers.append((output.request_id, error))
        return answers

    def _cloze(self, output: Any) -> list[tuple[str, EngineOutput | Exception]]:
        try:
            return list(self._clozes.read(output))
        except EngineDeadError as error:  # while an option is queued again
            raise self._fault(error) from error

    def _stepped(self) -> Sequence[Any]:
        try:
            return list(self._llm.llm_engine.step())
        except Exception as error:  # vLLM raises various errors when it died
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> EngineFault:
        self._died = True  # keeps its log
        where = f" Its log: {self._log.path}" if self._log.text else ""
        why = explain_death(self._log.text, Opening(str(self._checkpoint.path)), error)
        return EngineFault(f"vLLM's engine died: {why}{where}")

    def abort(self, name: str) -> None:
        self._asked.pop(name, None)
        self._llm.llm_engine.abort_request(self._clozes.drop(name) or [name])

    def adapt(self, folder: Path) -> None:
        """Answer through the adapter, under a new number so that the prefix cache is not shared.

        It is loaded now. UsageError if the model has no place for all of it.
        """
        self._adapters += 1
        adapter = LoRARequest(str(folder), self._adapters, str(folder))
        try:
            self._llm.llm_engine.add_lora(adapter)
            told = self._llm.collective_rpc("mubench_unapplied", args=(self._adapters,))
        except EngineDeadError as error:
            raise self._fault(error) from error
        except Exception as error:  # vLLM raises any kind of error on what it does not know
            raise UsageError(
                f"vLLM cannot load the adapter {folder}: {' '.join(str(error).split())[:400]}"
            ) from error
        if unapplied := [module for worker in told for module in worker]:
            raise not_applied(str(folder), unapplied)
        self._adapter = adapter

    def reload(self, folder: Path) -> None:
        """Reads the folder's weights in place.

        vLLM keeps what the old weights computed (prefixes of prompts, encoded images) and would
        answer from it, silently wrong: its caches are emptied.
        """
        self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("the prefix cache could not be emptied")
        self._llm.reset_mm_cache()
        if hasattr(self._llm.llm_engine, "reset_encoder_cache"):
            self._llm.llm_engine.reset_encoder_cache()

    def counts(self) -> Mapping[str, Any]:
        """Requests and prompt tokens, and what was found in vLLM's caches."""
        totals: dict[str, int] = {}
        for metric in self._llm.get_metrics():
            if metric.name in _METRICS:
                name = _METRICS[metric.name]
                totals[name] = totals.get(name, 0) + int(metric.value)
        return {**self._counts, **totals}

    def lost(self) -> EngineFault | None:
        """A fault if vLLM noticed that the process of its core ended.

        vLLM (0.32) notes it in `engine_dead` and leaves a step that waits for output waiting.
        """
        resources = getattr(self._llm.llm_engine.engine_core, "resources", None)
        if getattr(resources, "engine_dead", False):
            return self._fault(EngineDeadError())
        return None

    def close(self) -> None:
        self._llm.llm_engine.engine_core.shutdown()
        if not self._died or not self._log.text:
            self._log.remove()

    def _params(self, ask: Ask, tokens: list[int]) -> SamplingParams:
        """All settings of decoding; nothing is taken from a generation_config."""
        sampling = ask.sampling
        if ask.readout == "logprob":
            return SamplingParams(max_tokens=1, temperature=0, logprob_token_ids=tokens)
        choice = StructuredOutputsParams(choice=list(ask.labels))
        return SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            seed=sampling.seed,
            stop=list(self._stops.texts),
            stop_token_ids=list(self._stops.tokens),
            structured_outputs=choice if ask.readout == "choice" else None,
            thinking_token_budget=self._budget,
        )

    def _read(self, ask: Ask, tokens: Tokens, output: Any) -> EngineOutput:
        completion = output.outputs[0]
        if error := given_up(completion.finish_reason):
            raise error
        cached = self._count(output)
        if ask.readout == "logprob":
            return _sums(completion.logprobs[0], tokens)
        usage = {
            "prompt_tokens": len(output.prompt_token_ids),
            "completion_tokens": len(completion.token_ids),
            "cached_tokens": cached,
        }
        images = list(output.prompt_token_ids).count(self._image_token)
        if images:
            usage["image_tokens"] = images
        reply = Reply(completion.text, completion.finish_reason, usage)
        if ask.readout == "choice":
            return reply
        return apart(reply, list(completion.token_ids), self._opened, self._added)

    def _count(self, output: Any) -> int:
        """Adds the output's prompt to the counts, and returns how much of it was in the cache."""
        cached = int(output.num_cached_tokens or 0)
        self._counts["requests"] += 1
        self._counts["prompt_tokens"] += len(output.prompt_token_ids)
        self._counts["cached_prompt_tokens"] += cached
        return cached

    def _refusal(self, ask: Ask, error: Exception) -> ItemError:
        """The item's error for an ask that vLLM refused."""
        words = describe(error)
        if any(sign in words for sign in _TOO_LONG):
            counted = _LENGTH.search(words)
            length = (
                f"{counted.group(1)} tokens"
                if counted
                else f"{self._rendering.length(ask)} tokens without its images"
            )
            return ItemError(
                f"The prompt has {length}, the model's context {self._context}. {self._room}"
            )
        if words.startswith(_PROCESSOR):
            # vLLM's message says no more; the processor's own message is in the cause.
            return ItemError(f"The model's processor refuses the request: {_first_cause(error)}")
        if "chat template" in words.lower() or "TemplateError" in words:
            return ItemError(
                f"The model's chat template refuses these messages: {words}. "
                "Some models take no system prompt: choose a prompt style without one."
            )
        return ItemError(f"vLLM refuses the request: {words}")

    @property
    def _room(self) -> str:
        """Advice for prompts that are too long."""
        if self.facts["arguments"].get("max_model_len") == -1:
            return "Use a shorter prompt: the context is as long as the model and memory allow."
        return "Use a shorter prompt, or a longer context (-o engine.max_model_len=…)."


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return describe(error)


def _sums(found: Mapping[int, Any], tokens: Tokens) -> list[float]:
    """Each label's log-probability, summed over the tokens that it may begin with."""
    scores = []
    for ids in tokens:
        values = [float(found[token].logprob) for token in ids]
        if any(math.isnan(value) for value in values):
            raise ItemError(NOT_FINITE)
        scores.append(logsumexp(values))
    return scores
