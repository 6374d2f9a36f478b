"""Replies and label log-probabilities of the transformers engine, against transformers itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.packages import package

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import ItemError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Reply, Request, Sampling

from .conftest import CHAT, LABELS, QUESTION, make_image, make_request

torch = package("torch")


def load(folder: Path, runtime: Runtime | None = None, **checkpoint: Any) -> TransformersGenerative:
    source = Checkpoint(folder, "generative", **checkpoint)
    model = open_checkpoint("transformers", source, runtime or Runtime("", device="cpu"))
    assert isinstance(model, TransformersGenerative)
    model.load()
    return model


@pytest.fixture(scope="module", params=["llava", "idefics"])
def model(request: pytest.FixtureRequest) -> Iterator[TransformersGenerative]:
    model = load(request.getfixturevalue(request.param))
    yield model
    model.close()


@pytest.fixture(scope="module")
def tiny(llava: Path) -> Iterator[TransformersGenerative]:
    model = load(llava)
    yield model
    model.close()


def sampled(requests: Sequence[Request], temperature: float = 1.0) -> list[Request]:
    return [
        replace(request, sampling=Sampling(temperature, 6, seed=number))
        for number, request in enumerate(requests)
    ]


def one_by_one(ask: Callable[[list[Request]], Sequence[Any]], requests: list[Request]) -> list[Any]:
    return [ask([request])[0] for request in requests]


def reference(folder: Path, request: Request) -> tuple[Any, Any, Any]:
    """transformers' own processor, model and inputs for one request."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    auto_processor: Any = AutoProcessor
    processor = auto_processor.from_pretrained(folder)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder)
    model.eval()
    image = [] if request.image is None else [{"type": "image", "image": request.image.pixels()}]
    content = [*image, {"type": "text", "text": request.text}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    return processor, model, inputs


def test_greedy_replies_do_not_depend_on_the_batch(
    model: TransformersGenerative, requests: list[Request]
) -> None:
    together = model.generate(requests)
    assert one_by_one(model.generate, requests) == together
    assert list(reversed(model.generate(requests[::-1]))) == together
    assert len({reply.text for reply in together}) > 2


def test_sampled_replies_depend_on_their_own_seed_alone(
    model: TransformersGenerative, requests: list[Request]
) -> None:
    drawn = sampled(requests)
    together = model.generate(drawn)
    assert one_by_one(model.generate, drawn) == together
    assert list(reversed(model.generate(drawn[::-1]))) == together
    assert together != model.generate(requests)


def test_label_logprobs_do_not_depend_on_the_batch(
    model: TransformersGenerative, requests: list[Request]
) -> None:
    together = np.array(model.label_logprobs(requests))
    assert together.shape == (len(requests), 4)
    np.testing.assert_allclose(
        one_by_one(model.label_logprobs, requests), together, atol=1e-4, rtol=0
    )
    np.testing.assert_allclose(
        model.label_logprobs(requests[::-1])[::-1], together, atol=1e-4, rtol=0
    )
    assert together.std(axis=0).max() > 0.01


@pytest.mark.parametrize("name", ["llava", "idefics"])
@pytest.mark.parametrize("blind", [False, True])
def test_label_logprobs_equal_a_plain_forward(
    name: str, blind: bool, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(name)
    asked = make_request(image=None if blind else make_image(5))
    processor, plain, inputs = reference(folder, asked)
    with torch.inference_mode():
        logprobs = plain(**inputs).logits[0, -1].log_softmax(-1)
    spaced = [processor.tokenizer.encode(" " + label)[0] for label in asked.labels]
    bare = [processor.tokenizer.encode(label)[0] for label in asked.labels]
    expected = [
        float(logprobs[list({*pair})].logsumexp(0)) for pair in zip(bare, spaced, strict=True)
    ]
    mixed = [make_request(1, image=make_image(6), text=QUESTION * 2), asked]
    np.testing.assert_allclose(load(folder).label_logprobs(mixed)[1], expected, atol=1e-4, rtol=0)


def test_greedy_replies_equal_those_of_transformers(llava: Path) -> None:
    asked = make_request(image=make_image(5), max_tokens=12)
    processor, plain, inputs = reference(llava, asked)
    tokens = plain.generate(**inputs, max_new_tokens=12, do_sample=False)
    prompt = inputs["input_ids"].shape[1]
    [reply] = load(llava).generate([asked])
    assert reply.text == processor.decode(tokens[0, prompt:], skip_special_tokens=True)
    assert reply.usage == {
        "prompt_tokens": prompt,
        "completion_tokens": tokens.shape[1] - prompt,
        "image_tokens": int((inputs["input_ids"] == plain.config.image_token_id).sum()),
        "image_width": 32,
        "image_height": 32,
    }
    assert reply.usage["image_tokens"] > 0


def test_the_image_is_seen(tiny: TransformersGenerative) -> None:
    seen = tiny.label_logprobs([make_request(image=make_image(n)) for n in (1, 2)])
    assert seen[0] != seen[1]


def test_each_request_keeps_to_its_own_number_of_tokens(tiny: TransformersGenerative) -> None:
    limits = (1, 3, 9)
    requests = [make_request(n, image=make_image(1), max_tokens=n) for n in limits]
    replies = tiny.generate(requests)
    assert [reply.usage and reply.usage["completion_tokens"] for reply in replies] == list(limits)
    assert {reply.finish_reason for reply in replies} == {"length"}
    assert replies == one_by_one(tiny.generate, requests)


def test_a_reply_that_ends_by_itself_stops(llava: Path, altered: Callable[..., Path]) -> None:
    asked = make_request(image=make_image(1), max_tokens=8)
    processor, plain, inputs = reference(llava, asked)
    tokens = plain.generate(**inputs, max_new_tokens=8, do_sample=False)
    new = tokens[0, inputs["input_ids"].shape[1] :].tolist()
    place = next(n for n in range(1, 8) if new[n] not in new[:n])
    change = {"eos_token_id": [4, new[place]], "repetition_penalty": 9.0, "top_k": 1}
    [reply] = load(altered(llava, "generation_config.json", change)).generate([asked])
    assert reply.finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage["completion_tokens"] == place + 1
    # The penalty that the checkpoint brings along bends nothing.
    assert reply.text == processor.decode(new[:place])


def test_a_stop_string_ends_the_reply_and_is_no_part_of_it(
    llava: Path, tiny: TransformersGenerative
) -> None:
    asked = make_request(image=make_image(1), max_tokens=10)
    other = make_request(1, image=make_image(2), max_tokens=10)
    whole = tiny.generate([asked])[0].text
    stop = whole[len(whole) // 2 :][:2]
    short, long = load(llava, stop=(stop,)).generate([asked, other])
    assert short.text == whole[: whole.index(stop)]
    assert short.finish_reason == "stop"
    assert short.usage is not None
    assert short.usage["completion_tokens"] < 10
    if stop not in tiny.generate([other])[0].text:
        assert long.finish_reason == "length"


def test_a_request_without_a_seed_draws_by_the_run_s_seed_and_its_key(llava: Path) -> None:
    def draw(seed: int, number: int) -> Reply:
        request = make_request(number, image=make_image(1), temperature=1.0)
        return load(llava, Runtime("", device="cpu", seed=seed)).generate([request])[0]

    assert draw(1, 1) == draw(1, 1)
    assert len({draw(seed, key).text for seed in (1, 2) for key in (1, 2)}) == 4


def test_draws_follow_the_softmax_at_the_temperature() -> None:
    from mubench_gen.engines.transformers.decoding import RowSampling

    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    rows = [make_request(temperature=0.5, seed=seed) for seed in range(4000)]
    scores = RowSampling(rows, 0)(torch.zeros(4000, 1), logits.repeat(4000, 1))
    drawn = Counter(scores.argmax(1).tolist())
    expected = (logits / 0.5).softmax(0).tolist()
    for token, share in enumerate(expected):
        assert drawn[token] / 4000 == pytest.approx(share, abs=0.03)


def test_batches_are_cut_to_the_engine_s_batch_size(
    llava: Path, requests: list[Request], tiny: TransformersGenerative
) -> None:
    model = load(llava, Runtime("", device="cpu", engine_options={"batch_size": "2"}))
    assert model.generate(requests) == tiny.generate(requests)


def test_the_checkpoint_s_template_replaces_that_of_the_files(llava: Path) -> None:
    asked = make_request(image=make_image(1))
    other = load(llava, chat_template=CHAT.replace("assistant", "ASSISTANT"))
    assert other.label_logprobs([asked]) != load(llava).label_logprobs([asked])


def test_system_prompts_reach_the_model(tiny: TransformersGenerative) -> None:
    plain = make_request(image=make_image(1))
    with_system = make_request(image=make_image(1), system="You look at cells.")
    assert tiny.label_logprobs([plain]) != tiny.label_logprobs([with_system])


def test_a_template_that_refuses_the_messages_is_an_item_s_error(llava: Path) -> None:
    template = "{{ raise_exception('no system role') }}"
    with pytest.raises(ItemError, match=r"no system role.*roles: |roles: .*no system role"):
        load(llava, chat_template=template).generate([make_request(system="Look.")])


def test_a_prompt_longer_than_the_context_names_both_lengths(tiny: TransformersGenerative) -> None:
    request = make_request(text="cells " * 400)
    for ask in (tiny.generate, tiny.label_logprobs):
        with pytest.raises(ItemError, match=r"prompt has \d+ tokens, the model's context 256"):
            ask([request])


def test_a_reply_ends_where_the_context_does(tiny: TransformersGenerative) -> None:
    [reply] = tiny.generate([make_request(image=make_image(1), max_tokens=1000)])
    assert reply.usage is not None
    assert sum(reply.usage.values()) <= 256


def test_text_with_an_image_mark_but_no_image_does_not_stop_the_run(
    tiny: TransformersGenerative,
) -> None:
    with pytest.raises(ItemError, match="processor refuses the request"):
        tiny.generate([make_request(image=make_image(1), text="two <image> marks")])


def test_an_image_in_several_rows_is_prepared_once(
    tiny: TransformersGenerative, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tiny._ready().processor.image_processor
    counted: list[int] = []
    prepare = images._image_processor

    def count(rows: Any, *args: Any, **kwargs: Any) -> Any:
        counted.append(len(rows))
        return prepare(rows, *args, **kwargs)

    monkeypatch.setattr(images, "_image_processor", count)
    monkeypatch.setattr(images, "fetch_images", lambda rows: rows, raising=False)
    image = make_image(1)
    shared = [make_request(n, image=image, text=f"{QUESTION}{n}") for n in range(4)]
    tiny.generate([*shared, make_request(9, image=make_image(2))])
    assert counted == [2]


def test_bfloat16_stays_close_to_float32(
    llava: Path, tiny: TransformersGenerative, requests: list[Request]
) -> None:
    half = load(llava, Runtime("", device="cpu", dtype="bfloat16"))
    exact = tiny.label_logprobs(requests)
    np.testing.assert_allclose(half.label_logprobs(requests), exact, atol=0.2)
    assert len(half.generate(sampled(requests))) == len(requests)


def test_output_that_is_not_a_number_is_an_item_s_error(llava: Path) -> None:
    model = load(llava)
    for parameter in model._ready().model.lm_head.parameters():
        parameter.data.fill_(float("nan"))
    for ask in (model.generate, model.label_logprobs):
        with pytest.raises(ItemError, match="--dtype float32"):
            ask([make_request(image=make_image(1))])


def test_nothing_is_printed(
    llava: Path, requests: list[Request], capfd: pytest.CaptureFixture[str]
) -> None:
    model = load(llava)
    model.generate(requests)
    model.label_logprobs(requests)
    assert capfd.readouterr() == ("", "")


def chosen(request: Request, labels: tuple[str, ...], temperature: float = 0.0) -> Request:
    sampling = Sampling(temperature, 12, seed=3 if temperature else None)
    return replace(request, readout="choice", labels=labels, sampling=sampling)


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_a_choice_is_one_of_its_row_s_labels(
    model: TransformersGenerative, requests: list[Request], temperature: float
) -> None:
    """In a batch with rows that write what they like; one label may begin another."""
    labels = [LABELS, ("i", "ii", "iii", "iv"), ("1", "10", "100")]
    rows = [chosen(r, labels[n % 3], temperature) for n, r in enumerate(requests)]
    mixed = [row for pair in zip(rows, requests, strict=True) for row in pair]

    replies = model.generate(mixed)

    for row, reply in zip(rows, replies[::2], strict=True):
        assert (reply.text in row.labels, reply.finish_reason) == (True, "stop")
    free = model.generate(requests)
    assert [reply.text for reply in replies[1::2]] == [reply.text for reply in free]


def test_a_greedy_choice_among_labels_of_one_token_is_the_likeliest_of_them(
    tiny: TransformersGenerative, requests: list[Request]
) -> None:
    torch_model = tiny._ready()
    tokenizer = torch_model.processor.tokenizer
    tokens = [tokenizer.convert_tokens_to_ids(label) for label in LABELS]
    for request in requests[:4]:
        logits = tiny._run(tiny._inputs([request]), max_new_tokens=1, output_logits=True).logits[0]
        best = LABELS[int(logits[0, tokens].argmax())]
        assert tiny.generate([chosen(request, LABELS)])[0].text == best
