"""The conformance kit: sound plugins pass, and each fault is found by the check of its name."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.errors import SettingError, UsageError
from mubench_gen.testing import (
    CHECKS,
    CheckFailed,
    check_plugin,
    parametrize_with_checks,
    run_checks,
)

from .helpers.command import Outcome
from .helpers.plugin import write_plugin

SOUND = """
def generate(self, requests):
    return [r.labels[len(r.text) % len(r.labels)] for r in requests if r.image.pixels()]
"""
GENERATIVE_FAULTS = {
    "one_reply_a_request": """
def generate(self, requests):
    return ["A"] * max(1, len(requests) - 1)
""",
    "text_is_str": """
def generate(self, requests):
    return [mubench_gen.Reply(b"A") for r in requests]
""",
    "empty_batch": """
def generate(self, requests):
    return ["A" for r in requests] or ["A"]
""",
    "batch_changes_nothing": """
def generate(self, requests):
    return [f"{i}: A" for i, r in enumerate(requests)]
""",
    "same_seed_same_text": """
import random

def generate(self, requests):
    hot = any(r.sampling.temperature > 0 for r in requests)
    return [str(self.random.random()) if hot else "A" for r in requests]
""",
    "prompt_is_not_echoed": """
def generate(self, requests):
    return [f"{r.text} A" for r in requests]
""",
    "max_tokens_hold": """
def generate(self, requests):
    return ["A word and another one, and so on. " * 20 for r in requests]
""",
    "odd_images_are_read": """
def generate(self, requests):
    assert all(min(r.image.pixels().size) > 10 for r in requests)
    return ["A" for r in requests]
""",
    "label_logprobs_are_logprobs": """
def generate(self, requests):
    return ["A" for r in requests]

def label_logprobs(self, requests):
    return [[0.5, 0.3, 0.2] for r in requests]
""",
    "choice_is_a_label": """
readouts = ("parse", "choice")

def generate(self, requests):
    return ["It could be A." for r in requests]
""",
    "image_matters_or_is_declared": """
def generate(self, requests):
    return ["A" for r in requests]
""",
    "one_bad_image_is_one_error": """
reads_pixels = False

def generate(self, requests):
    if any(r.image.name.endswith("2.png") for r in requests):
        raise mubench_gen.ItemError("no")
    return ["A" for r in requests if "4" not in r.image.name]
""",
    "resumed_equals_undisturbed": """
def generate(self, requests):
    self.asked = getattr(self, "asked", 0) + len(requests)
    import time; time.sleep(0.1)
    return [f"The answer is {r.labels[self.asked % 3]}." for r in requests]
""",
    "options_are_described": """
class Options(mubench_gen.Options):
    strength: int = 3

def generate(self, requests):
    return ["A" for r in requests]
""",
    "options_refuse_bad_values": """
class Options(mubench_gen.Options):
    strength: object = 3

def generate(self, requests):
    return ["A" for r in requests]
""",
    "options_refuse_unknown_names": """
class Options(mubench_gen.Options, extra="ignore"):
    pass

def generate(self, requests):
    return ["A" for r in requests]
""",
}
CONTRASTIVE = """
import numpy as np
import mubench_gen


class Mine(mubench_gen.ContrastiveModel):
    def embed_images(self, images):
        return np.stack([np.asarray(i.pixels()).mean(axis=(0, 1)) + 1 for i in images])

    def embed_texts(self, texts):
        return np.array([[1 + t.count(c) for c in "abc"] for t in texts])

{body}


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("mine", Mine)]
"""
CONTRASTIVE_FAULTS = {
    "embeddings_are_finite": """
def embed_texts(self, texts):
    return np.array([[np.inf, 1, 1] for t in texts])
""",
    "embeddings_have_one_width": """
def embed_texts(self, texts):
    return np.ones((len(texts), 5))
""",
    "batch_changes_no_embedding": """
def embed_texts(self, texts):
    return np.array([[len(t), i + 1, 1] for i, t in enumerate(texts)])
""",
    "odd_images_are_embedded": """
def embed_images(self, images):
    assert all(min(i.pixels().size) > 10 for i in images)
    return np.ones((len(images), 3))
""",
    "scoring_is_sound": """
scoring = mubench_gen.Scoring("softmax", -1.0)
""",
}
TOP = {
    "import_is_light": "import pandas\n",
    "import_changes_nothing": "import logging\nlogging.basicConfig(level=10)\nprint('hello')\n",
}


def failed(plugin: Path, name: str) -> str:
    """What the check of that name found."""
    (result,) = check_plugin(str(plugin), only=(name,))
    assert result.state == "failed", result
    return result.found


@pytest.mark.parametrize("name", GENERATIVE_FAULTS)
def test_a_fault_of_a_generative_model_is_found_by_its_check(name: str, tmp_path: Path) -> None:
    assert failed(write_plugin(tmp_path / "mine.py", GENERATIVE_FAULTS[name]), name)


@pytest.mark.parametrize("name", CONTRASTIVE_FAULTS)
def test_a_fault_of_a_contrastive_model_is_found_by_its_check(name: str, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(CONTRASTIVE.format(body=textwrap.indent(CONTRASTIVE_FAULTS[name], "    ")))
    assert failed(plugin, name)


@pytest.mark.parametrize(
    ("shown", "found"),
    [("r.images[:1]", "another second image"), ("sorted(r.images, key=repr)", "the order of two")],
)
def test_a_model_that_uses_not_all_images_or_not_their_order_is_found(
    shown: str, found: str, tmp_path: Path
) -> None:
    body = f"""
    def generate(self, requests):
        return [r.labels[sum(i.file_bytes[-20] * (n + 1) for n, i in enumerate({shown})) % 3]
                for r in requests]
    """
    plugin = write_plugin(tmp_path / "mine.py", body)
    plugin.write_text(plugin.read_text().replace("Mine)]", "Mine, max_images=None)]"))
    assert found in failed(plugin, "all_images_matter")


@pytest.mark.parametrize("name", TOP)
def test_what_a_module_does_when_it_is_imported_is_found(name: str, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "mine.py", SOUND)
    plugin.write_text(TOP[name] + plugin.read_text())
    assert failed(plugin, name)


def test_facts_that_are_no_texts_are_found(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "mine.py", SOUND)
    source = plugin.read_text().replace('"mine", Mine)', '"mine", Mine, facts={"size": 7})')
    plugin.write_text(source)
    assert failed(plugin, "facts_are_texts") == "facts of mine that are no texts: size"


def test_tensors_that_stay_after_close_are_found(tmp_path: Path) -> None:
    body = """
    def load(self):
        import torch
        self.weights = torch.zeros(2_000_000)

    def generate(self, requests):
        return ["A" for r in requests]
    """
    assert "7.6 MiB" in failed(write_plugin(tmp_path / "mine.py", body), "close_frees")


def test_arrays_that_stay_after_close_are_found(tmp_path: Path) -> None:
    body = """
    def load(self):
        import numpy
        self.weights = numpy.zeros(2_000_000)

    def generate(self, requests):
        return ["A" for r in requests]
    """
    assert "15.3 MiB of memory" in failed(write_plugin(tmp_path / "mine.py", body), "close_frees")


FINER = {
    "replies in another order": (
        "one_reply_a_request",
        "return sorted((str(r.image.sha256) for r in requests))",
        "another order",
    ),
    "the longest limit for all": (
        "max_tokens_hold",
        "most = max((r.sampling.max_tokens for r in requests), default=1)\n"
        "    return ['word ' * most for r in requests]",
        "320 characters where 1 tokens are allowed",
    ),
    "only the instruction repeated": (
        "prompt_is_not_echoed",
        "return [r.text.splitlines()[-1] + ' A' for r in requests]",
        "repeats the instruction",
    ),
}


@pytest.mark.parametrize("fault", FINER)
def test_a_finer_fault_is_found_too(fault: str, tmp_path: Path) -> None:
    name, body, found = FINER[fault]
    body = f"def generate(self, requests):\n    {body}"
    assert found in failed(write_plugin(tmp_path / "mine.py", body), name)


def test_a_run_that_was_through_before_it_could_be_killed_is_cut_all_the_same(
    tmp_path: Path,
) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text("{}\n" * 12)
    run_checks._unfinish(records)
    assert records.read_text() == "{}\n" * 6


def test_every_check_has_a_plugin_that_fails_it() -> None:
    named = {"facts_are_texts", "close_frees", "all_images_matter"}
    tested = {*GENERATIVE_FAULTS, *CONTRASTIVE_FAULTS, *TOP, *named}
    of_data = {name for name, check in CHECKS.items() if check.kinds == {"dataset"}}
    assert tested | of_data == set(CHECKS)  # test_data_conformance.py fails those


def test_every_check_is_documented_with_its_reason() -> None:
    page = (Path(__file__).parents[1] / "docs" / "conformance.md").read_text("utf-8")
    for check in CHECKS.values():
        assert f"`{check.name}`" in page
        assert check.reason in page
        assert check.remedy in page


@pytest.mark.exhaustive  # `echo` does, below, and so does what `plugins new` writes
def test_a_sound_generative_plugin_passes_all(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "mine.py", SOUND)
    results = list(check_plugin(str(plugin)))
    assert all(result.holds for result in results), results
    assert len(results) == sum("generative" in check.kinds for check in CHECKS.values())


@pytest.mark.parametrize(
    "quick", [True, pytest.param(False, marks=pytest.mark.exhaustive, id="with runs")]
)
def test_a_sound_contrastive_plugin_passes_all(tmp_path: Path, quick: bool) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(CONTRASTIVE.format(body=""))
    assert all(result.holds for result in check_plugin(str(plugin), quick=quick))


@parametrize_with_checks("echo")
def test_echo_conforms(check: Callable[[], None]) -> None:
    check()


def test_an_expected_failure_holds_and_an_unexpected_pass_does_not(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "mine.py", GENERATIVE_FAULTS["prompt_is_not_echoed"])
    known = {"prompt_is_not_echoed": "it is a parrot", "text_is_str": "not true"}
    results = {
        result.check.name: result
        for result in check_plugin(str(plugin), expected_failures=known, only=tuple(known))
    }
    assert results["prompt_is_not_echoed"].state == "expected failure"
    assert results["prompt_is_not_echoed"].holds
    assert results["text_is_str"].state == "unexpected pass"
    assert not results["text_is_str"].holds


def test_a_misspelt_check_is_refused_with_near_names(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="Did you mean 'empty_batch'"):
        list(check_plugin("echo", only=("emtpy_batch",)))


def test_the_command_exits_with_one_and_says_what_to_do(
    here: Callable[..., Outcome], tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path / "mine.py", GENERATIVE_FAULTS["empty_batch"])
    outcome = here("plugins", "check", str(plugin), "--only", "empty_batch,text_is_str")
    assert outcome.code == 1
    assert outcome.out == "1 of 2 checks hold.\n"
    assert "To do: return [] for []." in outcome.err
    outcome = here("plugins", "check", str(plugin), "--only", "text_is_str", "--json")
    assert outcome.code == 0
    assert outcome.document["holds"] is True


def test_the_command_says_that_there_is_no_such_plugin(here: Callable[..., Outcome]) -> None:
    outcome = here("plugins", "check", "ehco")
    assert outcome.code == 2
    assert "Did you mean 'echo'" in outcome.err


NEEDY = """
import mubench_gen

class Needy(mubench_gen.GenerativeModel):
    def generate(self, requests):
        raise mubench_gen.UsageError("needs a key: set NEEDY_KEY")

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("needy", Needy)]
"""


def test_what_the_user_must_do_first_is_said_once(tmp_path: Path) -> None:
    plugin = tmp_path / "needy.py"
    plugin.write_text(NEEDY)
    with pytest.raises(UsageError, match="needs a key: set NEEDY_KEY"):
        list(check_plugin(str(plugin)))
    cases = parametrize_with_checks(str(plugin)).args[1]
    with pytest.raises(CheckFailed, match="needs a key: set NEEDY_KEY"):
        cases[0].values[0]()
    with pytest.raises(pytest.skip.Exception, match="needs a key: set NEEDY_KEY"):
        cases[1].values[0]()
    cases[0].values[0]._shared._folder.cleanup()


def test_quick_checks_begin_no_run_and_the_results_go_to_a_file(
    here: Callable[..., Outcome], tmp_path: Path
) -> None:
    out = tmp_path / "conformance.json"
    plugin = tmp_path / "sound.py"
    plugin.write_text(NEEDY.replace('raise mubench_gen.UsageError("needs a key: set NEEDY_KEY")',
                                    'return ["A" for _ in requests]'))  # fmt: skip
    outcome = here("plugins", "check", plugin, "--quick", "--out", out)
    told = json.loads(out.read_text())
    names = {check["name"] for check in told["checks"]}
    assert "close_frees" in names or "batch_changes_nothing" in names
    assert not names & {"resumed_equals_undisturbed", "one_bad_image_is_one_error"}
    assert (told["quick"], told["plugin"]) == (True, str(plugin))
    assert told["mubench_gen"]
    assert all(check["seconds"] >= 0 for check in told["checks"])
    assert outcome.code == (0 if told["holds"] else 1)
