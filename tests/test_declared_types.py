"""Options by their declared types: secrets are nowhere, weights are part of what the model is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.errors import PluginError, SettingError
from mubench_gen.images.transform import read_transform
from mubench_gen.plugins.registry import Plugins

from .helpers.command import Command, Outcome
from .test_leaks import CANARY, check, reported

Here = Callable[..., Outcome]
PLUGIN = """
import os
from pathlib import Path

import mubench_gen
from pydantic import Field


class Mine(mubench_gen.GenerativeModel):
    class Options(mubench_gen.Options):
        pass_phrase: mubench_gen.SecretStr = mubench_gen.Secret(
            "MINE_PIN", description="what opens the door"
        )
        cache: mubench_gen.WeightsPath | None = Field(None, description="its weights")

    def load(self):
        self.said = self.options.pass_phrase.get_secret_value()
        if "NOISY" in os.environ:
            print("loaded with", self.said)

    def generate(self, requests):
        if any("stain" in r.text for r in requests):
            raise RuntimeError(f"{self.said} was refused")
        return [f"I say {self.said}, no idea" for r in requests]

    @property
    def facts(self):
        return {"door": self.said}


class Reader(mubench_gen.Judge):
    class Options(mubench_gen.Options):
        door: mubench_gen.SecretStr = mubench_gen.Secret("JUDGE_PIN", description="its own")

    def read(self, unread):
        raise RuntimeError(f"{self.options.door.get_secret_value()} was refused")


class Shape(mubench_gen.Options):
    door: mubench_gen.SecretStr = mubench_gen.Secret("EXPORT_PIN", description="its own")


def write(runs, stream, options):
    if options.door.get_secret_value() != "fine":
        raise RuntimeError(f"{options.door.get_secret_value()} was refused")
    stream.write(b"fine")


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("mine", Mine)]


@mubench_gen.hookimpl
def mubench_gen_judge():
    return Reader


@mubench_gen.hookimpl
def mubench_gen_exports():
    return [mubench_gen.Export("mine", "Mine", write, Options=Shape)]
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "source/mine.py"
    path.parent.mkdir()
    path.write_text(PLUGIN)
    return path


@pytest.mark.parametrize("given", ["by a variable", "by an option"])
def test_a_declared_secret_of_model_judge_and_export_is_nowhere(
    here: Here,
    plugin: Path,
    cells: Path,
    given: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_model, of_export = [], []
    if given == "by a variable":
        for name in ("MINE_PIN", "JUDGE_PIN", "EXPORT_PIN"):
            monkeypatch.setenv(name, f" {CANARY}\n")
    else:
        of_model = ["-o", f"pass_phrase={CANARY}", "-o", f"judge.door={CANARY}"]
        of_export = ["-o", f"door={CANARY}"]
    asked = ["eval", "--plugin", plugin, "--judge", plugin, "--data", cells, "--run-dir", "r", "-v"]
    outcomes = [here(*asked, *of_model)]
    assert outcomes[0].code == 3  # for one of the two questions it raises
    assert outcomes[0].err.count("*** was refused") > 1, outcomes[0].err  # the judge's, too
    outcomes += [here(*asked, *of_model), *reported(here, "r")]
    outcomes += [
        here("report", "r", "--format", plugin, *of_export),
        here("runs", "export", "r", "--to", "inspect", "--out", "inspect"),
        here("runs", "pack", "r", "--out", "packed.zip"), here("runs", "verify", "r"),
        here("runs", "rerun", "r"), here("runs"), here("plugins", "show", plugin, "--json"),
    ]  # fmt: skip
    assert "*** was refused" in outcomes[-7].err
    shutil.unpack_archive("packed.zip", "packed")
    Path("packed.zip").unlink()  # which is binary
    check(tmp_path, *outcomes, but=(plugin.parent, cells))


def test_a_secret_is_in_no_traceback_of_a_models_process(
    mubench: Command, plugin: Path, cells: Path
) -> None:
    env = {"MINE_PIN": CANARY, "MUBENCH_GEN_IN_PROCESS": "", "NOISY": "1"}
    done = mubench("eval", "--plugin", plugin, "--data", cells, "--run-dir", "r", "-v", env=env)
    assert "*** was refused" in done.err
    assert "loaded with ***" in done.err
    check(mubench.folder, done, but=(plugin.parent, cells))


def test_a_secret_that_nobody_gives_is_asked_for_by_its_names(
    here: Here, plugin: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = here("eval", "--plugin", plugin, "--data", cells, "--run-dir", "r")
    assert asked.code == 2
    assert "the environment variable MINE_PIN, which is not set" in asked.err
    assert "-o pass_phrase=…" in asked.err
    monkeypatch.setenv("MINE_PIN", CANARY)
    asked = here("eval", "--plugin", plugin, "--judge", plugin, "--data", cells, "--run-dir", "r")
    assert asked.code == 2
    assert "JUDGE_PIN" in asked.err
    assert "-o judge.door=…" in asked.err
    shown = here("plugins", "show", plugin)
    assert "-o pass_phrase=$MINE_PIN" in shown.out
    assert "weights, a file or folder" in shown.out


@pytest.mark.parametrize("is_folder", [False, True])
def test_declared_weights_are_in_keys_and_manifest_whatever_the_option_is_called(
    here: Here, plugin: Path, cells: Path, is_folder: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MINE_PIN", "a-pin-of-mine")
    weights = tmp_path / "weights"
    if is_folder:
        weights.mkdir()
    content = weights / "w.npz" if is_folder else weights
    content.write_bytes(b"first")
    asked = ["eval", "--plugin", plugin, "--data", cells, "--tasks", "modality", "--run-dir", "r",
             "-o", f"cache={weights}"]  # fmt: skip
    assert here(*asked).code == 0
    stored = json.loads((tmp_path / "r/manifest.json").read_text())
    assert set(stored["content"]["files"]) == {"cache"}
    keys = {record["key"] for record in mubench_gen.load_run("r").records()}
    content.write_bytes(b"second")
    again = here(*asked)
    assert again.code == 2
    assert "files.cache: there" in again.err
    assert here(*asked[:-3], "other", *asked[-2:]).code == 0
    assert not keys & {record["key"] for record in mubench_gen.load_run("other").records()}


def test_weights_that_are_not_there_are_refused(here: Here, plugin: Path, cells: Path) -> None:
    asked = ["eval", "--plugin", plugin, "--data", cells, "-o", "pass_phrase=x", "-o"]
    for path in ("no/such/file", "x" * 5000):
        refused = here(*asked, f"cache={path}")
        assert refused.code == 2
        assert "Option cache of the plugin 'mine': there is no such file or folder" in refused.err


def test_a_transform_has_no_secret(tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(
        "import mubench_gen\n"
        "def f(picture, key: mubench_gen.SecretStr = mubench_gen.SecretStr('')): return picture\n"
        "@mubench_gen.hookimpl\n"
        "def mubench_gen_transforms(): return [mubench_gen.Transform('odd', f)]\n"
    )
    with pytest.raises(PluginError, match="'odd' has the secret option 'key'") as refused:
        read_transform(f"{plugin}:key={CANARY}", Plugins([]), seed=0)
    assert CANARY not in str(refused.value)


def test_options_that_are_made_by_hand_ask_for_their_variable_too() -> None:
    class Options(mubench_gen.Options):
        key: mubench_gen.SecretStr = mubench_gen.Secret("NOBODY_SETS_THIS", description="a key")

    with pytest.raises(SettingError, match="NOBODY_SETS_THIS"):
        Options()
    assert Options(key=mubench_gen.SecretStr("x")).key.get_secret_value() == "x"
