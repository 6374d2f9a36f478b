"""`--thinking` on the real vLLM, with a model that thinks: as transformers, thought for thought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.helpers.checkpoints.prompts import ask
from tests.helpers.checkpoints.thinker import THOUGHT, make_thinker

from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Reply

from .conftest import QUICK, Open, tiny_weights


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_thinker(tmp_path_factory.mktemp("thinker"))


def runtime(thinking: str | None) -> Runtime:
    return Runtime("", device="cpu", dtype="float32", engine_options=QUICK, thinking=thinking)


@pytest.mark.parametrize(("thinking", "words"), [("off", 0), ("4", 4), ("100", 8)])
def test_a_model_thinks_as_it_does_on_transformers(
    thinker: Path, open_vllm: Open, thinking: str, words: int
) -> None:
    """Not at all, for as many tokens as it may, or to its own end."""
    request = ask(seed=1, max_tokens=40)
    reply: Any = open_vllm(thinker, runtime=runtime(thinking)).submit(request).result(120)
    other = TransformersGenerative(
        Checkpoint(thinker, "generative"), Runtime("", "cpu", thinking=thinking)
    )
    other.load()
    (wanted,) = other.generate([request])
    assert isinstance(reply, Reply)
    assert (reply.text, reply.reasoning) == (wanted.text, wanted.reasoning)
    assert reply.text
    thought = "".join(THOUGHT.partition(f" glance-{words + 1}")[0])
    assert (reply.reasoning or "") == (thought.strip() if words else "")
    for name in ("completion_tokens", "reasoning_tokens"):
        assert (reply.usage or {}).get(name) == (wanted.usage or {}).get(name)


def test_a_thought_that_is_cut_is_no_answer(thinker: Path, open_vllm: Open) -> None:
    model = open_vllm(thinker, runtime=runtime("100"))
    reply: Any = model.submit(ask(seed=1, max_tokens=3)).result(120)
    assert (reply.text, reply.finish_reason) == ("", "length")
    assert reply.reasoning == "glance-1 glance-2 glance-3"


def test_a_template_without_a_switch_is_refused(open_vllm: Open) -> None:
    with pytest.raises(UsageError, match="has no switch for thinking"):
        open_vllm(tiny_weights(), runtime=runtime("on"))
