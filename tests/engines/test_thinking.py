"""What a model thinks before it answers: the template's switch, the split, budget, read-outs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.packages import package

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.thinking import (
    MARKS,
    opened_by,
    read_thinking,
    split_thought,
    template_variables,
)
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Reply, Request, Sampling

from .conftest import CHAT, make_image, make_request

torch = package("torch")
START = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
assert CHAT.endswith(START)
# The switch of Qwen3: off writes an empty thought, on leaves it to the model to open one.
QWEN3 = CHAT + (
    "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% endif %}"
)
# That of Qwen3.5 and Granite, by two names: on opens the thought in the prompt.
OPENS = CHAT + (
    "{% if add_generation_prompt %}{% if NAME %}<think>\n{% else %}<think></think>{% endif %}"
    "{% endif %}"
)
ALWAYS = CHAT + "{% if add_generation_prompt %}<think>\n{% endif %}"


def load(folder: Path, template: str, thinking: str | None) -> TransformersGenerative:
    source = Checkpoint(folder, "generative", chat_template=template)
    runtime = Runtime("", device="cpu", thinking=thinking)
    model = open_checkpoint("transformers", source, runtime)
    assert isinstance(model, TransformersGenerative)
    model.load()
    return model


def asked(readout: Any = "parse", *, most: int = 60, number: int = 0) -> Request:
    request = make_request(number, image=make_image(number), max_tokens=most, text="Which? A B C D")
    return replace(request, readout=readout, sampling=Sampling(0.0, most))


@pytest.mark.parametrize(
    ("text", "opened", "thought", "answer", "closed"),
    [
        ("<think>It is A.</think>\n\nB", None, "It is A.", "B", True),
        ("\n<think>\nhm\n</think>B", None, "hm", "B", True),
        ("it may be A</think>B", None, "it may be A", "B", True),
        ("<think>The answer is", None, "The answer is", "", False),
        ("The answer is", MARKS[0], "The answer is", "", False),
        ("[THINK]x[/THINK]B", None, "x", "B", True),
        ("◁think▷x◁/think▷B", None, "x", "B", True),
        ("<think></think>B", None, "", "B", True),
    ],
)
def test_a_thought_is_split_from_the_answer(
    text: str, opened: Any, thought: str, answer: str, closed: bool
) -> None:
    found = split_thought(text, opened)
    assert found is not None
    assert (found.text, found.answer, found.closed) == (thought, answer, closed)


@pytest.mark.parametrize("text", ["B", "I think it is B", "B <think> or is it", "a < b", ""])
def test_a_text_without_a_thought_at_its_start_is_left_alone(text: str) -> None:
    assert split_thought(text) is None


def test_a_template_is_read_for_its_switch_outside_of_texts_and_attributes() -> None:
    assert template_variables(QWEN3) == {"enable_thinking"}
    assert template_variables("{% if thinking %}x{% endif %}") == {"thinking"}
    assert not template_variables("{% set thinking = m.thinking %}thinking{{ 'thinking' }}")
    late = "{% if not thinking is defined %}{% set thinking = false %}{% endif %}{{ thinking }}"
    assert template_variables(late) == {"thinking"}
    marked = "{% generation %}{{ enable_thinking }}{% endgeneration %}{% if"
    assert template_variables(marked.removesuffix("{% if")) == {"enable_thinking"}
    assert not template_variables(marked)
    assert "thinking_budget" in template_variables("{{ thinking_budget }}")
    assert opened_by("<|im_start|>assistant\n<think>\n") == MARKS[0]
    assert opened_by("<think>\n\n</think>\n\n") is None


def test_the_switch_reaches_the_prompt_and_overrides_the_plugins_own(llava: Path) -> None:
    source = Checkpoint(
        llava,
        "generative",
        chat_template=QWEN3,
        template_arguments={"enable_thinking": False},
    )
    ends = {}
    for thinking in ("on", "off", None):
        model = open_checkpoint("transformers", source, Runtime("", "cpu", thinking=thinking))
        assert isinstance(model, TransformersGenerative)
        model.load()
        ends[thinking] = model._chat.render(asked().messages).rpartition("assistant")[2]
    assert ends == {"on": "\n", "off": "\n<think>\n\n</think>\n\n", None: ends["off"]}


@pytest.mark.parametrize(
    ("template", "thinking", "why"),
    [
        (CHAT, "on", "--thinking on: .* has no switch"),
        (CHAT, "off", "--thinking off: .* has no switch"),
        (CHAT, "20", "--thinking 20: .* has no switch"),
        (ALWAYS, "off", "opens a thought in every prompt"),
    ],
)
def test_a_template_without_a_switch_is_refused_before_anything_is_asked(
    llava: Path, template: str, thinking: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        load(llava, template, thinking)


@pytest.mark.parametrize("template", [OPENS.replace("NAME", "enable_thinking"), ALWAYS, QWEN3])
def test_a_thought_beyond_its_budget_is_closed_and_the_answer_read_behind_it(
    llava: Path, template: str
) -> None:
    model = load(llava, template, "12")
    # Random weights open no thought of their own, which `choice` is made to do.
    readouts = ("choice",) if template is QWEN3 else ("parse", "choice")
    closing = len(model._ready().processor.tokenizer.tokenize("</think>"))
    requests = [asked(r, number=n) for n, r in enumerate(readouts)]
    replies = model.generate(requests)
    for reply, request in zip(replies, requests, strict=True):
        assert isinstance(reply, Reply)
        assert reply.usage is not None
        assert reply.reasoning
        assert "<think>" not in reply.reasoning
        assert reply.usage["reasoning_tokens"] <= 12 + closing
        assert reply.usage["reasoning_tokens"] < reply.usage["completion_tokens"]
        if request.readout == "choice":
            assert reply.text in request.labels
    assert [model.generate([r])[0] for r in requests] == list(replies)


def test_a_reply_that_is_cut_while_thinking_has_no_text(llava: Path) -> None:
    [reply] = load(llava, ALWAYS, "on").generate([asked(most=9)])
    assert isinstance(reply, Reply)
    assert reply.usage is not None
    assert (reply.text, reply.finish_reason) == ("", "length")
    assert reply.reasoning
    assert reply.usage["reasoning_tokens"] == 9


def test_labels_are_scored_behind_the_thought_as_a_plain_forward_scores_them(llava: Path) -> None:
    model = load(llava, ALWAYS, "8")
    requests = [asked("logprob", number=n) for n in range(3)]
    scored: list[Any] = list(model.label_logprobs(requests))
    for request, reply in zip(requests, scored, strict=True):
        assert reply.text == ""
        assert reply.reasoning
        inputs = model._inputs([request])
        used = reply.usage["reasoning_tokens"]
        opened = model._ready()
        grown = opened.model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=used,
            logits_processor=[model._thoughts([request], inputs["input_ids"].shape[1])],
        )
        more = grown.shape[1] - inputs["input_ids"].shape[1]
        mask = torch.cat([inputs["attention_mask"], torch.ones(1, more, dtype=torch.long)], 1)
        whole = {**inputs, "input_ids": grown, "attention_mask": mask}
        with torch.inference_mode():
            logprobs = opened.model(**whole).logits[0, -1].log_softmax(-1)
        labels = model._ids_of_labels(request)
        expected = [float(logprobs[list(tokens)].logsumexp(0)) for tokens in labels]
        np.testing.assert_allclose(reply.logprobs, expected, atol=1e-4, rtol=0)


def test_a_score_that_is_cut_while_thinking_has_no_value(llava: Path) -> None:
    scored: list[Any] = list(load(llava, ALWAYS, "on").label_logprobs([asked("logprob", most=7)]))
    assert (scored[0].logprobs, scored[0].finish_reason, scored[0].text) == (None, "length", "")
    assert scored[0].reasoning


def test_thoughts_without_the_setting_are_recorded_apart_too(llava: Path) -> None:
    [reply] = load(llava, ALWAYS, None).generate([asked(most=9)])
    assert isinstance(reply, Reply)
    assert (reply.text, bool(reply.reasoning)) == ("", True)


def test_the_room_for_a_thought_follows_the_mode() -> None:
    rooms = [read_thinking(given) for given in ("on", "off", "100")]
    assert [one and one.room for one in rooms] == [4096, 0, 116]
    assert read_thinking(None) is None
