"""Settings: from flags, from a file, and what is said of a wrong one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.console.secrets import without_secrets
from mubench_gen.errors import SettingError
from mubench_gen.plan.config_file import read_config
from mubench_gen.plan.settings import make_settings

from .helpers.command import Outcome
from .helpers.plugin import write_plugin

Here = Callable[..., Outcome]


def settings(**given: Any) -> Any:
    return make_settings({"plugin": "echo", **given})


def write_config(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, "utf-8")
    return path


def test_lists_take_repeated_flags_and_commas_and_keep_each_once() -> None:
    assert settings(tasks=("a,b", "c", "b, d ")).tasks == ("a", "b", "c", "d")
    assert settings(prompt="paper,letter").prompt == ("paper", "letter")
    assert settings(tasks=["a", "", " ", "b,"]).tasks == ("a", "b")


def test_options_take_pairs_or_a_mapping_and_the_last_of_a_key_counts() -> None:
    assert settings(options=["a=1", "b=x=y", "a=2"]).options == {"a": "2", "b": "x=y"}
    assert settings(options={"a": 1, "b": True, "c": 0.5}).options == {
        "a": "1",
        "b": "true",
        "c": "0.5",
    }


def test_options_of_the_engine_are_told_from_the_plugins() -> None:
    chosen = settings(options=["engine.threads=2", "style=label"])
    assert chosen.engine_options == {"threads": "2"}
    assert chosen.plugin_options == {"style": "label"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": 0}, "Setting limit: .*greater than or equal to 1"),
        ({"limit": "ten"}, "Setting limit: .*integer"),
        ({"seed": -1}, "Setting seed: "),
        ({"temperature": -1}, "Setting temperature: "),
        ({"temperature": float("nan")}, "Setting temperature: "),
        ({"temperature": float("inf")}, "Setting temperature: .*finite"),
        ({"timeout": 0}, "Setting timeout: "),
        ({"batch_size": 0}, "Setting batch_size: "),
        ({"dtype": "float23"}, "Setting dtype: 'float23' is not a valid value; .*float32"),
        ({"readout": "logprobs"}, "Setting readout: 'logprobs' is not .*choose .*logprob"),
        (
            {"readout": "guess"},
            "Setting readout: 'guess' is not a valid value; choose parse, ",
        ),
        (
            {"control": "blnd"},
            "^Setting control: 'blnd' is .*; choose none, blind, shuffled, mean or noise.$",
        ),
        (
            {"orders": "cyclic"},
            "^Setting orders: 'cyclic' is not a valid value; .*cyclic:K",
        ),
        ({"orders": "random:0"}, "Setting orders: "),
        ({"options": "style"}, "'style' is not a key=value pair"),
        ({"options": ["=x"]}, "'=x' is not a key=value pair"),
        ({"tsks": ["a"]}, "Setting tsks: there is no such key. Did you mean 'tasks'"),
        ({"run_dir": "~nobody-here/x"}, "Setting run_dir: ~nobody-here/x: there is no user"),
        ({"reuse": ["a", "~nobody-here/x"]}, "Setting reuse: ~nobody-here/x: there is no user"),
        ({"data": "a\udcff"}, "Setting data: .*UTF-8"),
        ({"prompt_set": {"system": "\udcff"}}, "Setting prompt_set: .*UTF-8"),
    ],
)
def test_a_wrong_setting_is_told_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        settings(**given)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "a" * 39, "a" * 41, "g" * 40, "A" * 40])
def test_remote_code_needs_the_forty_digits_of_a_commit(revision: str | None) -> None:
    with pytest.raises(SettingError, match=r"--revision.*40"):
        settings(trust_remote_code=True, revision=revision)


def test_remote_code_at_a_pinned_commit_is_accepted() -> None:
    assert settings(trust_remote_code=True, revision="0123456789" * 4).trust_remote_code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plugin = ", r"run\.toml: no valid TOML: .*line 1, column"),
        ("plugin = 'a'\nseed = 1\nseed = 2", r"run\.toml: no valid TOML: .*line 3"),
        ("plugin = 'a'\n\nlimt = 3\n", r"run\.toml:3: limt: no such key. Did you mean 'limit'"),
        ("[option]\nstyle = 'x'\n", r"run\.toml:1: option: no such key. Did you mean 'options'"),
        ("plugin = 'a'\nlimit = 'few'\n", r"run\.toml:2: limit: .*integer"),
        (
            "plugin = 'a'\n\nreadout = ['pars']\n",
            r"run\.toml:3: readout: 'pars' is not .*; choose parse, ",
        ),
        ("orders = 'cyclic'\n", r"run\.toml:1: orders: .*cyclic:K"),
        ("plugin = 3\n", r"run\.toml:1: plugin: "),
        ("plugin = ['a', 3]\n", r"run\.toml:1: plugin: "),
        ("tasks = 3\n", r"run\.toml:1: tasks: "),
        ("tasks = [1, 2]\n", r"run\.toml:1: tasks: "),
        ("options = 'x'\n", r"run\.toml:1: options: .*key=value"),
        ("options = 3\n", r"run\.toml:1: options: "),
        ("batch-size = 0\n", r"run\.toml:1: batch-size: "),
        ("run_dir = 3\n", r"run\.toml:1: run_dir: "),
    ],
)
def test_an_error_in_a_configuration_names_file_line_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        read_config(write_config(tmp_path, text))


@pytest.mark.parametrize("content", [None, b"\xff\xfe", "folder"])
def test_a_configuration_that_cannot_be_read_is_told(
    tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "run.toml"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(SettingError, match=r"run\.toml"):
        read_config(path)


def test_keys_of_a_configuration_may_be_written_as_the_flags(tmp_path: Path) -> None:
    path = write_config(tmp_path, "batch-size = 3\nprompt-set = { labels = '1' }\n")
    assert read_config(path) == {"batch_size": 3, "prompt_set": {"labels": "1"}}


def run_with_config(here: Here, folder: Path, cells: Path, text: str, *flags: Any) -> Any:
    path = write_config(folder, f"data = '{cells}'\n" + text)
    outcome = here("eval", "--config", path, "--run-dir", "run", *flags)
    assert outcome.code == 0, outcome.err
    return json.loads((folder / "run/manifest.json").read_text("utf-8"))["settings"]


def test_a_configuration_holds_every_setting_and_flags_win(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    text = (
        "plugin = 'echo'\ntasks = ['modality', 'stain']\nlimit = 1\nseed = 5\n"
        "prompt = 'letter'\n[options]\ndelay = 0.001\nstyle = 'sentence'\n"
    )
    used = run_with_config(
        here, tmp_path, cells, text, "--tasks", "stain", "--limit", "2", "-o", "style=option"
    )
    assert used["tasks"] == ["stain"]
    assert used["limit"] == 2
    assert used["seed"] == 5
    assert used["prompt"] == ["letter"]
    assert used["options"] == {"delay": "0.001", "style": "option"}


def test_prompt_settings_of_flags_and_file_are_joined(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    text = "plugin = 'echo'\ntasks = 'stain'\nprompt_set = { labels = '1', image = 'after' }\n"
    used = run_with_config(here, tmp_path, cells, text, "--prompt-set", "labels=a")
    assert used["prompt_set"] == {"labels": "a", "image": "after"}


def test_a_flag_that_is_zero_wins_too(here: Here, tmp_path: Path, cells: Path) -> None:
    text = "plugin = 'echo'\ntasks = 'stain'\nseed = 3\n"
    assert run_with_config(here, tmp_path, cells, text, "--seed", "0")["seed"] == 0


def test_a_bad_configuration_ends_the_command_with_its_line(here: Here, tmp_path: Path) -> None:
    outcome = here("eval", "--config", write_config(tmp_path, "plugin = 'echo'\nlimit = 0\n"))
    assert outcome.code == 2
    assert "run.toml:2: limit" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_secrets_are_in_no_file_of_a_run(here: Here, tmp_path: Path, cells: Path) -> None:
    secrets = ["hunter2-a", "hunter2-b", "hunter2-c", "hunter2-d", "hunter2-e"]
    plugin = write_plugin(
        tmp_path / "mine.py",
        """
        class Options(mubench_gen.Options):
            api_key: str = ""
            token: str = ""
            db_password: str = ""
            url: str = ""

        def generate(self, requests):
            return ["A" for request in requests]
        """,
    )
    outcome = here(
        "eval", "--plugin", plugin, "--data", cells, "--tasks", "stain", "--run-dir", "run",
        "-o", f"api_key={secrets[0]}", f"-otoken={secrets[1]}", "-o", f"db_password={secrets[2]}",
        "-o", f"engine.api_key={secrets[3]}", "-o", f"url=https://me:{secrets[4]}@example.org/v1",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    for path in (tmp_path / "run").iterdir():
        text = path.read_text("utf-8")
        assert not [secret for secret in secrets if secret in text], path.name
    assert "api_key=***" in (tmp_path / "run/manifest.json").read_text("utf-8")


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "max_new_tokens", "tokenizer", "keypoints", "stop_tokens", "min_tokens", "keys"],
)
def test_options_that_only_sound_like_secrets_are_kept(name: str) -> None:
    assert without_secrets({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    "name", ["github_token", "OPENAI_API_KEY", "engine.key", "access-token", "my_secret_thing"]
)
def test_a_name_that_may_be_a_secrets_is_blanked(name: str) -> None:
    assert without_secrets({name: "hunter2"}) == {name: "***"}


@pytest.mark.parametrize("name", ["stop_token", "image_token", "max_new_tokens", "keypoints"])
def test_a_name_that_only_sounds_like_a_secrets_is_kept(name: str) -> None:
    assert without_secrets({name: "</s>"}) == {name: "</s>"}
