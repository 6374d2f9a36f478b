"""The read-outs of vLLM, alone and mixed, and how text is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Request, Sampling, Text

from .asked import answers, demo_requests, texts
from .conftest import Open, tiny_weights

CLOSE = {"abs": 1e-4}  # of log-probabilities: a batch's shape changes how sums are rounded


@pytest.fixture(scope="module")
def mixed() -> list[Request]:
    """Questions with 4 to 6 labels of three kinds, each by all three read-outs, interleaved."""
    return [request for labels in ("A", "a", "1") for request in questions(labels)]


def questions(labels: str) -> list[Request]:
    readouts = ["parse", "logprob", "choice"]
    return demo_requests(limit=1, readout=readouts, prompt_set={"labels": labels})


def by_itself(model: VllmGenerative, requests: Sequence[Request]) -> list[Any]:
    return [answers(model, [request])[0] for request in requests]


def test_read_outs_that_share_a_batch_answer_as_each_does_alone(
    tiny: VllmGenerative, mixed: list[Request]
) -> None:
    assert len({len(request.labels) for request in mixed}) > 1
    assert [r.readout for r in mixed[:6]] == ["parse", "logprob", "choice"] * 2

    together = answers(tiny, mixed)

    for request, one, alone in zip(mixed, together, by_itself(tiny, mixed), strict=True):
        if request.readout == "logprob":
            assert one == pytest.approx(alone, **CLOSE)
        else:
            assert (one.text, one.finish_reason) == (alone.text, alone.finish_reason)


def test_a_choice_is_a_label_and_nothing_else(tiny: VllmGenerative) -> None:
    """Of Roman numerals too, of which one is the beginning of another."""
    chosen = [request for request in questions("i") if request.readout == "choice"]
    assert any(len(label) > 1 for request in chosen for label in request.labels)
    for request, reply in zip(chosen, answers(tiny, chosen), strict=True):
        assert reply.text in request.labels


def test_scores_are_log_probabilities_of_a_reply_s_beginning(
    tiny: VllmGenerative, mixed: list[Request]
) -> None:
    scored = [request for request in mixed if request.readout == "logprob"]
    for request, scores in zip(scored, answers(tiny, scored), strict=True):
        assert len(scores) == len(request.labels)
        assert all(score <= 0 for score in scores)


def in_a_long_prompt(request: Request) -> Request:
    """The request behind a text that fills blocks of the prefix cache (128 tokens on a CPU)."""
    (message,) = request.messages
    content = [Text("Look closely. " * 60 + p.text) if isinstance(p, Text) else p
               for p in message.content]  # fmt: skip
    return replace(request, messages=(replace(message, content=tuple(content)),))


def test_options_are_as_likely_as_on_transformers_and_share_their_prompt(
    tiny: VllmGenerative,
) -> None:
    asked = demo_requests(limit=1, tasks=["modality", "stain"], readout=["cloze"], prompt=["cloze"])
    asked += [in_a_long_prompt(request) for request in asked]
    other = TransformersGenerative(Checkpoint(tiny_weights(), "generative"), Runtime("", "cpu"))
    other.load()

    before = tiny.counts
    found = answers(tiny, asked)
    once = tiny.counts
    again = answers(tiny, asked)

    for request, options, scored in zip(asked, found, other.option_logprobs(asked), strict=True):
        assert len(options) == len(request.texts)
        for (total, tokens), (wanted, length) in zip(options, scored, strict=True):
            assert (tokens, total / tokens) == (length, pytest.approx(wanted / length, **CLOSE))
    assert again == found  # of options that are wholly in the cache too
    used = {name: once[name] - before[name] for name in once}
    assert used["requests"] >= sum(len(request.texts) for request in asked)
    assert used["mm_cache_queries"] == len(asked)  # an image is prepared once a question
    # All options of a long prompt but the first find at least two blocks of it.
    most = sum(256 * (len(request.texts) - 1) for request in asked[len(asked) // 2 :])
    assert used["cached_prompt_tokens"] >= most > 0


def test_sampling_follows_each_request_s_own_seed(tiny: VllmGenerative) -> None:
    request = demo_requests(limit=1, tasks=["modality"], readout=["parse"])[0]
    hot = [replace(request, sampling=Sampling(2.0, 12, seed=seed)) for seed in range(6)]

    first = texts(answers(tiny, hot))

    assert len(set(first)) > 1
    assert texts(answers(tiny, hot[::-1])) == first[::-1]
    assert texts(by_itself(tiny, hot)) == first


def test_a_reply_ends_at_its_number_of_tokens(tiny: VllmGenerative) -> None:
    request = demo_requests(limit=1, tasks=["modality"], readout=["parse"])[0]
    hot = replace(request, sampling=Sampling(2.0, 3, seed=1))
    (reply,) = answers(tiny, [hot])
    assert (reply.finish_reason, reply.usage["completion_tokens"]) == ("length", 3)


def test_a_reply_ends_at_a_stop_string(tiny: VllmGenerative, open_vllm: Open) -> None:
    request = demo_requests(limit=1, tasks=["modality"], readout=["parse"])[0]
    hot = replace(request, sampling=Sampling(2.0, 40, seed=5))
    (whole,) = answers(tiny, [hot])
    middle = whole.text[len(whole.text) // 2]

    (cut,) = answers(open_vllm(tiny_weights(), stop=(middle,)), [hot])

    assert cut.text == whole.text[: whole.text.index(middle)]
    assert cut.finish_reason == "stop"


def test_a_given_up_request_makes_room_for_others(tiny: VllmGenerative) -> None:
    request = demo_requests(limit=1, tasks=["modality"], readout=["parse"])[0]
    long = replace(request, sampling=Sampling(2.0, 1_500, seed=3))

    future = tiny.submit(long)

    assert future.cancel()
    assert texts(answers(tiny, [request]))
