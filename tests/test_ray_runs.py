"""Runs on a Ray cluster: the same records as in one process, whatever dies meanwhile.

Real processes throughout: a cluster of two nodes on this machine, workers and drivers that are
killed with -9, a node that goes. What is asked is counted by a plugin that writes it down.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen import load_run

from .helpers.ray_cluster import Nodes, ray_cluster
from .helpers.server import FakeServer, completion
from .spine import by_id, command_line, environment, evaluate, make_row, write_data

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="ray[data] is not installed: pip install 'mubench-gen[ray]'"
)
pytestmark = pytest.mark.xdist_group("ray")

TASK = 8  # requests a task of a worker, about
# Echo that writes down each request's key and its own process's number, slowly, and begins when so
# many workers are there.
NOTING = """
import os, time
import mubench_gen
from mubench_gen import ModelSpec
from mubench_gen_plugins.echo import Echo


WORKERS = 1


class Noting(Echo):
    batch_size = 8

    def load(self):
        super().load()
        note(LOG + " opened", f"{os.getpid()}\\n")
        while len(open(LOG + " opened").readlines()) < WORKERS:
            time.sleep(0.02)

    def generate(self, requests):
        note(LOG, "".join(f"{os.getpid()} {r.key}\\n" for r in requests))
        time.sleep(0.01 * len(requests) + 1.0 * (len(requests) == 1))
        return super().generate(requests)


def note(path, text):
    noted = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(noted, text.encode())
    os.close(noted)


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("noting", Noting)]
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with ray_cluster(tmp_path_factory.mktemp("ray"), nodes=2) as nodes:
        yield nodes


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """80 images with five questions each."""
    return write_data(tmp_path / "cells", (make_row(i) for i in range(80)))


@pytest.fixture
def noting(tmp_path: Path) -> Path:
    path = tmp_path / "noting.py"
    path.write_text(NOTING.replace("LOG", repr(str(tmp_path / "asked"))))
    return path


def on_ray(cluster: Nodes | None, *words: object) -> list[str]:
    address = ["--ray-address", cluster.address] if cluster is not None else []
    ray = ["--engine", "ray", *address, "-o", f"engine.batch={TASK}"]
    return command_line("eval", *words, *ray)


def run(words: list[str], **variables: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def asked(folder: Path) -> list[tuple[int, str]]:
    """(process, key) of every request, in order."""
    log = folder / "asked"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(number), key) for number, key in (line.split() for line in lines)]


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    began = time.monotonic()
    while not is_so():
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1])
        assert time.monotonic() - began < 300
        time.sleep(0.02)


def start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, told = process.communicate(timeout=400)
    assert process.returncode == 0, told


def old_package(folder: Path) -> str:
    """A PYTHONPATH on which a copy of the package calls itself 0.0.1."""
    package = Path(mubench_gen.__file__).parent
    shutil.copytree(package, folder / "old" / "mubench_gen")
    version = folder / "old" / "mubench_gen" / "_version.py"
    version.write_text('__version__ = "0.0.1"\n')
    return os.pathsep.join([str(folder / "old"), os.environ.get("PYTHONPATH", "")])


def check_counts(tmp_path: Path, folder: Path, cells: Path, *, in_flight: int) -> None:
    """As an undisturbed run, and no more asked twice than was in flight."""
    keys = Counter(key for _, key in asked(tmp_path))
    whole = evaluate("echo", tmp_path / "whole", data=cells, prompt="plain")
    made = load_run(folder)
    assert made.complete
    mine = {record["item"]: record["reply"] for record in made.records()}
    assert mine == {record["item"]: record["reply"] for record in whole.records()}
    assert keys.keys() == {record["key"] for record in made.records()}
    assert keys.total() - len(keys) <= in_flight


@pytest.mark.exhaustive
@needs_ray
@pytest.mark.parametrize(
    "settings",
    [
        {"plugin": "echo", "orders": "cyclic:2", "readout": "parse,logprob"},
        {"plugin": "tiny", "limit": 12},
        {"plugin": "tiny", "model": "clip", "limit": 12},
    ],
    ids=["echo", "tiny llava", "tiny clip"],
)
def test_four_workers_on_two_nodes_give_the_records_of_one_process(
    tmp_path: Path, cluster: Nodes, cells: Path, settings: dict[str, object]
) -> None:
    flags = [word for k, v in settings.items() for word in (f"--{k}", v)]
    words = [*flags, "--data", cells, "--run-dir", tmp_path / "ray"]
    done = run(on_ray(cluster, *words, "-o", "engine.actors=4"))
    assert done.returncode == 0, done.stderr
    given = {k: v for k, v in settings.items() if k != "plugin"}
    one = evaluate(str(settings["plugin"]), tmp_path / "one", data=cells, **given)
    many = load_run(tmp_path / "ray")
    assert _rounded(many) == _rounded(one)
    assert many.manifest["id"] == one.manifest["id"]
    assert many.manifest["settings"] == one.manifest["settings"]
    assert many.manifest["sessions"][0]["ray"]["nodes"] == 3
    assert many.manifest["sessions"][0]["model"] == one.manifest["sessions"][0]["model"]


def _rounded(made: mubench_gen.Run) -> dict[str, object]:
    """Scores are floats that depend on the batch in their last digits."""
    records = by_id(made)
    for record in records.values():
        for name in ("scores", "probabilities"):
            if record.get(name) is not None:
                record[name] = [round(value, 4) for value in record[name]]
    return dict(records)


@pytest.mark.exhaustive
@needs_ray
def test_workers_ask_servers_many_requests_at_once(
    tmp_path: Path, cluster: Nodes, cells: Path
) -> None:
    async def by_text(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.02)
        digest = hashlib.sha256(json.dumps(body["messages"]).encode()).digest()
        return web.json_response(completion("ABC"[digest[0] % 3]))

    with FakeServer(by_text) as server:
        words = [
            "--plugin",
            "openai",
            "--base-url",
            server.url,
            "--data",
            cells,
            "--tasks",
            "stain",
        ]
        one = run(command_line("eval", *words, "--run-dir", tmp_path / "one"))
        assert one.returncode == 0, one.stderr
        alone = len(server.bodies)
        many = run(on_ray(cluster, *words, "--run-dir", tmp_path / "ray", "-o", "engine.actors=2"))
        assert many.returncode == 0, many.stderr
    assert len(server.bodies) == 2 * alone
    assert server.most > 2, "one request at a time a worker"
    assert by_id(load_run(tmp_path / "ray")) == by_id(load_run(tmp_path / "one"))


@pytest.mark.exhaustive
@needs_ray
def test_what_is_answered_is_on_the_disk_while_the_rest_of_its_bundle_is_waited_for(
    tmp_path: Path, cluster: Nodes, cells: Path
) -> None:
    async def all_but_one(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(server.bodies) == 40:
            await asyncio.sleep(300)
        return web.json_response(completion())

    folder = tmp_path / "run"
    records = folder / "records.jsonl"
    with FakeServer(all_but_one) as server:
        words = ["--plugin", "openai", "--base-url", server.url, "--no-preflight", "--data", cells]
        more = ["--tasks", "stain", "--run-dir", folder, "-o", "engine.actors=1"]
        process = start(on_ray(cluster, *words, *more))
        try:
            wait_until(
                lambda: records.exists() and records.read_bytes().count(b"\n") == 79, process
            )
        finally:
            process.kill()
            process.communicate()


@needs_ray
def test_a_run_that_loses_a_worker_and_is_terminated_goes_on_and_ends_as_in_one_process(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    """In `make test` what the next tests prove one by one.

    The second request waits for the first one's answer, which comes while the other worker is idle.
    """
    noting.write_text(noting.read_text().replace("WORKERS = 1", "WORKERS = 2"))
    folder = tmp_path / "run"
    words = ["--plugin", noting, "--data", cells, "--prompt", "plain", "--run-dir", folder]
    line = on_ray(cluster, *words, "-o", "engine.actors=2")
    process = start(line)
    wait_until(lambda: len({number for number, _ in asked(tmp_path)}) == 2, process)
    os.kill(asked(tmp_path)[-1][0], signal.SIGKILL)
    wait_until(lambda: len({number for number, _ in asked(tmp_path)}) > 2, process)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "The same command goes on from here." in told
    finish(start(line))
    check_counts(tmp_path, folder, cells, in_flight=2 * 4 * 2 * TASK)
    assert load_run(folder).manifest["sessions"][0]["ray"]["nodes"] == 3


@pytest.mark.exhaustive
@needs_ray
def test_a_run_on_ray_that_is_terminated_says_so_and_goes_on(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    folder = tmp_path / "run"
    words = ["--plugin", noting, "--data", cells, "--prompt", "plain", "--run-dir", folder]
    line = on_ray(cluster, *words, "-o", "engine.actors=2")
    process = start(line)
    records = folder / "records.jsonl"
    wait_until(lambda: records.exists() and records.read_bytes().count(b"\n") > 60, process)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "The same command goes on from here." in told
    assert "Traceback" not in told
    finish(start(line))
    assert load_run(folder).complete


@pytest.mark.exhaustive
@needs_ray
def test_a_run_goes_on_with_ray_and_without(tmp_path: Path, cluster: Nodes, cells: Path) -> None:
    words = ["--plugin", "echo", "--data", cells, "--run-dir", tmp_path / "run"]
    begun = run(command_line("eval", *words, "--max-requests", "100"))
    assert begun.returncode == 3
    middle = run(on_ray(cluster, *words, "--max-requests", "100", "-o", "engine.actors=2"))
    assert middle.returncode == 3, middle.stderr
    assert run(command_line("eval", *words)).returncode == 0
    made = load_run(tmp_path / "run")
    assert by_id(made) == by_id(evaluate("echo", tmp_path / "whole", data=cells))
    assert ["ray" in session for session in made.manifest["sessions"]] == [False, True, False]


@pytest.mark.exhaustive
@needs_ray
def test_a_worker_that_is_killed_loses_nothing(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    folder = tmp_path / "run"
    words = ["--plugin", noting, "--data", cells, "--prompt", "plain", "--run-dir", folder]
    process = start(on_ray(cluster, *words, "-o", "engine.actors=2"))
    wait_until(lambda: len({number for number, _ in asked(tmp_path)}) == 2, process)
    wait_until(lambda: len(asked(tmp_path)) > 80, process)
    killed = asked(tmp_path)[-1][0]
    os.kill(killed, signal.SIGKILL)
    finish(process)
    assert len({number for number, _ in asked(tmp_path)}) >= 2
    check_counts(tmp_path, folder, cells, in_flight=4 * 2 * TASK)


@pytest.mark.exhaustive
@needs_ray
def test_a_node_that_goes_loses_nothing(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    folder = tmp_path / "run"
    words = ["--plugin", noting, "--data", cells, "--prompt", "plain", "--run-dir", folder]
    process = start(on_ray(cluster, *words, "-o", "engine.actors=2:4"))
    try:
        wait_until(lambda: len({number for number, _ in asked(tmp_path)}) >= 2, process)
        wait_until(lambda: len(asked(tmp_path)) > 60, process)
        cluster.remove()
        finish(process)
    finally:
        cluster.add()
    check_counts(tmp_path, folder, cells, in_flight=4 * 4 * TASK)


@pytest.mark.exhaustive
@needs_ray
def test_a_sweep_asks_each_alpha_of_its_own_weights(tmp_path: Path, cluster: Nodes) -> None:
    from mubench_gen_plugins.tiny import WEIGHTS

    ends = ("--base", WEIGHTS / "clip", "--finetuned", WEIGHTS / "clip-finetuned", "--alpha", "1")
    tasks = ("--tasks", "demo-texture,modality", "--limit", "6", "--in-domain", "demo-texture")
    ray = ("--engine", "ray", "--ray-address", cluster.address, "-o", "engine.actors=1")
    found = []
    for name, more in (("ray", ray), ("here", ())):
        words = ("sweep", "--plugin", "clip", *ends, *tasks, "--run-dir", tmp_path / name, *more,
                 "--method", "linear,ties")  # fmt: skip
        done = run(command_line(*words))
        assert done.returncode == 0, done.stderr
        folders = ("base", "alpha-1-ties", "finetuned")
        runs = [load_run(tmp_path / name / folder) for folder in folders]
        found.append([{r["id"]: r["scores"] for r in one.records()} for one in runs])
    for on_cluster, here in zip(*found, strict=True):
        assert on_cluster.keys() == here.keys()
        for item, scores in here.items():
            assert on_cluster[item] == pytest.approx(scores, abs=1e-5)
    assert all(one != other for one, other in pairwise(found[0]))


@pytest.mark.exhaustive
@needs_ray
def test_a_driver_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    folder = tmp_path / "run"
    words = ["--plugin", noting, "--data", cells, "--prompt", "plain", "--run-dir", folder]
    line = on_ray(cluster, *words, "-o", "engine.actors=2")
    process = start(line)
    records = folder / "records.jsonl"
    wait_until(lambda: records.exists() and records.read_bytes().count(b"\n") > 60, process)
    process.kill()
    process.communicate()
    finished = {record["key"] for record in load_run(folder).records()}
    assert 60 < len(finished) < 400
    time.sleep(3)  # Ray ends the workers of a driver that is gone
    before = len(asked(tmp_path))
    finish(start(line))
    again = {key for _, key in asked(tmp_path)[before:]}
    assert not finished & again, "a finished item was asked again"
    check_counts(tmp_path, folder, cells, in_flight=(3 * 4 + 2) * TASK + 4 * 2 * TASK)


@pytest.mark.exhaustive
@needs_ray
def test_a_model_that_cannot_be_loaded_ends_the_run_with_its_own_words(
    tmp_path: Path, cluster: Nodes, cells: Path
) -> None:
    body = NOTING.replace("super().load()", "raise OSError('no weights')")
    plugin = tmp_path / "broken.py"
    plugin.write_text(body)
    done = run(on_ray(cluster, "--plugin", plugin, "--data", cells, "--run-dir", tmp_path / "run"))
    assert done.returncode == 2
    assert "no weights" in done.stderr
    assert "Worker " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
@needs_ray
def test_a_node_with_another_version_is_named_before_anything_is_asked(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    cluster.add(PYTHONPATH=old_package(tmp_path))
    try:
        words = ["--plugin", noting, "--data", cells, "--run-dir", tmp_path / "run"]
        done = run(on_ray(cluster, *words))
    finally:
        cluster.remove()
    assert done.returncode == 2, done.stderr
    assert f"has mubench-gen 0.0.1, needs {mubench_gen.__version__}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not asked(tmp_path)


@pytest.mark.exhaustive
@needs_ray
def test_a_node_that_joins_later_with_another_version_gets_no_work(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    """Three workers have room on two nodes only with the third."""
    folder, path = tmp_path / "run", old_package(tmp_path)
    words = ["--plugin", noting, "--data", cells, "--prompt", "plain", "--run-dir", folder]
    words += ["--repeats", "40", "--temperature", "0.7"]
    process = start(on_ray(cluster, *words, "-o", "engine.actors=3", "-o", "engine.cpus=2"))
    try:
        wait_until(lambda: len(asked(tmp_path)) > 16, process)
        cluster.add(PYTHONPATH=path)
        try:
            _, told = process.communicate(timeout=400)
        finally:
            cluster.remove()
    finally:
        process.kill()
    assert process.returncode == 2, told
    assert "A node that joined the cluster is not ready" in told
    assert f"has mubench-gen 0.0.1, needs {mubench_gen.__version__}" in told
    assert "the same command continues from here" in told
    assert "Traceback" not in told
    assert len({number for number, _ in asked(tmp_path)}) <= 2
    assert len(list(load_run(folder).records())) >= 16


@pytest.mark.exhaustive
@needs_ray
def test_a_node_that_does_not_see_the_plugin_is_named_before_anything_is_asked(
    tmp_path: Path, cluster: Nodes, cells: Path, noting: Path
) -> None:
    place = tmp_path / "here alone"
    place.mkdir()
    hidden = Path(shutil.copy(noting, place))
    if not cluster.add_without(place):
        pytest.skip("a node with mounts of its own needs CAP_SYS_ADMIN")
    try:
        done = run(
            on_ray(cluster, "--plugin", hidden, "--data", cells, "--run-dir", tmp_path / "r")
        )
    finally:
        cluster.remove()
    assert done.returncode == 2, done.stderr
    assert f"{hidden} is not visible. Put it where all nodes see it" in done.stderr
    assert done.stderr.count("is not visible") == 1, "the other nodes see it"
    assert "Traceback" not in done.stderr
    assert not asked(tmp_path)


@pytest.mark.exhaustive
@needs_ray
def test_a_node_whose_clock_differs_is_named_and_works(
    tmp_path: Path, cluster: Nodes, cells: Path
) -> None:
    ahead = tmp_path / "ahead"
    ahead.mkdir()
    shift = "import time\n_there = time.time\ntime.time = lambda: _there() + 3_600\n"
    (ahead / "sitecustomize.py").write_text(shift)
    cluster.add(PYTHONPATH=os.pathsep.join([str(ahead), os.environ.get("PYTHONPATH", "")]))
    try:
        words = ["--plugin", "echo", "--data", cells, "--run-dir", tmp_path / "run"]
        done = run(on_ray(cluster, *words, "-o", "engine.actors=4"))
    finally:
        cluster.remove()
    assert done.returncode == 0, done.stderr
    assert "its clock is 3,600 s ahead" in done.stderr
    made = load_run(tmp_path / "run")
    assert by_id(made) == by_id(evaluate("echo", tmp_path / "whole", data=cells))
    assert all(0 <= record["seconds"] < 100 for record in made.records())


@needs_ray
def test_more_than_any_node_has_is_refused(tmp_path: Path, cluster: Nodes, cells: Path) -> None:
    words = ["--plugin", "echo", "--data", cells, "--run-dir", tmp_path / "run"]
    done = run(on_ray(cluster, *words, "-o", "engine.gpus=1"))
    assert done.returncode == 2
    assert "No node has room for a worker of 1 CPU and 1 GPU" in done.stderr


@pytest.mark.exhaustive
@needs_ray
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:9", "there is no cluster"),
        ("127.0.0.1", "HOST:PORT"),
        ("ray://127.0.0.1:10001", "Ray Client"),
    ],
)
def test_an_address_without_a_cluster_is_said_at_once(
    tmp_path: Path, cells: Path, address: str, told: str
) -> None:
    words = ["--plugin", "echo", "--data", cells, "--run-dir", tmp_path / "run"]
    done = run(command_line("eval", *words, "--engine", "ray", "--ray-address", address))
    assert done.returncode == 2
    assert told in done.stderr
    assert address in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
@needs_ray
def test_a_cluster_of_another_version_of_ray_is_named_with_both(
    tmp_path: Path, cluster: Nodes, cells: Path
) -> None:
    words = ["eval", "--plugin", "echo", "--data", str(cells), "--engine", "ray"]
    words += ["--ray-address", cluster.address, "--run-dir", str(tmp_path / "run")]
    program = (
        f"import sys, ray; ray.__version__ = '0.1'; sys.argv = {['mubench-gen', *words]!r}; "
        "from mubench_gen.__main__ import main; main()"
    )
    done = run([sys.executable, "-c", program])
    assert done.returncode == 2, done.stderr
    assert "Version mismatch" in done.stderr
    assert "Ray: 0.1" in done.stderr
    assert f"Ray: {importlib.metadata.version('ray')}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
def test_ray_that_is_not_installed_is_named_with_the_line_that_installs_it(
    tmp_path: Path, cells: Path
) -> None:
    words = ["eval", "--plugin", "echo", "--data", str(cells), "--engine", "ray"]
    program = (
        "import sys; sys.modules['ray'] = None; "
        f"sys.argv = {['mubench-gen', *words]!r}; "
        "from mubench_gen.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'mubench-gen[ray]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
@needs_ray
def test_without_an_address_a_cluster_is_started_here_and_ended(
    tmp_path: Path, cells: Path
) -> None:
    words = ["--plugin", "echo", "--data", cells, "--run-dir", tmp_path / "run", "--json"]
    done = run(on_ray(None, *words, "-o", "engine.actors=1"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
