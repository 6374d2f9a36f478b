"""The command line: help, exit codes, what goes where, and signals to a real process."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .helpers.command import COMMAND, Command, Outcome
from .helpers.data import write_data
from .helpers.plugin import write_plugin

Here = Callable[..., Outcome]

COMMANDS = [
    "eval", "tasks", "prompts", "plugins", "data", "score", "report", "view", "runs", "compare",
    "choose", "ablate", "merge", "sweep", "measure", "soup", "doctor",
]  # fmt: skip
SUBCOMMANDS = [
    "prompts show", "plugins show", "data info", "data prepare", "runs verify", "runs rerun",
    "runs pack", "runs board", "runs export", "runs import",
]  # fmt: skip
SLOW = ("-o", "delay=0.01", "--batch-size", "4")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38)[0-9;]*m")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", ["", *COMMANDS, *SUBCOMMANDS])
def test_help_of_every_command_has_examples(here: Here, command: str, flag: str) -> None:
    outcome = here(*command.split(), flag)
    assert outcome.code == 0
    assert outcome.err == ""
    examples = outcome.out.partition("Examples:")[2]
    assert f"mubench-gen {command}".strip() in examples


def test_help_lists_every_command(here: Here) -> None:
    listed = here("--help").out.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == COMMANDS


def test_the_version_is_printed(here: Here) -> None:
    from mubench_gen import __version__

    assert here("--version").out.strip().endswith(__version__)


def test_every_flag_of_eval_has_a_setting_and_every_setting_a_flag() -> None:
    from mubench_gen.cli.eval_command import command
    from mubench_gen.plan.settings import Settings

    planning = {"planning", "rate", "gpus", "image_tokens", "reply_tokens"}
    planning |= {"width", "accuracy", "correlation", "pilot"}  # no run's settings
    flags = {parameter.name for parameter in command.params} - {"config", "as_json", "help"}
    flags -= {"quiet", "verbose", "help_all"}  # what every command has
    assert flags - planning == set(Settings.model_fields)
    assert planning < flags


@pytest.mark.parametrize(
    "command", ["plugins", "tasks", "prompts", "data info", "plugins show echo"]
)
def test_listings_with_json_print_one_document_and_nothing_else(
    here: Here, cells: Path, command: str
) -> None:
    extra = [str(cells)] if command == "data info" else []
    outcome = here(*command.split(), *extra, "--json")
    assert outcome.code == 0
    assert outcome.document
    assert outcome.err == ""


def evaluated(cells: Path, *more: str) -> list[str]:
    return ["eval", "--plugin", "echo", "--data", str(cells), "--run-dir", "run", *more]


def test_eval_prints_the_table_on_stdout_and_all_else_on_stderr(here: Here, cells: Path) -> None:
    outcome = here(*evaluated(cells))
    assert outcome.code == 0
    assert "accuracy" in outcome.out
    assert "Run folder: run" in outcome.err
    assert "Run folder" not in outcome.out


def test_eval_with_json_prints_what_scores_json_holds(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    outcome = here(*evaluated(cells, "--json"))
    assert outcome.document == json.loads((tmp_path / "run/scores.json").read_text("utf-8"))
    assert {"run_dir", "scores"} <= outcome.document.keys()
    assert set(outcome.document["scores"]["pooled"]) == {
        "n", "n_errors", "accuracy", "accuracy_answered", "bounds", "chance",
        "chance_corrected", "ci95", "statuses",
    }  # fmt: skip


def test_several_plugins_get_a_folder_each(here: Here, cells: Path, tmp_path: Path) -> None:
    mine = write_plugin(
        tmp_path / "mine.py", "def generate(self, rs):\n    return ['A' for _ in rs]"
    )
    outcome = here(
        "eval", "--plugin", f"echo,{mine}", "--data", cells, "--run-dir", "run", "--json"
    )
    assert outcome.code == 0
    folders = [Path(run["run_dir"]).name for run in outcome.document["runs"]]
    assert folders == ["echo-echo", "mine-mine"]
    report = here("report", "run/echo-echo", "run/mine-mine", "--json")
    assert report.document == outcome.document


def test_the_run_folder_is_named_after_plugin_model_and_settings(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    for seed in ("0", "0", "1"):
        args = ("eval", "--plugin", "echo", "--data", cells, "--tasks", "stain", "--seed", seed)
        assert here(*args).code == 0
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(names) == 2
    assert all(re.fullmatch(r"echo-echo-[0-9a-f]{8}", name) for name in names)


def test_failed_items_are_exit_code_3_and_the_table_tells_them(here: Here, cells: Path) -> None:
    outcome = here(*evaluated(cells, "-o", "fail=1"))
    assert outcome.code == 3
    assert "items failed and are in no score" in outcome.out
    assert "6 items failed" in outcome.out
    assert "echo was told to fail" in outcome.err


@pytest.mark.parametrize(
    ("args", "messages"),
    [
        (("evl",), ["There is no command 'evl'", "'eval'"]),
        (("plugins", "shwo"), ["no command 'mubench-gen plugins shwo'", "'show'"]),
        (("eval", "--plugn", "echo"), ["--plugn", "--plugin"]),
        (("eval", "--limit", "few", "--plugin", "echo"), ["--limit", "few"]),
        (("eval", "--data", "x", "--plugin"), ["--plugin", "requires an argument"]),
        (("eval", "--tasks", "modality"), ["Which model?", "mubench-gen plugins"]),
        (("eval", "--plugin", ","), ["Which model?"]),
        (("eval", "--plugin", "ecko"), ["no plugin 'ecko'", "'echo'", "mubench-gen plugins"]),
        (("eval", "--plugin", "echo", "--model", "eco"), ["no model 'eco'", "'echo'"]),
        (("eval", "--plugin", "echo", "-o", "stile=label"), ["no option 'stile'", "'style'"]),
        (("eval", "--plugin", "echo", "-o", "style=loud"), ["style", "'label'", "loud"]),
        (("eval", "--plugin", "echo", "-o", "delay=-1"), ["delay", "greater"]),
        (("eval", "--plugin", "echo", "-o", "delay"), ["'delay' is not a key=value pair"]),
        (("eval", "--plugin", "tiny", "-o", "a=1"), ["no option 'a'", "chat_template"]),
        (("eval", "--plugin", "tiny", "-o", "engine.thread=1"), ["'thread'", "'threads'"]),
        (("eval", "--plugin", "tiny", "-o", "engine.threads=0"), ["engine.threads", "'0'"]),
        (("eval", "--plugin", "tiny", "--engine", "transfomer"), ["'transfomer'", "'transform"]),
        (("eval", "--plugin", "echo", "--engine", "transfomer"), ["'transfomer'", "'transform"]),
        (("eval", "--plugin", "tiny", "--device", "gpu"), ["'gpu'", "cuda"]),
        (("eval", "--plugin", "echo", "--tasks", "modalty"), ["no task 'modalty'", "modality"]),
        (("eval", "--plugin", "echo", "--prompt", "papr"), ["no prompt 'papr'", "'paper'"]),
        (("eval", "--plugin", "echo", "--prompt", "caption"), ["caption prompt", "generative"]),
        (("eval", "--plugin", "tiny", "--model", "clip", "--prompt", "paper"), ["contrastive"]),
        (("eval", "--plugin", "echo", "--prompt-set", "lables=1"), ["'lables'", "'labels'"]),
        (("eval", "--plugin", "echo", "--readout", "similarity"), ["similarity", "parse, logprob"]),
        (("eval", "--plugin", "echo", "--readout", "pars"), ["'pars'", "choose parse"]),
        (("eval", "--plugin", "echo", "--orders", "cycle:3"), ["'cycle:3'", "cyclic:K"]),
        (("eval", "--plugin", "echo", "--control", "blnd"), ["'blnd'", "shuffled, mean or noise"]),
        (("eval", "--plugin", "echo", "--data", "dmo"), ["'dmo'", "'demo'"]),
        (("eval", "--plugin", "echo", "--trust-remote-code"), ["--revision", "40"]),
        (("eval", "--plugin", "echo", "--reuse", "nowhere"), ["nowhere", "no run folder"]),
        (("tasks", "coarce"), ["no task 'coarce'", "'coarse'"]),
        (("plugins", "show", "tinny"), ["no plugin 'tinny'", "'tiny'"]),
        (("report", "nowhere"), ["nowhere", "no run folder"]),
        (("score", "nowhere"), ["nowhere", "no run folder"]),
        (("data", "info", "nowhere"), ["nowhere"]),
        (("data", "prepare", "demos"), ["demo"]),
        (("data", "prepare", "demo", "--images", "3"), ["--out"]),
    ],
)  # fmt: skip
def test_what_the_user_must_fix_is_one_message_and_exit_code_2(
    here: Here, cells: Path, tmp_path: Path, args: tuple[str, ...], messages: list[str]
) -> None:
    given = [*args]
    if args[0] == "eval" and "--data" not in args:
        given += ["--data", str(cells)]
    outcome = here(*given)
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for message in messages:
        assert message in outcome.err
    assert not (tmp_path / "runs").exists()


def test_an_unknown_plugin_is_exit_code_2_of_the_process(mubench: Command) -> None:
    outcome = mubench("eval", "--plugin", "ecko")
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("mubench-gen: There is no plugin 'ecko'.")
    assert "Traceback" not in outcome.err


def test_a_bug_shows_its_traceback(mubench: Command, cells: Path) -> None:
    (mubench.folder / "sitecustomize.py").write_text(
        "import mubench_gen.scores.score\n"
        "def broken(*a, **k): raise ZeroDivisionError('a bug')\n"
        "mubench_gen.scores.score.score = broken\n"
    )
    path = os.pathsep.join([str(mubench.folder), os.environ.get("PYTHONPATH", "")])
    outcome = mubench(*evaluated(cells), env={"PYTHONPATH": path})
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert "a bug" in outcome.err


def test_what_a_model_prints_never_stands_on_stdout(mubench: Command, cells: Path) -> None:
    plugin = write_plugin(
        mubench.folder / "noisy.py",
        """
        import ctypes as c, os
        print("while imported")
        os.write(1, b"straight to the descriptor\\n")

        def load(self):
            print("while loaded")
            self.os.system("echo from a shell")
            self.c.CDLL(None).printf(b"from a library in C\\n")

        def generate(self, requests):
            print("while asked")
            self.os.write(1, b"straight to the descriptor\\n")
            return ["A" for request in requests]

        def close(self):
            print("while closed")
        """,
    )
    outcome = mubench("eval", "--plugin", plugin, "--data", cells, "--run-dir", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["scores"]["pooled"]["n"] == 6
    for told in ("imported", "loaded", "asked", "closed", "descriptor", "shell", "library"):
        assert told in outcome.err
    shown = mubench("plugins", "show", plugin, "--json")
    assert shown.document["name"] == "noisy"


def test_a_reader_that_goes_away_is_no_error(mubench: Command) -> None:
    shell = f"{' '.join(COMMAND)} tasks | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=mubench.folder,
        env=mubench.environment(None),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_full_stdout_is_told_in_a_line(mubench: Command) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "tasks", "--json"],
            cwd=mubench.folder,
            env=mubench.environment(None),
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


@pytest.mark.parametrize("command", ["tasks", "prompts", "plugins", "--help"])
def test_a_terminal_without_unicode_is_no_error(mubench: Command, command: str) -> None:
    outcome = mubench(command, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"})
    assert outcome.code == 0, outcome.err


def on_a_terminal(mubench: Command, *args: str, env: dict[str, str] | None = None) -> str:
    """Everything that the command writes to a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *args],
        cwd=mubench.folder,
        env={**mubench.environment(env), "TERM": "xterm-256color", "COLUMNS": "120"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    written = b""
    while True:
        try:
            read = os.read(master, 65_536)
        except OSError:
            break
        if not read:
            break
        written += read
    process.wait(timeout=240)
    os.close(master)
    return written.decode("utf-8", "replace")


def test_no_color_is_honoured_by_every_listing_and_by_eval(mubench: Command, cells: Path) -> None:
    shown = ["prompts", "show", "paper", "--task", "stain", "--data", str(cells)]
    for args in (["plugins"], ["tasks"], ["prompts"], shown, evaluated(cells)):
        assert not COLOUR.search(on_a_terminal(mubench, *args, env={"NO_COLOR": "1"})), args


def test_a_terminal_shows_a_bar_and_a_pipe_plain_lines(mubench: Command, cells: Path) -> None:
    assert "━" in on_a_terminal(mubench, *evaluated(cells, *SLOW))
    piped = mubench("eval", "--plugin", "echo", "--data", cells, "--run-dir", "other", *SLOW)
    assert "\x1b" not in piped.out + piped.err
    assert "echo echo: 6/6" in piped.err
    assert " 0.0/s" not in piped.err


def wait_for(path: Path, lines: int) -> None:
    """Until the file holds that many lines."""
    for _ in range(6_000):
        if path.is_file() and path.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.01)
    pytest.fail(f"{path} never held {lines} lines")


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")],
)
def test_a_signal_ends_the_run_with_its_code_and_the_same_command_resumes(
    mubench: Command, tmp_path: Path, number: int, code: int, word: str
) -> None:
    data = write_data(tmp_path / "data", 60)
    args = evaluated(data, *SLOW, "--json")
    process = mubench.start(*args)
    wait_for(tmp_path / "run/records.jsonl", 8)
    process.send_signal(number)
    out, err = process.communicate(timeout=240)
    assert process.returncode == code
    assert out == ""
    assert word in err
    assert "The same command goes on" in err
    assert "Traceback" not in err
    finished = (tmp_path / "run/records.jsonl").read_bytes()
    assert 8 <= finished.count(b"\n") < 120
    outcome = mubench(*args)
    assert outcome.code == 0
    assert outcome.document["scores"]["pooled"]["n"] == 120
    assert (tmp_path / "run/records.jsonl").read_bytes().startswith(finished)


@pytest.mark.first(2)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
@pytest.mark.parametrize("where", ["load", "generate"])
def test_a_signal_while_the_model_loads_or_hangs_is_no_fault_of_the_plugin(
    mubench: Command, cells: Path, where: str, number: int, code: int
) -> None:
    plugin = write_plugin(
        mubench.folder / "mine.py",
        f"""
        def wait(self):
            import pathlib, time
            pathlib.Path("waiting").write_text("\\n")
            time.sleep(60)

        def load(self):
            if {where == "load"}:
                self.wait()

        def generate(self, requests):
            self.wait()
        """,
    )
    process = mubench.start("eval", "--plugin", plugin, "--data", cells, "--run-dir", "run")
    wait_for(mubench.folder / "waiting", 1)
    process.send_signal(number)
    _, err = process.communicate(timeout=240)
    assert process.returncode == code, err
    assert "broken" not in err
    assert "Traceback" not in err


def test_the_command_is_installed_under_its_name() -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="mubench-gen")
    assert script.value == "mubench_gen.__main__:main"


def test_python_m_runs_the_same_command(mubench: Command) -> None:
    assert mubench("--help").out.startswith("Usage: mubench-gen")
    assert sys.executable in COMMAND[0]
