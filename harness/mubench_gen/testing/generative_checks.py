"""Checks of a model that writes text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.model import GenerativeModel
from mubench_gen.testing.check import NotApplicable, check, want
from mubench_gen.testing.questions import LABELS, ask, odd_images, plain_image
from mubench_gen.testing.subject import Subject
from mubench_gen.types import Image, Reply, Request, Sampling

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_ROUNDING = 1e-3
_SETS = 8  # of images, so that replies of one letter are not all the same by chance


def _model(subject: Subject) -> GenerativeModel:
    model = subject.ready
    assert isinstance(model, GenerativeModel)
    return model


def _replies(subject: Subject, requests: Sequence[Request]) -> list[Reply]:
    """What the model gives, each as a Reply, one a request."""
    given = _model(subject).generate(list(requests))
    want(len(given) == len(requests), f"{len(given)} replies to {len(requests)} requests")
    wrong = next((r for r in given if not isinstance(r, (str, Reply))), None)
    want(wrong is None, f"a reply is {type(wrong).__name__}, neither str nor mubench_gen.Reply")
    return [reply if isinstance(reply, Reply) else Reply(reply) for reply in given]


def _texts(subject: Subject, requests: Sequence[Request]) -> list[str]:
    texts = [reply.text for reply in _replies(subject, requests)]
    wrong = next((text for text in texts if not isinstance(text, str)), "")
    want(isinstance(wrong, str), f"a Reply's text is {type(wrong).__name__}")
    return texts


@check(
    "generative",
    reason="replies are told apart by their place alone",
    remedy="return a list with one reply a request, in the order of the requests",
)
def one_reply_a_request(subject: Subject) -> None:
    for n in (1, 3):
        _texts(subject, subject.requests(n))
    requests = subject.requests(7)
    together = _texts(subject, requests)
    alone = [text for request in requests for text in _texts(subject, [request])]
    moved = together != alone and sorted(together) == sorted(alone)
    want(not moved, "the replies are right and in another order than the requests")


@check(
    "generative",
    reason="a reply that is not a text cannot be read or stored",
    remedy="return str, or Reply(text=str); decode bytes and tokens before",
)
def text_is_str(subject: Subject) -> None:
    _texts(subject, subject.requests(2))


@check(
    "generative",
    reason="the last batch of a resumed run may have nothing left to ask",
    remedy="return [] for []",
)
def empty_batch(subject: Subject) -> None:
    want(list(_model(subject).generate([])) == [], "an empty batch has replies")


@check(
    "generative",
    reason="a score must not depend on --batch-size or on what was answered before a resumption",
    remedy="pad on the left and mask, and keep nothing from one request to another",
)
def batch_changes_nothing(subject: Subject) -> None:
    requests = subject.requests(5)
    together = _texts(subject, requests)
    alone = [text for request in requests for text in _texts(subject, [request])]
    _same(together, alone, "asked alone")
    backwards = _texts(subject, requests[::-1])[::-1]
    _same(together, backwards, "asked in the reverse order")


def _same(texts: Sequence[str], others: Sequence[str], how: str) -> None:
    for i, (one, other) in enumerate(zip(texts, others, strict=True)):
        want(one == other, f"request {i}: {one!r:.60}, but {how} {other!r:.60}")


@check(
    "generative",
    reason="a run with a temperature must be repeatable from its manifest",
    remedy="draw with request.sampling.seed, a generator of its own for each request",
)
def same_seed_same_text(subject: Subject) -> None:
    requests = subject.requests(3, temperature=1.0)
    _same(_texts(subject, requests), _texts(subject, requests), "with the same seeds again")
    backwards = _texts(subject, requests[::-1])[::-1]
    _same(_texts(subject, requests), backwards, "with the same seeds in the reverse order")


@check(
    "generative",
    reason="the parser would read the prompt's own options as the answer",
    remedy="cut the prompt's tokens from the generated ones before decoding",
)
def prompt_is_not_echoed(subject: Subject) -> None:
    requests = subject.requests(3)
    for request, text in zip(requests, _texts(subject, requests), strict=True):
        first, *_, last = request.text.splitlines()
        want(first not in text, f"the reply repeats the question: {text!r:.80}")
        want(last not in text, f"the reply repeats the instruction: {text!r:.80}")


@check(
    "generative",
    reason="--max-tokens bounds the time and the price of a run",
    remedy="pass request.sampling.max_tokens on, for each request its own",
)
def max_tokens_hold(subject: Subject) -> None:
    for limit in (1, 4):
        requests = subject.requests(2, max_tokens=limit)
        for reply in _replies(subject, requests):
            _within(reply, limit)
        among_longer = [*requests, *subject.requests(2, max_tokens=64)]
        for reply in _replies(subject, among_longer)[:2]:
            _within(reply, limit)


def _within(reply: Reply, limit: int) -> None:
    counted = (reply.usage or {}).get("completion_tokens")
    if counted is not None:
        want(counted <= limit, f"{counted} tokens where {limit} are allowed")
    most = 40 * limit  # characters: no tokenizer's words are longer
    long = len(reply.text) > most
    want(not long, f"{len(reply.text)} characters where {limit} tokens are allowed")


@check(
    "generative",
    reason="microscopes write such files, and one that raises costs its whole batch",
    remedy="read request.image.pixels(), which is 8-bit RGB, and resize it yourself",
)
def odd_images_are_read(subject: Subject) -> None:
    for name, image in odd_images().items():
        request = ask(image, "Which modality is this?", "parse", Sampling(0.0, 8), key=name)
        try:
            _texts(subject, [request])
        except Exception as error:  # any: the check is about it
            want(False, f"an image of {name} raises {type(error).__name__}: {error}")


@check(
    "generative",
    reason="label scores are compared and reported as log-probabilities",
    remedy="give log-softmax values over the vocabulary, one a label, in the labels' order",
)
def label_logprobs_are_logprobs(subject: Subject) -> None:
    model = _model(subject)
    if "logprob" not in model.readouts:
        raise NotApplicable("the model offers no read-out logprob")
    requests = subject.requests(3, readout="logprob")
    given = model.label_logprobs(requests)
    want(len(given) == len(requests), f"{len(given)} rows for {len(requests)} requests")
    for row in given:
        want(len(row) == len(LABELS), f"{len(row)} scores for {len(LABELS)} labels")
        want(not any(math.isnan(v) or v > _ROUNDING for v in row), f"no log-probabilities: {row}")
        total = math.fsum(math.exp(value) for value in row)
        want(total <= 1 + _ROUNDING, f"the labels' probabilities sum to {total:.4f}")
    alone = [model.label_logprobs([request])[0] for request in requests]
    for row, single in zip(given, alone, strict=True):
        gap = max(abs(a - b) for a, b in zip(row, single, strict=True))
        want(gap <= _ROUNDING, f"asked alone, a label's log-probability is {gap:.2g} off")


@check(
    "generative",
    reason="--readout choice counts the reply as the label that it is",
    remedy="constrain decoding to the labels, or do not offer the read-out",
)
def choice_is_a_label(subject: Subject) -> None:
    if "choice" not in _model(subject).readouts:
        raise NotApplicable("the model offers no read-out choice")
    for text in _texts(subject, subject.requests(3, readout="choice")):
        want(text.strip() in LABELS, f"{text!r:.60} is none of {', '.join(LABELS)}")


@check(
    "generative",
    reason="an image that is not looked at makes a benchmark of texts",
    remedy="pass every Image part of request.messages on, in its place",
)
def image_matters_or_is_declared(subject: Subject) -> None:
    model = _model(subject)
    if not model.reads_pixels:
        raise NotApplicable("the model says that it reads no pixels (reads_pixels = False)")
    decoded: list[int] = []

    class Watched:
        """The image policy, counting what is decoded."""

        def check(self, content: bytes, name: str) -> str | None:
            return None

        def verify(self, content: bytes, name: str) -> None:
            pass

        def decode(self, content: bytes, name: str) -> PillowImage.Image:
            decoded.append(1)
            return plain_image(1).pixels()

    image = Image("watched.png", lambda: plain_image(2).data, Watched())
    _texts(subject, [ask(image, "Which modality?", "parse", Sampling(0.0, 4), key="watched")])
    want(bool(decoded), "the model never asked for the pixels of its image")


@check(
    "generative",
    reason="a question about several images would be answered about the first alone",
    remedy="pass all images of request.messages on, in their places, or leave max_images at 1",
)
def all_images_matter(subject: Subject) -> None:
    most = subject.spec.max_images
    if most == 1:
        raise NotApplicable("the model takes one image a question (ModelSpec.max_images)")
    first = _answers(subject, [(i, i + 1) for i in range(_SETS)])
    other = _answers(subject, [(i, i + 2) for i in range(_SETS)])
    turned = _answers(subject, [(i + 1, i) for i in range(_SETS)])
    if len({*first, *other, *turned}) == 1 and isinstance(first[0], str):
        raise NotApplicable("the model replies the same to all images that it is shown here")
    want(first != other, "another second image changes no answer")
    want(first != turned, "the order of two images changes no answer")


def _answers(subject: Subject, sets: Sequence[tuple[int, int]]) -> list[object]:
    """The model's log-probabilities or replies about sets of images, one set at a time."""
    model = _model(subject)
    scores = "logprob" in model.readouts
    requests = [
        ask(
            plain_image(one),
            "Which modality is this?",
            "logprob" if scores else "parse",
            Sampling(0.0, 16),
            key=f"set-{one}-{other}",
            more_images=(plain_image(other),),
        )
        for one, other in sets
    ]
    if not scores:
        return [text for one in requests for text in _texts(subject, [one])]
    return [tuple(row) for one in requests for row in model.label_logprobs([one])]
