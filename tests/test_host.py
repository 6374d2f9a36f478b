"""A model in a process of its own: what becomes of the run when that process does anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .conftest import Here
from .helpers.command import Command, Outcome
from .helpers.data import write_data
from .helpers.plugin import write_plugin

pytestmark = pytest.mark.usefixtures("hosted")

SEGFAULT = "__import__('ctypes').string_at(0)"
EXIT = "__import__('os')._exit(3)"
HANG = "__import__('time').sleep(10**6)"
LEFT = {SEGFAULT: "was killed by SIGSEGV", EXIT: "ended itself with exit status 3"}


def plugin(folder: Path, **at: str) -> Path:
    """A model that does something `top` (at its import), in `load`, or for each request `asked`.

    `call` counts the calls of one process, from 1 on.
    """
    return write_plugin(
        folder / "odd.py",
        f"""
        batch_size = 2
        call = 0
        {at.get("top", "pass")}

        def load(self):
            {at.get("load", "pass")}

        def generate(self, requests):
            self.call += 1
            call = self.call
            for request in requests:
                {at.get("asked", "pass")}
            return ["A"] * len(requests)
        """,
    )


def records(run: Path) -> list[dict[str, Any]]:
    lines = (run / "records.jsonl").read_text("utf-8").splitlines()
    return list({one["id"]: one for one in map(json.loads, lines)}.values())


def evaluated(here: Here, folder: Path, *args: str, **at: str) -> Outcome:
    model = plugin(folder, **at)
    data = write_data(folder / "cells", rows=6)
    return here("eval", "--plugin", model, "--data", data, "--run-dir", folder / "run", *args)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("top", EXIT),
        ("load", SEGFAULT),
        pytest.param("top", SEGFAULT, marks=pytest.mark.exhaustive),
        pytest.param("load", EXIT, marks=pytest.mark.exhaustive),
    ],
)
def test_a_plugin_that_ends_the_process_before_it_is_asked_is_the_users_to_fix(
    here: Here, tmp_path: Path, what: str, where: str
) -> None:
    outcome = evaluated(here, tmp_path, **{where: what})
    assert outcome.code == 2
    last = outcome.err.splitlines()[-1]
    assert LEFT[what] in last
    assert "odd" in last
    assert ("while the plugin was imported" if where == "top" else "was loaded") in last
    assert (f"{tmp_path / 'odd.py'}:" in last) == (what == SEGFAULT)


@pytest.mark.first(1)
@pytest.mark.parametrize("where", ["load", "top"])
def test_what_hangs_before_it_is_asked_is_ended(here: Here, tmp_path: Path, where: str) -> None:
    outcome = evaluated(here, tmp_path, "--load-timeout", "2", **{where: HANG})
    assert outcome.code == 2
    assert "was not done within 2 s (--load-timeout)" in outcome.err.splitlines()[-1]


@pytest.mark.first(1)
@pytest.mark.parametrize("what", [SEGFAULT, EXIT])
def test_a_death_in_the_third_batch_costs_nothing(here: Here, tmp_path: Path, what: str) -> None:
    flag = tmp_path / "died"
    once = f"call == 3 and not __import__('pathlib').Path({str(flag)!r}).exists() and "
    once += f"(open({str(flag)!r}, 'w').close(), {what})"
    outcome = evaluated(here, tmp_path, asked=once)
    assert outcome.code == 0
    assert {one["status"] for one in records(tmp_path / "run")} == {"answered"}
    assert LEFT[what] in outcome.err
    assert "It is started again" in outcome.err


@pytest.mark.exhaustive  # it dies in each of many processes as in the first
def test_a_model_that_dies_every_third_call_ends_all_the_same(here: Here, tmp_path: Path) -> None:
    outcome = evaluated(here, tmp_path, asked=f"call == 3 and {EXIT}")
    assert outcome.code == 0
    assert {one["status"] for one in records(tmp_path / "run")} == {"answered"}


def test_the_request_of_which_the_model_dies_is_its_items_error_alone(
    here: Here, tmp_path: Path
) -> None:
    deaths = tmp_path / "deaths"
    write = f"open({str(deaths)!r}, 'a').write(request.key + ' ')"
    dies = f"request.image.name.endswith('2.png') and ({write}, {SEGFAULT})"
    outcome = evaluated(here, tmp_path, asked=dies)
    assert outcome.code == 3
    found = records(tmp_path / "run")
    failed = [one for one in found if one["status"] == "error"]
    assert [one["image_id"] for one in failed] == ["cell-2"] * 2
    for one in failed:
        assert one["error"]["type"] == "ModelDied"
        assert "SIGSEGV" in one["error"]["message"]
        assert one["key"][:12] in one["error"]["message"]
    assert max(Counter(deaths.read_text("utf-8").split()).values()) <= 2
    again = here("eval", "--plugin", tmp_path / "odd.py", "--data", tmp_path / "cells",
                 "--run-dir", tmp_path / "run")  # fmt: skip
    assert again.code == 3
    assert Counter(one["status"] for one in records(tmp_path / "run"))["answered"] == 10


def test_a_call_that_hangs_is_ended_and_costs_its_item_alone(here: Here, tmp_path: Path) -> None:
    hangs = f"request.image.name.endswith('2.png') and 'stain' in request.text and {HANG}"
    outcome = evaluated(here, tmp_path, "--timeout", "2", "--batch-size", "4", asked=hangs)
    found = records(tmp_path / "run")
    (failed,) = (one for one in found if one["status"] == "error")
    assert outcome.code == 3
    assert (failed["image_id"], failed["error"]["type"]) == ("cell-2", "ItemTimeout")
    assert len(found) == 12


def test_memory_that_runs_out_is_its_items_error(here: Here, tmp_path: Path) -> None:
    limit = "__import__('resource').setrlimit(__import__('resource').RLIMIT_AS, (2**31, 2**31))"
    outcome = evaluated(
        here, tmp_path, load=limit, asked="request.image.name.endswith('2.png') and bytes(2**33)"
    )
    assert outcome.code == 3
    failed = [one for one in records(tmp_path / "run") if one["status"] == "error"]
    assert [one["error"]["type"] for one in failed] == ["MemoryError"] * 2


def test_nothing_that_a_plugin_does_to_its_process_reaches_the_run(
    here: Here, tmp_path: Path
) -> None:
    noise = "print('top'); import os, signal, logging, threading, time; os.write(1, b'raw\\n'); "
    noise += "signal.signal(signal.SIGINT, signal.SIG_IGN); logging.disable(); os.chdir('/'); "
    noise += "threading.Thread(target=time.sleep, args=(10**6,)).start()"
    before = Path.cwd(), signal.getsignal(signal.SIGINT)
    outcome = evaluated(here, tmp_path, "--json", top=noise, asked="print('asked')")
    assert outcome.code == 0
    assert outcome.document["scores"]["pooled"]["n"] == 12
    assert {"top", "raw", "asked"} <= set(outcome.err.splitlines())
    assert (Path.cwd(), signal.getsignal(signal.SIGINT)) == before


def number_in(told: Path, running: subprocess.Popen[str]) -> int:
    """The number that the model writes into the file when it is asked."""
    while not (told.exists() and told.read_text("utf-8")):
        assert running.poll() is None
        time.sleep(0.02)
    return int(told.read_text("utf-8"))


def processes_of(group: int) -> list[int]:
    """The processes of a session that are no zombies."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path("/proc", name, "stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat[3]) == group and stat[0] != "Z":
            found.append(int(name))
    return found


@pytest.mark.first(2)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="without /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_the_command(
    mubench: Command, tmp_path: Path, number: signal.Signals
) -> None:
    """However it ends, also what the plugin itself started."""
    told = tmp_path / "told"
    child = "__import__('subprocess').Popen(['sleep', '1000'])"
    write = f"open({str(told)!r}, 'w').write(str(__import__('os').getsid(0)))"
    model = plugin(tmp_path, asked=f"{child}; {write}; {HANG}")
    data = write_data(tmp_path / "cells")
    running = mubench.start("eval", "--plugin", model, "--data", data, "--run-dir", "run")
    group = number_in(told, running)
    assert len(processes_of(group)) == 2
    running.send_signal(number)
    running.communicate(timeout=60)
    assert running.returncode == {2: 130, 15: 143, 9: -9}[number]
    until = time.monotonic() + 60
    while processes_of(group):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_host_that_is_killed_is_started_again(mubench: Command, tmp_path: Path) -> None:
    told = tmp_path / "told"
    first = f"__import__('pathlib').Path({str(told)!r}).exists()"
    waits = f"open({str(told)!r}, 'w').write(str(__import__('os').getpid())), {HANG}"
    model = plugin(tmp_path, asked=f"{first} or ({waits})")
    data = write_data(tmp_path / "cells")
    running = mubench.start("eval", "--plugin", model, "--data", data, "--run-dir", "run")
    os.kill(number_in(told, running), signal.SIGKILL)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "was killed by SIGKILL" in err
    assert {one["status"] for one in records(tmp_path / "run")} == {"answered"}


def test_python_without_a_run_leaves_no_host(tmp_path: Path, cells: Path) -> None:
    model = plugin(tmp_path)
    program = f"""
import mubench_gen
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
plan = make_plan(make_settings({{"plugin": {str(model)!r}, "data": {str(cells)!r}}}), Plugins())
print(plan.model.hosts[0].pid)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert processes_of(int(done.stdout)) == []


def test_a_run_in_a_host_equals_one_in_this_process(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = plugin(tmp_path)
    data = write_data(tmp_path / "cells")
    assert here("eval", "--plugin", model, "--data", data, "--run-dir", "apart").code == 0
    assert here("eval", "--plugin", model, "--data", data, "--run-dir", "here",
                "--in-process").code == 0  # fmt: skip
    apart, inside = records(tmp_path / "apart"), records(tmp_path / "here")
    for one in [*apart, *inside]:
        del one["crc"], one["seconds"]
    assert apart == inside
