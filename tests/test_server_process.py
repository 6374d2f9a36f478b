"""A server of our own: it starts, is told of, is started again, and never outlives the run.

Here a small program stands for vLLM, in a package of that name; tests/vllm has the real one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.engines.server.process import ServerProcess, free_port
from mubench_gen.engines.vllm.arguments import VllmStart, known_arguments, read_arguments
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime

from .helpers.command import Command, Outcome
from .helpers.data import make_row, write_data

Here = Callable[..., Outcome]

SERVER = """
import http.server, json, os, pathlib, subprocess, sys, time

flags = dict(zip(sys.argv[1::1], sys.argv[2::1]))
here = pathlib.Path(os.environ["FAKE_FOLDER"])
(here / "environment.json").write_text(json.dumps(dict(os.environ)))
(here / "command.json").write_text(json.dumps(sys.argv))
starts = here / "starts"
starts.write_text(str(int(starts.read_text() or 0) + 1) if starts.exists() else "1")
if os.environ.get("FAKE_FAULT"):
    print(os.environ["FAKE_FAULT"], flush=True)
    sys.exit(1)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
(here / "pids").write_text(f"{os.getpid()} {child.pid}")
print("INFO Starting to load model x", flush=True)
print("INFO Application startup complete.", flush=True)
asked = 0
dying = False
poison = os.environ.get("FAKE_DIES_OF", "").encode()

def die():
    print("RuntimeError: the engine core died", flush=True)
    child.kill()
    os._exit(7)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_): pass

    def answer(self, status, document):
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        key = self.headers.get("Authorization") == "Bearer " + os.environ["VLLM_API_KEY"]
        if self.path == "/health":
            self.answer(200, {})
        elif self.path == "/version":
            self.answer(200, {"version": "0.99"})
        else:
            model = {"id": flags["--served-model-name"], "owned_by": "vllm", "max_model_len": 99}
            self.answer(200 if key else 401, {"data": [model]})

    def do_POST(self):
        global asked, dying
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/tokenize":
            return self.answer(200, {"tokens": [1]})
        asked += 1
        if poison:
            time.sleep(0.05)  # so that others are under way
        if poison and poison in body:
            dying = True  # the engine did; what serves it may take a while to follow
            time.sleep(float(os.environ.get("FAKE_AGONY", 0)))
            die()
        if dying:
            return self.answer(500, {"error": {"message": "EngineCore encountered an issue"}})
        if asked > int(os.environ.get("FAKE_DIES_AFTER", 10**6)):
            die()
        message = {"role": "assistant", "content": "A"}
        self.answer(200, {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]})

http.server.ThreadingHTTPServer(("127.0.0.1", int(flags["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `vllm` on the path whose server is the program above; its folder of notes."""
    site, notes = tmp_path / "site", tmp_path / "notes"
    module = site / "vllm/entrypoints/openai/api_server.py"
    module.parent.mkdir(parents=True)
    notes.mkdir()
    for folder in (site / "vllm", site / "vllm/entrypoints", site / "vllm/entrypoints/openai"):
        (folder / "__init__.py").write_text("")
    (site / "vllm/engine").mkdir()
    (site / "vllm/engine/arg_utils.py").write_text(
        "class EngineArgs:\n    max_model_len: int = 1\n    enforce_eager: bool = False\n"
        "    limit_mm_per_prompt: dict = None\n"
    )
    module.write_text(textwrap.dedent(SERVER))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("FAKE_FOLDER", str(notes))
    monkeypatch.syspath_prepend(str(site))
    known_arguments.cache_clear()
    yield notes
    known_arguments.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "vllm"]:
        del sys.modules[name]


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    (weights / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    path = tmp_path / "mine.py"
    path.write_text(
        "import pathlib, mubench_gen\n"
        "@mubench_gen.hookimpl\n"
        "def mubench_gen_models():\n"
        f"    folder = pathlib.Path({str(weights)!r})\n"
        "    return [mubench_gen.ModelSpec('mine', mubench_gen.Checkpoint(folder, 'generative'))]\n"
    )
    return path


def evaluation(plugin: Path, data: Path, *more: str) -> list[str]:
    return [
        "eval", "--plugin", str(plugin), "--engine", "vllm-server", "--data", str(data),
        "--run-dir", "r", *more,
    ]  # fmt: skip


def session(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "r/manifest.json").read_text())["sessions"][-1]
    return found


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pids: list[int], seconds: float = 240.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(is_running(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def pids_of(fake: Path) -> list[int]:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        if (fake / "pids").is_file():
            found = [int(pid) for pid in (fake / "pids").read_text().split()]
            if len(found) == 2:
                return found
        time.sleep(0.05)
    raise AssertionError("the server did not start")


def test_a_run_starts_its_server_and_ends_it(
    here: Here, fake: Path, plugin: Path, cells: Path, tmp_path: Path
) -> None:
    options = ["-o", "engine.max_model_len=99", "-o", "engine.enforce_eager=true"]
    outcome = here(*evaluation(plugin, cells, *options))
    assert outcome.code == 0, outcome.err
    assert gone(pids_of(fake))
    command = json.loads((fake / "command.json").read_text())
    flags = dict(pairwise(command))
    assert (flags["--host"], flags["--served-model-name"]) == ("127.0.0.1", "mine")
    assert (flags["--max-model-len"], flags["--dtype"]) == ("99", "float32")
    assert json.loads(flags["--limit-mm-per-prompt"])["image"] == 1
    assert flags["--generation-config"] == "vllm"
    assert "--enforce-eager" in command
    model = session(tmp_path)["model"]
    assert (model["engine"], model["kind"], model["version"]) == ("vllm-server", "vllm", "0.99")
    assert model["startup_seconds"] > 0
    assert "vLLM: serving after" in outcome.err
    assert Path(model["log"]).is_file()


def test_its_key_is_in_no_file_and_ours_are_not_given_to_it(
    here: Here, fake: Path, plugin: Path, cells: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    assert here(*evaluation(plugin, cells)).code == 0
    notes = fake / "environment.json"
    environment = json.loads(notes.read_text())
    assert "OPENAI_API_KEY" not in environment
    key = environment["VLLM_API_KEY"].encode()
    others = [path for path in tmp_path.rglob("*") if path.is_file() and path != notes]
    assert not [path for path in others if key in path.read_bytes()]


def test_it_is_started_again_when_it_dies(
    here: Here, fake: Path, plugin: Path, cells: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAKE_DIES_AFTER", "4")
    asked = evaluation(plugin, cells, "-o", "engine.window=1", "--no-preflight")
    outcome = here(*asked)
    assert outcome.code == 0, outcome.err
    assert "vLLM died (exit code 7) and is started again" in outcome.err
    assert "the engine core died" in outcome.err
    assert (fake / "starts").read_text() == "2"
    assert session(tmp_path)["counts"]["deaths"] == 1
    assert gone(pids_of(fake))


def test_after_too_many_deaths_the_run_ends_and_can_be_gone_on_with(
    here: Here, fake: Path, plugin: Path, cells: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAKE_DIES_AFTER", "1")
    options = ["-o", "engine.window=1", "-o", "engine.restarts=1"]
    outcome = here(*evaluation(plugin, cells, *options))
    assert outcome.code == 3, outcome.err
    assert "vLLM died 2 times (exit code 7)" in outcome.err
    assert "The same command goes on from here." in outcome.err
    assert session(tmp_path)["counts"]["deaths"] == 2
    monkeypatch.delenv("FAKE_DIES_AFTER")
    assert here(*evaluation(plugin, cells, *options)).code == 0


def with_poison(folder: Path, rows: int, *poisoned: int) -> Path:
    """Questions of which some hold a word that the server dies of."""
    made = [make_row(number) for number in range(rows)]
    for number in poisoned:
        made[number]["questions"]["stain"]["question"] = "Which hemlock is this?"
    return write_data(folder, made)


@pytest.mark.exhaustive
@pytest.mark.parametrize("agony", ["0", "0.8"], ids=["at once", "after answering 500 for a while"])
def test_what_it_dies_of_each_time_is_its_items_error_and_no_others(
    here: Here, fake: Path, plugin: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, agony: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAKE_DIES_OF", "hemlock")
    monkeypatch.setenv("FAKE_AGONY", agony)
    data = with_poison(tmp_path / "data", 10, 3)
    outcome = here(*evaluation(plugin, data, "-o", "engine.window=8"))
    assert outcome.code == 3, outcome.err
    records = list(mubench_gen.load_run(tmp_path / "r").records())
    failed = [record for record in records if record["status"] == "error"]
    assert [record["item"] for record in failed] == ["cells/cell-3/stain"]
    assert "died each of the 3 times that it was asked this" in failed[0]["error"]["message"]
    assert sum(record["status"] == "answered" for record in records) == 19
    assert "sent again one by one" in outcome.err
    assert session(tmp_path)["counts"]["deaths"] == 3
    assert session(tmp_path)["counts"]["requests_that_servers_died_of"] == 1
    assert (fake / "starts").read_text() in ("3", "4")  # the last death may end the run


def test_deaths_that_are_explained_are_not_counted_as_restarts(
    here: Here, fake: Path, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DIES_OF", "hemlock")
    data = with_poison(tmp_path / "data", 8, 0, 5)
    outcome = here(*evaluation(plugin, data, "-o", "engine.window=2"))
    assert outcome.code == 3, outcome.err
    records = list(mubench_gen.load_run(tmp_path / "r").records())
    failed = [record["item"] for record in records if record["status"] == "error"]
    assert sorted(failed) == ["cells/cell-0/stain", "cells/cell-5/stain"], outcome.err
    assert len(records) == 16
    assert session(tmp_path)["counts"]["deaths"] == 6


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            "ValueError: No available memory for the cache blocks. Try increasing "
            "`gpu_memory_utilization`",
            "Not enough memory for",
        ),
        ("ModuleNotFoundError: No module named 'num2words'", "Type: pip install num2words"),
    ],
)
def test_a_start_that_fails_says_why_and_what_to_do(
    here: Here, fake: Path, plugin: Path, cells: Path, monkeypatch: pytest.MonkeyPatch,
    fault: str, said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAKE_FAULT", fault)
    outcome = here(*evaluation(plugin, cells))
    assert outcome.code == 2
    assert "vLLM did not start (exit code 1)" in outcome.err
    assert said in outcome.err
    assert "Its log:" in outcome.err
    assert "Traceback" not in outcome.err


def test_an_argument_that_does_not_exist_is_refused_before_anything_starts(
    here: Here, fake: Path, plugin: Path, cells: Path
) -> None:
    outcome = here(*evaluation(plugin, cells, "-o", "engine.max_modell_len=99"))
    assert outcome.code == 2
    assert "Did you mean 'max_model_len'?" in outcome.err
    assert not (fake / "starts").exists()


def test_a_base_url_is_not_for_a_server_of_our_own(
    here: Here, fake: Path, plugin: Path, cells: Path
) -> None:
    outcome = here(*evaluation(plugin, cells, "--base-url", "http://127.0.0.1:1/v1"))
    assert outcome.code == 2
    assert "--base-url is for --engine server" in outcome.err


@pytest.mark.first(1)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_does_not_outlive_the_run_however_that_ends(
    mubench: Command, fake: Path, plugin: Path, cells: Path, how: signal.Signals
) -> None:
    running = mubench.start(*evaluation(plugin, cells, "--repeats", "5000"))
    pids = pids_of(fake)
    running.send_signal(how)
    running.communicate(timeout=240)
    assert gone(pids)


def test_stopping_reaches_children_and_what_does_not_want_to_end(tmp_path: Path) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(
        "import os, signal, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(300)\n"
    )
    process = ServerProcess(
        [sys.executable, str(script)], os.environ, port=free_port(), log=tmp_path / "log"
    )
    process.start()
    pids = pids_of(tmp_path)
    assert process.exit_code is None
    process.stop()
    assert gone(pids)


def test_a_server_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    process = ServerProcess(
        [sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(300)"],
        os.environ,
        port=free_port(),
        log=tmp_path / "log",
    )
    process.start()
    told: list[str] = []
    assert not process.wait_until_ready(6.0, told.append)
    process.stop()
    assert told == ["hello"]


def test_remote_code_needs_a_whole_commit() -> None:
    checkpoint = Checkpoint("org/model", "generative")
    with pytest.raises(SettingError, match="40 hexadecimal digits"):
        read_arguments(
            checkpoint, Runtime("m", trust_remote_code=True, revision="main"), {}, engine="vllm"
        )
    commit = "0123456789" * 4
    runtime = Runtime("m", trust_remote_code=True, revision=commit)
    found = read_arguments(checkpoint, runtime, {}, engine="vllm")
    assert (found["trust_remote_code"], found["revision"]) == (True, commit)


@pytest.mark.parametrize("path", [Path("no/such/folder"), "/no/such", "a/b/c"])
def test_a_folder_that_is_not_there_is_no_hub_id(path: Path | str) -> None:
    with pytest.raises(UsageError, match="No folder"):
        read_arguments(Checkpoint(path, "generative"), Runtime("m"), {}, engine="vllm")


@pytest.mark.parametrize("name", ["revision", "dtype", "hf_token", "trust_remote_code"])
def test_what_has_a_flag_of_ours_is_no_engine_option(name: str) -> None:
    with pytest.raises(SettingError, match=f"engine.{name} is not an option"):
        read_arguments(Checkpoint("org/m", "generative"), Runtime("m"), {name: "x"}, engine="vllm")


def test_arguments_become_flags() -> None:
    start = VllmStart(
        {"model": "m", "a_b": True, "c": False, "d": {"x": 1}, "e": [1, 2], "f": None, "g": "h"}
    )
    assert start.flags() == [
        "--a-b", "--no-c", "--d", '{"x": 1}', "--e", "1", "2", "--g", "h",
    ]  # fmt: skip


def test_the_watchdog_needs_no_package_of_ours(tmp_path: Path) -> None:
    from mubench_gen.engines.server import watchdog as server_watchdog

    done = subprocess.run(
        [sys.executable, "-I", server_watchdog.__file__, sys.executable, "-c", "exit(5)"],
        stdin=subprocess.PIPE,
        start_new_session=True,
        check=False,
    )
    assert done.returncode in (5, 143)  # 143 where the pipe closed first
