"""The read-out `cloze`: the log-probability of each option's text, divided by its length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import Checkpoint, Image, Message, Request, Runtime, Sampling, Text, load_run
from mubench_gen.engines.option_tokens import continued
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import ItemError
from mubench_gen.host.generative import from_options
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.plugins.registry import Plugins

from .conftest import Here
from .spine import make_row, png, write_data

MINE = """
import mubench_gen

class Mine(mubench_gen.GenerativeModel):
    def generate(self, requests):
        return ["A" for _ in requests]

    def option_logprobs(self, requests):
        return [[(-6.0 - i, 1 + 3 * i) for i, _ in enumerate(r.texts)] for r in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("mine", Mine)]
"""


def request(*texts: str, **more: Any) -> Request:
    image = Image("1.png", lambda: png(1), StandardPolicy())
    message = Message("user", (image, Text("Which stain?")))
    labels = tuple("ABCDE"[: len(texts)])
    return Request("k", (message,), labels, "cloze", Sampling(0, 8), image, texts, **more)


@pytest.fixture(scope="module")
def tiny() -> TransformersGenerative:
    pytest.importorskip("transformers")
    source = Plugins().load("tiny").spec("llava").source
    assert isinstance(source, Checkpoint)
    model = TransformersGenerative(source, Runtime(model="llava", device="cpu"))
    model.load()
    return model


def test_an_option_has_the_same_probability_alone_and_beside_longer_ones(
    tiny: TransformersGenerative,
) -> None:
    texts = ("light microscopy", "A", "none of the above, or something else entirely")
    (together,) = tiny.option_logprobs([request(*texts)])
    for text, (total, tokens) in zip(texts, together, strict=True):
        ((alone,),) = tiny.option_logprobs([request(text)])
        assert alone == (pytest.approx(total, abs=1e-3), tokens)
        assert total < 0
    assert together[2][1] > together[0][1] > together[1][1] == 1


def test_a_text_of_one_token_has_that_tokens_probability(tiny: TransformersGenerative) -> None:
    """The label read-out adds up the forms with and without a space; neither is above the sum."""
    asked = request("A", "B")
    (found,) = tiny.option_logprobs([asked])
    (labels,) = tiny.label_logprobs(
        [Request("l", asked.messages, ("A", "B"), "logprob", Sampling(0, 1), asked.image)]
    )
    for (total, _), label in zip(found, labels, strict=True):
        assert total <= label + 1e-3


def test_tokens_are_those_behind_the_prompt() -> None:
    def encode(text: str) -> list[int]:
        return [ord(one) for one in text]

    assert continued(["ab"], "A:", encode) == [[32, 97, 98]]
    assert continued(["ab"], "A:\n", encode) == [[97, 98]]
    with pytest.raises(ItemError, match="has no token"):
        continued([""], "\n", encode)


@pytest.mark.parametrize(
    ("per", "scores"),
    [("tokens", (-1.0, -2.0)), ("characters", (-2.0, -0.8)), ("none", (-2.0, -4.0))],
)
def test_scores_are_divided_by_the_length_that_is_named(per: Any, scores: Any) -> None:
    found = from_options([(-2.0, 2), (-4.0, 2)], request("a", "abcde", per=per), 0.0)
    assert found.scores == scores


@pytest.mark.parametrize("wrong", [[(-1.0, 1)], [(-1.0, 0), (-1.0, 1)], [-1.0, -2.0], None])
def test_anything_else_is_an_error(wrong: Any) -> None:
    assert from_options(wrong, request("a", "b"), 0.0).error is not None


def test_a_plugin_offers_it_and_the_length_is_an_axis(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    data = write_data(tmp_path / "d", [make_row(i, questions=("stain",)) for i in range(3)])
    done = here(
        "ablate", "--plugin", tmp_path / "mine.py", "--data", data, "--prompt", "cloze",
        "--readout", "cloze", "--axis", "prompt.cloze=tokens,none", "--run-dir", tmp_path / "s",
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = json.loads((tmp_path / "s/study.json").read_text())["runs"]
    chosen = {
        record["prompt"]: (record["scores"][0], record["rule"], record["status"])
        for record in load_run(str(tmp_path / "s" / run)).records()
    }
    assert chosen["cloze[cloze=tokens]"] == (-6.0, "cloze", "answered")
    best = {r["prompt"]: r["choice"] for r in load_run(str(tmp_path / "s" / run)).records()}
    assert len(best) == 2
