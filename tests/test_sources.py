"""Settings from elsewhere than flags: the environment, --config, the user's own file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.plan.options import OPTIONS
from mubench_gen.plan.sources import environment, variable

from .helpers.command import Outcome

Here = Callable[..., Outcome]


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own file, where a program looks for it."""
    monkeypatch.delenv("MUBENCH_GEN_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    path = tmp_path / "settings/mubench-gen/config.toml"
    path.parent.mkdir(parents=True)
    return path


def manifest(done: Outcome) -> dict[str, Any]:
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(
        (Path(done.document["run_dir"]) / "manifest.json").read_text("utf-8")
    )
    return found


def from_where(done: Outcome) -> dict[str, tuple[Any, str]]:
    told = manifest(done)["sessions"][-1].get("settings_from", {})
    return {
        name: (one["value"], Path(one["from"]).name)
        for name, one in told.items()
        if name != "in_process"  # the tests' own
    }


def test_flags_win_over_the_environment_over_the_file_over_the_users_own_one(
    here: Here, users: Path, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.write_text('data = "elsewhere"\nseed = 1\nlimit = 1\ntasks = "modality"\n')
    (tmp_path / "own.toml").write_text(f'data = "{cells}"\nseed = 2\nlimit = 2\n')
    monkeypatch.setenv("MUBENCH_GEN_SEED", "3")
    monkeypatch.setenv("MUBENCH_GEN_LIMIT", "1")
    monkeypatch.setenv("MUBENCH_GEN_PLUGIN", "echo")
    done = here("eval", "--config", "own.toml", "--limit", "3", "--json")
    settings = manifest(done)["settings"]
    assert (settings["seed"], settings["limit"]) == (3, 3)
    assert (settings["data"], settings["tasks"]) == (str(cells), ["modality"])
    assert from_where(done) == {
        "plugin": ("echo", "MUBENCH_GEN_PLUGIN"),
        "data": (str(cells), "own.toml"),
        "seed": ("3", "MUBENCH_GEN_SEED"),
        "tasks": ("modality", "config.toml"),
    }


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("-o", "a=1"), "The plugin 'tiny' has no option 'a'. Known: base, chat_template.\n"),
        (("-o", "a"), "Setting options: 'a' is not a key=value pair."),
        (("-o", "a=***"), "own.toml keeps no secret: give -o a=… too."),
        (("--prompt-set", "a=b"), "has no setting 'a'"),
        (("--image-set", "a=b"), "--image-set a: unknown."),
        (("--map", "question"), "Setting map: 'question' is not a key=value pair."),
    ],
)
def test_pairs_on_the_command_line_go_with_a_file_that_has_none(
    here: Here, cells: Path, tmp_path: Path, flags: tuple[str, str], said: str
) -> None:
    (tmp_path / "own.toml").write_text(f'plugin = "tiny"\ndata = "{cells}"\n')
    done = here("eval", "--config", "own.toml", *flags)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_settings_of_key_and_value_are_joined_from_everywhere(
    here: Here, users: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.write_text('[prompt_set]\nlabels = "1"\nimage = "after"\n')
    monkeypatch.setenv("MUBENCH_GEN_PROMPT_SET", "image=before\nsystem=Look, and answer.")
    done = here("eval", "--plugin", "echo", "--data", cells, "--prompt-set", "labels=a)", "--json")
    assert manifest(done)["settings"]["prompt_set"] == {
        "labels": "a)",
        "image": "before",
        "system": "Look, and answer.",
    }


def test_what_is_set_elsewhere_makes_the_run_that_flags_make(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = here("eval", "--plugin", "echo", "--data", cells, "--orders", "reversed", "--json")
    monkeypatch.setenv("MUBENCH_GEN_ORDERS", "reversed")
    second = here("eval", "--plugin", "echo", "--data", cells, "--json")
    assert first.document == second.document


def test_a_study_and_its_plan_take_the_environment_too(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUBENCH_GEN_PLUGIN", "echo")
    monkeypatch.setenv("MUBENCH_GEN_DATA", str(cells))
    done = here("ablate", "--prompt", "paper,letter", "--plan", "--json")
    assert done.code == 0, done.err
    assert done.document["cells"] == 2


def test_a_study_says_where_its_settings_are_from(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUBENCH_GEN_DATA", str(cells))
    words = ("--plugin", "echo", "--prompt", "paper", "--limit", "1", "--run-dir", "s")
    done = here("ablate", *words)
    assert done.code == 0, done.err
    (session,) = json.loads(Path("s/study.json").read_text("utf-8"))["sessions"]
    assert session["settings_from"]["data"]["from"] == "MUBENCH_GEN_DATA"


def test_plan_has_two_names(here: Here, cells: Path) -> None:
    words = ["ablate", "--plugin", "echo", "--data", cells, "--prompt", "paper,letter"]
    assert here(*words, "--plan").out == here(*words, "--dry-run").out != ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("LIMIT", "few", "MUBENCH_GEN_LIMIT=few: "),
        ("FRESH", "perhaps", "MUBENCH_GEN_FRESH=perhaps: a switch is 1 or 0."),
        ("PROMPT_SET", "labels", "MUBENCH_GEN_PROMPT_SET=labels: "),
        ("CONFIG", "nowhere.toml", "MUBENCH_GEN_CONFIG=nowhere.toml: there is no such file."),
    ],
)
def test_a_wrong_variable_is_named(
    name: str, text: str, message: str, here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MUBENCH_GEN_{name}", text)
    done = here("eval", "--plugin", "echo", "--data", cells)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_wrong_line_of_the_users_file_is_named(here: Here, users: Path, cells: Path) -> None:
    users.write_text("seed = 1\nlimmit = 3\n")
    done = here("eval", "--plugin", "echo", "--data", cells)
    assert done.code == 2
    assert f"{users}:2: limmit: no such key. Did you mean 'limit'?" in done.err


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPTIONS:
        monkeypatch.setenv(variable(name), " ")
    assert environment(OPTIONS) == {}


def test_verbose_says_where_settings_come_from_and_quiet_says_nothing(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUBENCH_GEN_SEED", "3")
    words = ["eval", "--plugin", "echo", "--data", cells]
    assert "--seed: from MUBENCH_GEN_SEED" in here(*words, "-v").err
    quiet = here(*words, "-q")
    assert (quiet.code, quiet.err) == (0, "")
    assert quiet.out == here("-q", *words).out
    assert "Run folder" in here(*words).err


def test_verbose_shows_where_an_error_comes_from(here: Here) -> None:
    words = ["eval", "--plugin", "nobody"]
    assert "Traceback" not in here(*words).err
    done = here(*words, "-v")
    assert done.code == 2
    assert "\nTraceback" in f"\n{done.err}"
    assert "mubench-gen: " in done.err.splitlines()[-1]


def test_a_plan_of_a_sweep_counts_items_and_asks_nothing(here: Here, cells: Path) -> None:
    pytest.importorskip("transformers")
    done = here(
        "sweep", "--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned", "--alpha",
        "0,0.5,1", "--in-domain", "modality", "--prompt", "caption-question", "--data", cells,
        "--plan", "--json", "--run-dir", "s",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.document["items"] == {"0": 6, "0.5": 6, "1": 6}
    assert done.document["total"] == 18
    assert not Path("s").exists()
