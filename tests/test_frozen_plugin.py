"""A plugin that was built against 0.1, as a wheel that nobody builds again, still runs."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.plugins.registry import Plugins
from mubench_gen.testing import check_plugin

from .helpers.command import Outcome

Here = Callable[..., Outcome]
FROZEN = {
    "mubench_gen_frozen-0.1.0-py3-none-any.whl":
        "85d3459c642b9ce4cc3f52581bb66e7bc1f5e5c748855c87cf783fb66650c456",
}  # fmt: skip
FOLDER = Path(__file__).parent / "api"
# The checks of 0.1 that take no time; what they ask of a plugin may grow no stricter for it.
QUICK = (
    "import_is_light", "options_are_described", "options_refuse_unknown_names", "facts_are_texts",
    "one_reply_a_request", "text_is_str", "empty_batch", "batch_changes_nothing",
    "same_seed_same_text", "prompt_is_not_echoed", "odd_images_are_read",
    "label_logprobs_are_logprobs", "embeddings_are_finite", "embeddings_have_one_width",
    "batch_changes_no_embedding", "odd_images_are_embedded", "scoring_is_sound",
)  # fmt: skip


@pytest.fixture(params=FROZEN)
def frozen(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel's content on sys.path, as an installation leaves it."""
    site = tmp_path / "site"
    zipfile.ZipFile(FOLDER / request.param).extractall(site)
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.mark.parametrize("name", FROZEN)
def test_the_wheel_is_the_one_that_was_built_then(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == FROZEN[name]


@pytest.mark.usefixtures("frozen")
def test_it_is_listed_as_usable_with_all_that_it_offers() -> None:
    (listed,) = [plugin for plugin in Plugins().list() if plugin.name == "frozen"]
    assert (listed.state, listed.notes) == ("ok", ())
    assert listed.kind == "generative, contrastive, judge, scorer, section"
    plugin = Plugins().load("frozen")
    assert [spec.name for spec in plugin.models] == ["guess", "stream", "colours", "weights"]


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("guess", ("-o", "threshold=0.3")),
        ("guess", ("--readout", "logprob", "--judge", "frozen")),
        ("stream", ("--temperature", "1")),
        ("colours", ()),
    ],
)
def test_each_of_its_models_is_evaluated(
    here: Here, cells: Path, model: str, more: tuple[str, ...]
) -> None:
    args = ("eval", "--plugin", "frozen", "--model", model, "--data", cells, "--run-dir", "run")
    args += ("--tasks", "modality", "--json")
    done = here(*args, *more)
    assert done.code == 0, done.err
    assert done.document["scores"]["pooled"]["n"] == 3
    assert "deprecated" not in done.err
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["plugin"]["version"] == "0.1.0"


@pytest.mark.usefixtures("frozen")
def test_its_tasks_judge_score_and_section_are_used(here: Here, cells: Path) -> None:
    done = here(
        "eval", "--plugin", "frozen", "--data", cells, "--tasks", "frozen-stain", "--prompt",
        "frozen-letter", "--judge", "frozen", "--control", "blind", "--run-dir", "run", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert list(done.document["scores"]["tasks"]) == ["frozen-stain"]
    scored = here("score", "run", "--scorer", "frozen", "--json").document["scores"]
    assert scored["guess"]["of"] == 3
    assert "guess: 3" in here("report", "run", "--section", "frozen").out


@pytest.mark.exhaustive
@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("model", ["guess", "stream", "colours"])
def test_it_passes_the_checks_that_it_passed_then(model: str) -> None:
    results = list(check_plugin("frozen", model=model, only=QUICK))
    assert len(results) > 8
    assert [result for result in results if not result.holds] == []
