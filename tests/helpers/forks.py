"""Processes of the command that are forked of one which has imported it: a start takes no second.

Two thirds of what a small command takes is its imports. What a test kills, or starts with an
environment that Python itself reads, is started by Python anew.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

# What an evaluation and a report import; all else is imported by the process that needs it.
_IMPORTED = (
    "mubench_gen.run", "mubench_gen.cli.views.board", "mubench_gen.cli.eval_command",
    "mubench_gen.cli.views.eval_end", "mubench_gen.cli.report_command", "mubench_gen.compare.board",
    "mubench_gen.compare.comparison", "mubench_gen.data.equal_options", "mubench_gen.data.jsonl",
    "mubench_gen.plan.plan", "mubench_gen.plugins.async_model", "mubench_gen.plugins.code_digest",
    "mubench_gen.report.text", "mubench_gen_plugins.echo", "PIL.PngImagePlugin", "rich.table",
    "scipy.special",
)  # fmt: skip
_PYTHONS_OWN = ("PYTHON", "LC_", "LANG", "MUBENCH_GEN_TRACE")  # read as Python starts
_PATIENCE = 240.0  # seconds
_AT_FIRST = dict(os.environ)  # before a test sets anything
_ONE_AT_A_TIME = threading.Lock()


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether a process that is forked of another sees all of that environment."""
    names = env.keys() | _AT_FIRST.keys()
    changed = {name for name in names if env.get(name) != _AT_FIRST.get(name)}
    return not any(name.startswith(_PYTHONS_OWN) for name in changed)


def _run(
    words: list[str], folder: Path, env: Mapping[str, str], before: str, handles: list[int]
) -> int:
    """Run `mubench-gen WORDS` to its end; returns its exit code."""
    told = json.dumps([words, str(folder), dict(env), before]).encode()
    with _ONE_AT_A_TIME:
        connection = _server(os.getpid())
        try:
            socket.send_fds(connection, [told], handles)
            return int(connection.recv(100))
        except TimeoutError:
            connection.close()  # what it says later is no other test's
            _server.cache_clear()
            raise


def captured(
    words: list[str], folder: Path, env: Mapping[str, str], *, before: str = "", **streams: int
) -> subprocess.CompletedProcess[str]:
    """Run `mubench-gen WORDS` to its end, and what it wrote.

    `before`: Python that its process runs first; `stdout` and `stderr`: handles to write to.
    """
    with TemporaryFile() as out, TemporaryFile() as err:
        handles = {"stdout": out.fileno(), "stderr": err.fileno(), **streams}
        code = _run(words, folder, env, before, [handles["stdout"], handles["stderr"]])
        for file in (out, err):
            file.seek(0)
        said = [file.read().decode().replace("\r\n", "\n") for file in (out, err)]
    return subprocess.CompletedProcess(words, code, *said)


@cache
def _server(of: int) -> socket.socket:
    """The connection to the process that forks, which ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_PATIENCE)
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
    )  # fmt: skip
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _serve(connection: socket.socket) -> str:
    """Fork a process for each request; returns in the forked one, with what that runs first."""
    sys.path[0] = os.getcwd()  # instead of this file's folder
    for name in _IMPORTED:
        importlib.import_module(name)
    while True:
        told, handles, _, _ = socket.recv_fds(connection, 2**20, 2)
        if not told:
            os._exit(0)
        process = os.fork()
        if not process:
            break
        for handle in handles:
            os.close(handle)
        _, status = os.waitpid(process, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    words, folder, env, before = json.loads(told)
    connection.close()
    for number, handle in enumerate(handles, 1):
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = folder  # as after `python -m`
    sys.argv = ["mubench-gen", *words]
    return str(before)


if __name__ == "__main__":
    exec(_serve(socket.socket(fileno=int(sys.argv[1]))), {})
    runpy.run_module("mubench_gen", run_name="__main__", alter_sys=True)
