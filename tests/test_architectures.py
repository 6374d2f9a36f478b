"""Each plugin opens a tiny checkpoint of each of its architectures, and asks it as it should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import ItemError, UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plugins.registry import Plugins
from mubench_gen.testing import check_plugin

from .conftest import Here
from .engines.test_image_sets import ask as ask_about
from .helpers.checkpoints import ARCHITECTURES, make_checkpoint
from .helpers.checkpoints.prompts import ask, conversations, render, snapshot
from .helpers.packages import package

package("torch")
Checkpoints = Callable[[str], Path]


HERE = [name for name, architecture in ARCHITECTURES.items() if not architecture.missing]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_plugin_s_prompts_are_those_of_the_snapshot(name: str) -> None:
    prompts = render(ARCHITECTURES[name], declared(name, "folder"))
    assert prompts == snapshot(name, prompts)


def test_mistral_small_is_asked_without_the_date_of_today() -> None:
    source = declared("mistral3", "mistralai/Mistral-Small-3.1-24B-Instruct-2503")
    prompts = render(ARCHITECTURES["mistral3"], source)
    assert prompts == snapshot("mistral-small", prompts)


def test_all_architectures_are_opened_here() -> None:
    missing = {name: ARCHITECTURES[name].missing for name in ARCHITECTURES if name not in HERE}
    if missing:
        packages = sorted({package for lacks in missing.values() for package in lacks})
        pytest.skip(f"not opened for want of {' and '.join(packages)}: {', '.join(missing)}")


def declared(name: str, model: Path | str) -> Checkpoint:
    """What the architecture's plugin makes of `--model`: a folder, or one of its own."""
    source = Plugins().load(ARCHITECTURES[name].plugin).spec(str(model)).source
    assert isinstance(source, Checkpoint)
    return source


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    """The folder of an architecture's checkpoint."""
    return cache(lambda name: make_checkpoint(name, tmp_path_factory.mktemp(name)))


def opened(name: str, folder: Path) -> TransformersGenerative:
    runtime = Runtime("", device="cpu", engine_options={"threads": "1"})  # they are that small
    model = open_checkpoint("transformers", declared(name, folder), runtime)
    assert isinstance(model, TransformersGenerative)
    model.load()
    return model


@pytest.fixture(scope="module", params=HERE)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(architecture: str, checkpoints: Checkpoints) -> Path:
    return checkpoints(architecture)


@pytest.fixture(scope="module")
def model(architecture: str, folder: Path) -> Iterator[TransformersGenerative]:
    model = opened(architecture, folder)
    yield model
    model.close()


def test_a_run_on_transformers_answers_every_item(
    architecture: str, folder: Path, here: Here, cells: Path
) -> None:
    plugin = ARCHITECTURES[architecture].plugin
    done = here(
        "eval", "--plugin", plugin, "--model", folder, "--engine", "transformers", "--data", cells,
        "--tasks", "modality", "--readout", "parse,logprob", "--max-tokens", "4", "--json",
        "-o", "engine.threads=1",
    )  # fmt: skip
    assert done.code == 0, done.err
    pooled = done.document["scores"]["pooled"]
    assert (pooled["n"], pooled["n_errors"]) == (6, 0)


def test_the_engine_asks_what_the_snapshot_holds(
    architecture: str, model: TransformersGenerative
) -> None:
    asked = {name: model._chat.render(said) for name, said in conversations().items()}
    assert asked == snapshot(architecture)


def test_two_images_and_their_places_are_seen(model: TransformersGenerative) -> None:
    one, two, three = (ask(seed=seed).images[0] for seed in (1, 2, 3))
    asked = [
        ask_about("A) ", one, " B) ", two),
        ask_about("A) ", two, " B) ", one),
        ask_about("A) ", one, " B) ", three),
    ]
    assert len({tuple(model.label_logprobs([request])[0]) for request in asked}) == len(asked)


def test_the_image_and_the_question_are_seen(model: TransformersGenerative) -> None:
    asked = [ask(seed=1), ask(seed=2), ask(seed=1, text="Is it a nucleus? A B")]
    assert len({tuple(scores) for scores in model.label_logprobs(asked)}) == 3


def test_what_is_asked_beside_changes_nothing(model: TransformersGenerative) -> None:
    asked = [ask(seed=n, text="cells " * 9**n) for n in (0, 1)]
    short, long = model.label_logprobs(asked)
    assert model.label_logprobs(asked[:1])[0] == pytest.approx(short, abs=1e-4)
    assert model.label_logprobs(asked[1:])[0] == pytest.approx(long, abs=1e-4)


def test_without_an_image_only_paligemma_has_nothing_to_answer(
    architecture: str, model: TransformersGenerative
) -> None:
    blind = ask(conversations()["blind"])
    if architecture != "paligemma":
        assert len(model.generate([blind])) == 1
        return
    with pytest.raises(ItemError, match=r"processor refuses.*images"):
        model.generate([blind])


def test_a_prompt_begins_once(checkpoints: Checkpoints) -> None:
    """NeXT's template leaves the beginning to the tokenizer; the others write it."""
    for name in ("llava", "llava-next", "llava-med", "gemma3"):
        model = opened(name, checkpoints(name))
        ids = model._chat.tensors([ask()])["input_ids"][0].tolist()
        assert ids.index(1) == 0
        assert ids.count(1) == 1


def test_a_llava_without_a_template_is_asked_as_vicuna_and_the_manifest_says_so(
    checkpoints: Checkpoints,
) -> None:
    assert opened("llava", checkpoints("llava")).facts["chat_template"] == "fallback"


def test_a_llava_next_without_a_template_is_refused(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    """It could have been any of four formats."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for file in checkpoints("llava-next").iterdir():
        if file.name != "chat_template.jinja":
            (folder / file.name).symlink_to(file)
    with pytest.raises(UsageError, match="has no chat template"):
        opened("llava", folder)


def test_the_end_of_gemma_s_turn_ends_a_reply(checkpoints: Checkpoints) -> None:
    """Also where generation_config.json, which declares it, got lost."""
    model = opened("gemma3", checkpoints("gemma3"))
    tokenizer = model._ready().processor.tokenizer
    turn = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    asked = ask()
    assert model.generate([asked])[0].finish_reason == "length"
    always = RowOf(turn)
    model._ready().model.lm_head.register_forward_hook(always)
    [reply] = model.generate([asked])
    assert (reply.text, reply.finish_reason) == ("", "stop")


class RowOf:
    """Makes one token the most likely one, whatever the model says."""

    def __init__(self, token: int) -> None:
        self._token = token

    def __call__(self, module: object, inputs: object, logits: Any) -> Any:
        logits[..., self._token] = 1e4
        return logits


KEPT = (
    "facts_are_texts", "one_reply_a_request", "text_is_str", "empty_batch",
    "batch_changes_nothing", "same_seed_same_text", "prompt_is_not_echoed",
    "max_tokens_hold", "odd_images_are_read", "label_logprobs_are_logprobs",
    "image_matters_or_is_declared", "close_frees",
)  # fmt: skip


@pytest.mark.first(1)
@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("gemma3", KEPT),
        ("paligemma", KEPT),
        ("gemma3", ("one_bad_image_is_one_error",)),  # in a process that imports torch
        ("paligemma", ("one_bad_image_is_one_error",)),
    ],
    ids=["gemma3", "paligemma", "gemma3 in a run", "paligemma in a run"],
)
def test_the_model_keeps_what_the_harness_relies_on(
    name: str, checks: tuple[str, ...], checkpoints: Checkpoints
) -> None:
    plugin, model = ARCHITECTURES[name].plugin, str(checkpoints(name))
    one = {"engine.threads": "1"}
    results = list(check_plugin(plugin, model=model, options=one, only=checks))
    assert [result.check.name for result in results if not result.holds] == []
    assert len(results) == len(checks)
