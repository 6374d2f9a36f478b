"""`--thinking` on the real vLLM: the template is told, a thought stands apart from the answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.helpers.checkpoints.prompts import ask

from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Reply

from .conftest import QUICK, Open, tiny_weights

SWITCH = (
    "{% if add_generation_prompt %}{% if enable_thinking %}<think>{% else %}<think></think>"
    "{% endif %}{% endif %}"
)


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny llava with a template that opens a thought, or closes an empty one."""
    folder = shutil.copytree(tiny_weights(), tmp_path_factory.mktemp("thinker") / "llava")
    file = folder / "chat_template.jinja"
    # Before what opens the reply: the tiny model answers there, and has not learnt to think.
    before, opens, reply = file.read_text().rpartition("{% if add_generation_prompt %}")
    file.write_text(before + SWITCH + opens + reply)
    return folder


def runtime(thinking: str | None) -> Runtime:
    return Runtime("", device="cpu", dtype="float32", engine_options=QUICK, thinking=thinking)


def test_a_template_is_told_to_think_and_not_to(thinker: Path, open_vllm: Open) -> None:
    replies = {}
    for word in ("on", "off"):
        model = open_vllm(thinker, runtime=runtime(word))
        replies[word] = model.submit(ask(seed=1, max_tokens=12)).result(120)
    thinks, answers = replies["on"], replies["off"]
    assert isinstance(thinks, Reply)
    assert isinstance(answers, Reply)
    assert (thinks.text, thinks.reasoning) == ("", answers.text)  # it closes no thought
    assert thinks.usage is not None
    assert thinks.usage["reasoning_tokens"] > 0
    assert (bool(answers.text), answers.reasoning) == (True, None)


def test_a_template_without_a_switch_is_refused(open_vllm: Open) -> None:
    with pytest.raises(UsageError, match="has no switch for thinking"):
        open_vllm(tiny_weights(), runtime=runtime("on"))


def test_a_budget_is_refused_before_vllm_starts(thinker: Path) -> None:
    from mubench_gen.engines.vllm.generative import VllmGenerative

    with pytest.raises(UsageError, match="bounds no thought by itself"):
        VllmGenerative(Checkpoint(thinker, "generative"), runtime("64"))
