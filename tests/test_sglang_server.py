"""`--engine sglang-server`: a small program stands for SGLang, in a package of that name.

Its flags, paths and forms are those of SGLang 0.5.23, read in its source.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.engines.server.own_sglang import known_arguments

from .helpers.command import Outcome
from .test_server_process import gone, plugin, session

Here = Callable[..., Outcome]
__all__ = ["plugin"]

ARGUMENTS = {
    "server_args.py": "class ServerArgs:\n    log_level: str = 'info'\n",
    "arg_groups/fields/model.py": "class Model:\n    model_path: A[str, 'x']\n"
    "    context_length: A[Optional[int], 'x'] = None\n"
    "    enable_multimodal: A[bool, 'x'] = None\n",
    "arg_groups/fields/mm.py": "class Mm:\n    limit_mm_data_per_request: A[str, 'x'] = None\n",
}
SERVER = """
import http.server, json, os, pathlib, sys

flags = dict(zip(sys.argv[1::1], sys.argv[2::1]))
here = pathlib.Path(os.environ["FAKE_FOLDER"])
(here / "command.json").write_text(json.dumps(sys.argv))
(here / "pids").write_text(str(os.getpid()))
key = pathlib.Path(flags["--config"]).read_text().partition("api-key: ")[2].strip()
(here / "mode").write_text(oct(pathlib.Path(flags["--config"]).stat().st_mode)[-3:])
(here / "key").write_text(key)
if os.environ.get("FAKE_FAULT"):
    print(os.environ["FAKE_FAULT"], flush=True)
    sys.exit(1)
print("[2026-11-30 02:00:00] Load weight begin. avail mem=20.1 GB", flush=True)
print("[2026-11-30 02:00:01] The server is fired up and ready to roll!", flush=True)

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
        if self.path == "/health":
            return self.answer(200, {})
        if self.headers.get("Authorization") != "Bearer " + key:
            return self.answer(401, {"error": "Unauthorized"})
        name = flags["--served-model-name"]
        model = {"id": name, "root": name, "owned_by": "sglang", "max_model_len": 4096}
        if self.path == "/v1/models":
            return self.answer(200, {"object": "list", "data": [model]})
        if self.path == "/server_info":
            return self.answer(200, {"version": "0.5.23", "frontend": "python"})
        self.answer(404, {"detail": "Not Found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (here / "body.json").write_text(json.dumps(body))
        message = {"role": "assistant", "content": "B" if "regex" in body else "A",
                   "reasoning_content": None, "tool_calls": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "matched_stop": 2}
        if body.get("logprobs"):
            listed = [{"token": t, "logprob": -1.0 - n} for n, t in enumerate("ABCDEF")]
            choice["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}]}
        self.answer(200, {"model": flags["--served-model-name"], "choices": [choice],
                          "usage": {"prompt_tokens": 9, "completion_tokens": 1}})

http.server.ThreadingHTTPServer(("127.0.0.1", int(flags["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `sglang` on the path whose server is the program above; its folder of notes."""
    site, notes = tmp_path / "site", tmp_path / "notes"
    notes.mkdir()
    for name, text in ARGUMENTS.items():
        file = site / "sglang/srt" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (site / "sglang/__init__.py").write_text("")
    (site / "sglang/launch_server.py").write_text(SERVER)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("FAKE_FOLDER", str(notes))
    monkeypatch.syspath_prepend(str(site))
    known_arguments.cache_clear()
    yield notes
    known_arguments.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "sglang"]:
        del sys.modules[name]


def evaluation(plugin: Path, data: Path, *more: str) -> list[str]:
    return [
        "eval", "--plugin", str(plugin), "--engine", "sglang-server", "--data", str(data),
        "--run-dir", "r", *more,
    ]  # fmt: skip


def noted(fake: Path, name: str) -> Any:
    return json.loads((fake / name).read_text())


def test_a_run_starts_its_server_asks_all_read_outs_and_ends_it(
    here: Here, fake: Path, plugin: Path, cells: Path, tmp_path: Path
) -> None:
    options = ["-o", "engine.context_length=4096", "-o", "engine.enable_multimodal=true"]
    outcome = here(*evaluation(plugin, cells, "--readout", "choice,logprob,parse", *options))
    assert outcome.code == 0, outcome.err
    assert gone([noted(fake, "pids")])
    command = noted(fake, "command.json")
    flags = dict(pairwise(command))
    assert (flags["--host"], flags["--served-model-name"]) == ("127.0.0.1", "mine")
    assert flags["--model-path"] == str(tmp_path / "weights")
    assert flags["--context-length"] == "4096"
    assert json.loads(flags["--limit-mm-data-per-request"]) == {"image": 1}
    assert "--enable-multimodal" in command
    told = session(tmp_path)["model"]
    assert (told["engine"], told["kind"], told["version"]) == ("sglang-server", "sglang", "0.5.23")
    assert told["max_model_len"] == 4096
    assert "SGLang: serving after" in outcome.err
    key = (fake / "key").read_text().encode()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != fake / "key"]
    assert len(key) == 32
    assert not [path for path in files if key in path.read_bytes()]
    assert (fake / "mode").read_text() == "600"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("context_lenght=9", "Did you mean 'context_length'?"),
        ("api_key=x", "it has a key of its own"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_starts(
    here: Here, fake: Path, plugin: Path, cells: Path, option: str, said: str
) -> None:
    outcome = here(*evaluation(plugin, cells, "-o", f"engine.{option}"))
    assert outcome.code == 2
    assert said in outcome.err
    assert not (fake / "command.json").exists()


def test_a_start_that_fails_says_why_and_what_to_do(
    here: Here, fake: Path, plugin: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "FAKE_FAULT",
        "[2026-11-30 02:00:00] Scheduler hit an exception: Traceback (most recent call last):\n"
        '  File "x.py", line 1, in f\n'
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
    )
    outcome = here(*evaluation(plugin, cells))
    assert outcome.code == 2
    assert "SGLang did not start (exit code 1)" in outcome.err
    assert "Not enough memory" in outcome.err
    assert "engine.context_length" in outcome.err


def test_without_sglang_the_line_to_type_is_said(here: Here, plugin: Path, cells: Path) -> None:
    outcome = here(*evaluation(plugin, cells))
    assert outcome.code == 2
    assert "pip install 'mubench-gen[sglang]'" in outcome.err
