"""When a run stops by itself, and what of a model's output is refused at the border."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.errors import EngineFault, PluginError
from mubench_gen.host.generative import from_reply, from_scores
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.inference.breaker import Breaker
from mubench_gen.model import ContrastiveModel, Scoring
from mubench_gen.types import Failure, Image, Message, Reply, Request, Response, Sampling, Text

from .conftest import Here
from .helpers.asking import asked
from .helpers.data import make_png, write_data
from .helpers.plugin import write_plugin


def request(number: int = 0, readout: Any = "parse", image: Image | None = None) -> Request:
    texts = ("one", f"text {number}") if readout == "similarity" else ()
    messages = (Message("caption", tuple(map(Text, texts))),) if texts else ()
    return Request(
        f"key{number}", messages, ("A", "B"), readout, Sampling(0.0, 8), image=image, texts=texts
    )


def failed(message: str = "no room", kind: str = "ItemError") -> tuple[Request, Response]:
    return request(), Response(error=Failure(kind, message))


ANSWERED = request(), Response(reply="A")


def stops_after(breaker: Breaker, answers: Sequence[tuple[Request, Response]]) -> int | None:
    for number, answer in enumerate(answers, 1):
        try:
            breaker.check([answer])
        except EngineFault:
            return number
    return None


def test_a_run_stops_when_the_first_twenty_fail_with_one_cause() -> None:
    images = [failed(f"image 'cell-{n}.png' is {n} pixels too large") for n in range(30)]
    assert stops_after(Breaker(None), images) == 20
    assert stops_after(Breaker(None), [failed(kind=f"Kind{n}") for n in range(100)]) is None


def test_once_something_was_answered_fifty_in_a_row_stop_it() -> None:
    assert stops_after(Breaker(None), [ANSWERED, *[failed()] * 100]) == 51
    mixed = ([failed()] * 49 + [ANSWERED]) * 3
    assert stops_after(Breaker(None), [ANSWERED, *mixed]) is None


def test_what_failed_before_in_a_run_with_answers_may_fail_again() -> None:
    assert stops_after(Breaker(None, 60), [failed()] * 200) == 110
    assert stops_after(Breaker(0, 60), [failed()] * 200) is None


def test_another_number_may_be_chosen_and_none_never_stops() -> None:
    assert stops_after(Breaker(3), [ANSWERED, *[failed()] * 9]) == 4
    assert stops_after(Breaker(0), [failed()] * 1_000) is None


def test_a_run_that_stops_says_the_cause_and_goes_on_when_it_is_mended(
    here: Here, tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path / "odd.py", "def generate(self, requests): raise OSError('hm')")
    data = write_data(tmp_path / "data", 40)
    words = ("eval", "--plugin", plugin, "--data", data, "--run-dir", tmp_path / "run")
    stopped = here(*words)
    assert stopped.code == 3
    assert "20 requests in a row failed with one cause: OSError: hm" in stopped.err
    assert "--max-errors 0" in stopped.err
    assert len((tmp_path / "run/records.jsonl").read_text().splitlines()) < 80
    assert here(*words, "--max-errors", "0").code == 3
    assert len((tmp_path / "run/records.jsonl").read_text().splitlines()) >= 80


def test_a_reply_is_cut_after_a_megabyte_and_says_so() -> None:
    long = from_reply(Reply("ä" * 1_000_000, "stop"), request(), 0.1)
    assert long.reply == "ä" * 500_000
    assert long.finish_reason == "length"
    exact = from_reply(Reply("a" * 1_000_000, "stop"), request(), 0.1)
    assert (len(exact.reply or ""), exact.finish_reason) == (1_000_000, "stop")


def test_a_negative_count_of_tokens_is_no_usage() -> None:
    response = from_reply(Reply("A", "stop", {"prompt_tokens": -1}), request(), 0.1)
    assert response.error is not None
    assert "negative" in response.error.message


def test_a_log_probability_above_zero_is_none() -> None:
    assert from_scores([-0.1, 1e-6], request(readout="logprob"), 0.1).error is None
    response = from_scores([-0.1, 0.7], request(readout="logprob"), 0.1)
    assert response.error is not None
    assert "above 0: 0.7" in response.error.message


class Clip(ContrastiveModel):
    """Embeds images and texts to the widths given."""

    reads_pixels = False

    def __init__(self, images: int, texts: int, scoring: Any = None) -> None:
        super().__init__()
        self.widths = images, texts
        self.chosen = scoring

    def embed_images(self, images: Sequence[Image]) -> Any:
        return np.ones((len(images), self.widths[0]))

    def embed_texts(self, texts: Sequence[str]) -> Any:
        return np.ones((len(texts), self.widths[1]))

    @property
    def scoring(self) -> Any:
        return self.chosen


def captions() -> Request:
    image = open_image("sound.png", lambda: make_png(1), StandardPolicy())
    return request(1, "similarity", image)


def test_embeddings_of_unlike_widths_are_refused_with_their_shapes() -> None:
    ((_, response),) = next(asked(Clip(8, 4), [captions()], size=4))
    assert response.error is not None
    assert "(1, 8)" in response.error.message
    assert "the width 4" in response.error.message


@pytest.mark.parametrize(
    "scoring",
    [Scoring("linear", 1.0), Scoring("softmax", 0.0), Scoring("sigmoid", -2.0)],  # type: ignore[arg-type]
)
def test_a_scoring_that_is_none_is_the_plugins_to_mend(scoring: Scoring) -> None:
    with pytest.raises(PluginError, match="softmax or sigmoid with a scale above 0"):
        list(asked(Clip(4, 4, scoring), [captions()], size=4))
