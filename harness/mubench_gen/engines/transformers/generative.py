"""Generative models on transformers: `--engine transformers`.

`load` imports torch and transformers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.adapters import ready
from mubench_gen.engines.conversation import images_of, read_stops
from mubench_gen.engines.label_tokens import NOT_FINITE, label_tokens
from mubench_gen.engines.option_tokens import continued
from mubench_gen.engines.source import require_installed
from mubench_gen.engines.thinking import marks_in, read_thinking
from mubench_gen.engines.transformers.seen import seen_images
from mubench_gen.engines.transformers.source import (
    PURPOSE,
    HoldsCheckpoint,
    read_options,
    read_transformers_source,
    require_transformers,
)
from mubench_gen.errors import ItemError
from mubench_gen.model import Checkpoint, GenerativeModel, Runtime
from mubench_gen.types import Readout, Reply, Request

if TYPE_CHECKING:
    from mubench_gen.engines.transformers.batches import Chunks
    from mubench_gen.engines.transformers.chat import Chat
    from mubench_gen.engines.transformers.checkpoint import LoadedCheckpoint
    from mubench_gen.engines.transformers.decoding import LabelVocabulary, ReplyReader
    from mubench_gen.engines.transformers.thoughts import RowThoughts

LabelIds = tuple[tuple[int, ...], ...]  # the first tokens of each label
_Result = TypeVar("_Result")


class TransformersGenerative(HoldsCheckpoint, GenerativeModel):
    """A chat model that reads images and writes text, opened by transformers.

    Replies and log-probabilities don't depend on the batch's size or order (up to rounding).
    """

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        engine_options = read_options(checkpoint, runtime)
        super().__init__(engine_options, runtime)
        self._checkpoint = checkpoint
        self._source = read_transformers_source(checkpoint, runtime)
        self.batch_size = engine_options.batch_size or runtime.batch_size or 16
        self._thinking = read_thinking(runtime.thinking)

    @property
    def readouts(self) -> tuple[Readout, ...]:
        thinks = self._thinking is not None and self._thinking.on
        return ("parse", "choice", "logprob", *(() if thinks else ("cloze",)))

    def load(self) -> None:
        """Raises UsageError for what the user must fix, MissingExtraError without torch."""
        if self._opened is not None:
            return
        require_installed("torch", "transformers", extra="transformers", purpose=PURPOSE)
        require_checkpoint(self._source.path, self._source.hint)
        if self._source.adapter is not None:
            ready(self._source.adapter)
        require_transformers()
        from mubench_gen.engines.transformers.batches import Chunks
        from mubench_gen.engines.transformers.chat import Chat
        from mubench_gen.engines.transformers.decoding import LabelVocabulary, ReplyReader
        from mubench_gen.engines.transformers.families import GENERATIVE

        opened = self._open(GENERATIVE)
        self._chat: Chat = Chat(
            opened.processor,
            self._checkpoint,
            model_type=opened.model.config.model_type,
            name=str(self._source),
            thinking=self._thinking,
        )
        self._stops = read_stops(
            self._checkpoint.stop, opened.processor.tokenizer.get_added_vocab()
        )
        ends = _set_plain_generation(opened, self._stops.tokens)
        self._end = min(ends)
        self._reader: ReplyReader = ReplyReader(
            opened.processor.tokenizer, ends, self._stops.texts, self._chat.opened
        )
        self._vocabulary: LabelVocabulary = LabelVocabulary(opened.processor.tokenizer, ends)
        self._chunks: Chunks = Chunks(self.batch_size)
        self._label_tokens: dict[tuple[str, ...], LabelIds] = {}
        self._opened = opened

    @property
    def facts(self) -> Mapping[str, Any]:
        if self._opened is None:
            return {}
        moved = {"images_first": True} if self._chat.images_first else {}
        return {**self._opened.facts, "chat_template": self._chat.template.origin, **moved}

    def generate(self, requests: Sequence[Request]) -> Sequence[Reply]:
        return self._by_images(requests, self._generate)

    def label_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[float]]:
        """As in GenerativeModel; adds up a label's first tokens with and without a space.

        Where the model thinks first, the harness gets a Reply in place of each row: with the
        thought, and behind it the values.
        """
        thinks = self._thinking is not None and self._thinking.on
        return self._by_images(requests, self._scored if thinks else self._label_logprobs)

    def _by_images(
        self, requests: Sequence[Request], step: Callable[[Sequence[Request]], Sequence[_Result]]
    ) -> list[_Result]:
        """Run the step on groups of equally many images, because processors mix no others."""
        from mubench_gen.engines.transformers.checkpoint import quiet

        groups: defaultdict[int, list[int]] = defaultdict(list)
        for place, request in enumerate(requests):
            groups[len(images_of(request))].append(place)
        results: dict[int, _Result] = {}
        with quiet():
            for places in groups.values():
                group = [requests[place] for place in places]
                results.update(zip(places, self._chunks.run(group, step), strict=True))
        return [results[place] for place in range(len(requests))]

    def _generate(self, requests: Sequence[Request]) -> list[Reply]:
        return self._written(requests)[0]

    def _scored(self, requests: Sequence[Request]) -> list[Any]:
        """Replies without a text, each with its labels' log-probabilities behind its thought.

        One that was cut while thinking, or ended there, has none.
        """
        replies, found = self._written(requests, [self._ids_of_labels(r) for r in requests])
        return [
            replace(reply, text="", logprobs=found.get(row)) for row, reply in enumerate(replies)
        ]

    def _written(
        self, requests: Sequence[Request], labels: Sequence[LabelIds] = ()
    ) -> tuple[list[Reply], Mapping[int, list[float]]]:
        """What the model writes; with `labels`, up to where its answer begins, and by row the
        labels' log-probabilities there.
        """
        from mubench_gen.engines.transformers.decoding import RowChoices, RowLimits, RowSampling
        from mubench_gen.engines.transformers.thoughts import LabelScores

        opened = self._ready()
        inputs = self._inputs(requests)
        prompts = inputs["attention_mask"].sum(1).tolist()
        limits = [self._limit(*pair) for pair in zip(requests, prompts, strict=True)]
        start = 1 if opened.model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
        stop = self._stops.texts
        thoughts = self._thoughts(requests, start)
        scores = None if thoughts is None else LabelScores(thoughts, start, labels, self._end)
        tokens = self._run(
            inputs,
            max_new_tokens=max(limits),
            logits_processor=[
                *([] if thoughts is None else [thoughts]),
                *([] if scores is None else [scores]),
                RowChoices(requests, start, self._vocabulary, thoughts),
                RowSampling(requests, self.runtime.seed),
            ],
            stopping_criteria=[RowLimits(limits, start, opened.device)],
            **({"stop_strings": list(stop)} if stop else {}),
        ).sequences[:, start:]
        replies = [
            self._reader.read(row, limit=limit, prompt_tokens=prompt)
            for row, limit, prompt in zip(tokens.tolist(), limits, prompts, strict=True)
        ]
        seen = seen_images(inputs, opened.model.config)
        whole = [
            replace(reply, usage={**(reply.usage or {}), **image})
            for reply, image in zip(replies, seen, strict=True)
        ]
        return whole, {} if scores is None else scores.found

    def _thoughts(self, requests: Sequence[Request], start: int) -> RowThoughts | None:
        """What bounds the rows' thoughts and finds their ends; None where neither is needed."""
        from mubench_gen.engines.transformers.thoughts import RowThoughts

        thinking = self._thinking
        if thinking is None or not thinking.on:
            return None
        if thinking.budget is None and all(r.readout == "parse" for r in requests):
            return None
        tokenizer, opened = self._ready().processor.tokenizer, self._chat.opened
        marks = opened or marks_in(self._chat.template.text)
        return RowThoughts(requests, start, tokenizer, thinking, marks, opened=opened is not None)

    def _label_logprobs(self, requests: Sequence[Request]) -> list[list[float]]:
        import torch

        from mubench_gen.engines.transformers.thoughts import label_scores

        ids = [self._ids_of_labels(request) for request in requests]
        inputs = self._inputs(requests)
        for request, prompt in zip(requests, inputs["attention_mask"].sum(1).tolist(), strict=True):
            self._limit(request, prompt)
        # One new token is one forward pass, prepared as the architecture wants it (positions,
        # multimodal inputs); `logits` are raw, before anything of generation touches them.
        logits = self._run(inputs, max_new_tokens=1, output_logits=True).logits[0].float()
        logprobs = torch.log_softmax(logits, dim=-1).cpu()
        if not logprobs.isfinite().all():
            raise ItemError(NOT_FINITE)
        return [label_scores(row, labels) for row, labels in zip(logprobs, ids, strict=True)]

    def option_logprobs(self, requests: Sequence[Request]) -> Sequence[Sequence[tuple[float, int]]]:
        """As in GenerativeModel: the options of a request are the rows of one forward pass."""
        from mubench_gen.engines.transformers.checkpoint import quiet
        from mubench_gen.engines.transformers.cloze import sums

        opened, found = self._ready(), []
        if opened.model.config.is_encoder_decoder:
            raise ItemError("The read-out cloze is not for models with an encoder and a decoder.")
        encode = partial(opened.processor.tokenizer, add_special_tokens=False)
        with quiet():
            for request in requests:
                tail = self._chat.tail(request.messages)
                options = continued(request.texts, tail, lambda text: encode(text)["input_ids"])
                rows = self._chat.tensors([request] * len(options))
                self._limit(request, rows["input_ids"].shape[1] + max(map(len, options)))
                values = sums(opened.model, rows, options, opened.device, opened.dtype)
                found.append(list(zip(values, map(len, options), strict=True)))
        return found

    def _run(self, inputs: Any, **arguments: Any) -> Any:
        import torch

        opened = self._ready()
        with torch.inference_mode():
            return opened.model.generate(
                **inputs,
                do_sample=False,
                return_dict_in_generate=True,
                tokenizer=opened.processor.tokenizer,
                **arguments,
            )

    def _inputs(self, requests: Sequence[Request]) -> Any:
        opened = self._ready()
        return self._chat.tensors(requests).to(device=opened.device, dtype=opened.dtype)

    def _limit(self, request: Request, prompt_tokens: int) -> int:
        """The limit of the reply's tokens: the requested one, within the context."""
        config = self._ready().model.config
        text = config.get_text_config(decoder=True)
        context = getattr(text, "max_position_embeddings", None) or float("inf")
        if prompt_tokens >= context:
            raise ItemError(
                f"The prompt has {prompt_tokens} tokens, the model's context {context}. "
                "Use a shorter prompt, or a model with a longer context."
            )
        return int(min(request.sampling.max_tokens, context - prompt_tokens))

    def _ids_of_labels(self, request: Request) -> LabelIds:
        """The first tokens of the request's labels; they are the same for all its batch."""
        if request.labels not in self._label_tokens:
            tokenizer = self._ready().processor.tokenizer
            thinks = self._thinking is not None and self._thinking.on
            self._label_tokens[request.labels] = label_tokens(
                request.labels,
                tail="" if thinks else self._chat.tail(request.messages),
                encode=lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"]),
                decode=tokenizer.decode,
            )
        return self._label_tokens[request.labels]


def _set_plain_generation(opened: LoadedCheckpoint, stops: Sequence[int]) -> frozenset[int]:
    """Replace a checkpoint's generation_config, and return the end tokens.

    They are those that it declares, the tokenizer's, and the tokens `stops`.

    Its top_p or repetition_penalty would silently change greedy decoding.
    """
    import transformers

    config_class: Any = transformers.GenerationConfig
    given = opened.model.generation_config
    tokenizer = opened.processor.tokenizer
    declared = given.eos_token_id if isinstance(given.eos_token_id, list) else [given.eos_token_id]
    ends = frozenset(t for t in (*declared, tokenizer.eos_token_id, *stops) if t is not None)
    opened.model.generation_config = config_class(
        bos_token_id=given.bos_token_id,
        eos_token_id=sorted(ends),
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=given.decoder_start_token_id,
    )
    return ends
