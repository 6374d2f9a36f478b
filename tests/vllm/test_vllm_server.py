"""`--engine vllm-server` with the real vLLM on a CPU: a start, a death, a start that fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.engines.server.own_vllm import VllmServer
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import UsageError
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Image, Message, Reply, Request, Sampling, Text

ARGUMENTS = {"enforce_eager": "true", "max_model_len": "1024", "max_num_seqs": "8"}
LABELS = ("A", "B", "C", "D")
QUESTION = (
    "Answer with a single letter, no extra details.\nQuestion:What is the modality of this image?\n"
    "A) fluorescence microscopy\nB) electron microscopy\nC) light microscopy\nD) none of the above"
)


def llava() -> Checkpoint:
    from mubench_gen_plugins.tiny import WEIGHTS

    return Checkpoint(WEIGHTS / "llava", "generative")


def images(n: int) -> list[Image]:
    """Blobs on a dark or a light ground, each another."""
    import io

    from PIL import Image as Pillow
    from PIL import ImageDraw

    found = []
    for number in range(n):
        ground = (8, 8, 12) if number % 2 else (230, 225, 235)
        picture = Pillow.new("RGB", (64, 64), ground)
        pen = ImageDraw.Draw(picture)
        for i in range(3 + number % 5):
            x, y = (number * 17 + i * 23) % 52, (number * 31 + i * 11) % 52
            pen.ellipse((x, y, x + 9, y + 9), fill=(40 + 30 * i, 200 - 20 * i, 30 * number % 255))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        content = stream.getvalue()
        found.append(open_image(f"{number}.png", lambda content=content: content, StandardPolicy()))
    return found


def request(image: Image, readout: Any, key: str = "", *, text: str = QUESTION) -> Request:
    return Request(
        key=f"{image.name} {readout} {key}",
        messages=(Message("user", (image, Text(text))),),
        labels=LABELS,
        readout=readout,
        sampling=Sampling(0.0, 8),
        image=image,
    )


def ask(server: VllmServer, requests: Sequence[Request]) -> list[Any]:
    futures = [server.submit(one) for one in requests]
    return [future.result(timeout=300) for future in futures]


@pytest.fixture(scope="module", autouse=True)
def _logs_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUBENCH_GEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[VllmServer]:
    runtime = Runtime("llava", engine_options={**ARGUMENTS, "startup": "600"}, timeout=600)
    model = VllmServer(llava(), runtime)
    try:
        model.load()
        yield model
    finally:
        model.close()


@pytest.fixture(scope="module")
def reference() -> Iterator[TransformersGenerative]:
    model = TransformersGenerative(llava(), Runtime("llava", dtype="float32"))
    model.load()
    yield model
    model.close()


def test_it_is_known_for_what_it_is(server: VllmServer) -> None:
    facts = server.facts
    assert (facts["kind"], facts["served_model"], facts["max_model_len"]) == ("vllm", "llava", 1024)
    assert facts["dtype"] == "float32"
    assert facts["version"]
    assert list(facts["phases"])[-1] == "serving"


def test_label_logprobs_are_those_of_transformers(
    server: VllmServer, reference: TransformersGenerative
) -> None:
    requests = [request(image, "logprob") for image in images(12)]
    theirs = reference.label_logprobs(requests)
    for ours, expected in zip(ask(server, requests), theirs, strict=True):
        assert ours == pytest.approx(expected, abs=1e-3)


def test_readouts_in_one_batch_do_not_disturb_each_other(server: VllmServer) -> None:
    alone: dict[str, list[Any]] = {
        readout: [ask(server, [request(image, readout, "alone")])[0] for image in images(6)]
        for readout in ("parse", "choice", "logprob")
    }
    mixed = [
        request(image, readout, "mixed")
        for image in images(6)
        for readout in ("logprob", "parse", "choice")
    ]
    together = dict(zip([r.key for r in mixed], ask(server, mixed), strict=True))
    for number, image in enumerate(images(6)):
        scores = together[f"{image.name} logprob mixed"]
        assert scores == pytest.approx(alone["logprob"][number], abs=1e-3)
        for readout in ("parse", "choice"):
            reply = together[f"{image.name} {readout} mixed"]
            assert isinstance(reply, Reply)
            assert reply.text == alone[readout][number].text
        choice = together[f"{image.name} choice mixed"].text
        assert choice == LABELS[scores.index(max(scores))]


def test_questions_about_one_image_hit_the_prefix_cache(server: VllmServer) -> None:
    image = images(14)[-1]
    text = "The image is of a modality. " * 3 + QUESTION
    asked = [request(image, "parse", str(n), text=text) for n in range(3)]
    replies = [ask(server, [one])[0] for one in asked]
    assert replies[0].usage["prompt_tokens"] > 128  # a block on a CPU
    assert [reply.usage["cached_tokens"] >= 128 for reply in replies] == [False, True, True]


def test_a_prompt_longer_than_the_context_names_both_lengths(server: VllmServer) -> None:
    text = QUESTION + " microscopy" * 1500
    future = server.submit(request(images(1)[0], "parse", "long", text=text))
    error = future.exception(timeout=300)
    assert type(error).__name__ == "ItemError"
    assert "the model's context 1024" in str(error)
    assert "The request has" in str(error)


def test_it_is_started_again_when_it_is_killed(server: VllmServer) -> None:
    group = server.process_id
    assert group is not None
    before = ask(server, [request(images(1)[0], "logprob", "before")])[0]
    for child in _children_of(group):
        os.kill(child, signal.SIGKILL)
    after = ask(server, [request(images(1)[0], "logprob", "after")])[0]
    assert after == pytest.approx(before, abs=1e-3)
    assert server.counts["deaths"] == 1


def test_nothing_is_left_when_it_is_closed(server: VllmServer) -> None:
    group = server.process_id
    assert group is not None
    assert _group(group)
    server.close()
    assert not _group(group)


def test_a_command_whose_engine_is_killed_is_gone_on_with_by_the_same_command(
    tmp_path: Path,
) -> None:
    """kill -9 of the engine core, and no restarts: exit 3, then all the rest and no item twice."""
    command = [
        sys.executable, "-m", "mubench_gen", "eval", "--plugin", "tiny", "--engine", "vllm-server",
        "--run-dir", "run", "--dtype", "float32", "--limit", "30", "--json",
        "-o", "engine.restarts=0", "-o", "engine.enforce_eager=true", "-o", "engine.window=2",
    ]  # fmt: skip
    lines = tmp_path / "run/records.jsonl"
    with (tmp_path / "told").open("w+") as told:
        running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=told)
        until = time.monotonic() + 2400
        while not lines.is_file() or lines.stat().st_size == 0:
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        os.kill(_engine_core(running.pid), signal.SIGKILL)
        running.communicate(timeout=120)
        told.seek(0)
        said = told.read()
    assert running.returncode == 3, said
    assert "vLLM died 1 times" in said
    assert "The same command goes on from here." in said
    assert "Traceback" not in said
    first = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {record["status"] for record in first}.isdisjoint({"error"})
    assert 0 < len(first) < 30 * 14

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    pooled = json.loads(done.stdout)["scores"]["pooled"]
    assert (pooled["n"], pooled["n_errors"]) == (30 * 14, 0)
    every = [json.loads(line) for line in lines.read_text().splitlines()]
    assert every[: len(first)] == first
    assert len({record["id"] for record in every}) == len(every) == 30 * 14
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    counts = [session["counts"] for session in manifest["sessions"]]
    keys = {record["key"] for record in every[len(first) :]}
    assert counts[1]["requests"] == len(keys - {record["key"] for record in first})
    assert [count["deaths"] for count in counts] == [1, 0]


def test_a_start_that_fails_says_why() -> None:
    runtime = Runtime("llava", engine_options={**ARGUMENTS, "max_model_len": "1000000"})
    model = VllmServer(llava(), runtime)
    with pytest.raises(UsageError, match=r"vLLM did not start \(exit code \d+\)\..*max_model_len"):
        model.load()
    assert model.process_id is None


STARTER = """
import sys
from pathlib import Path
from mubench_gen.engines.server.own_vllm import VllmServer
from mubench_gen.model import Checkpoint, Runtime
VllmServer(Checkpoint(Path(sys.argv[1]), "generative"), Runtime("llava")).load()
"""


def test_the_server_does_not_outlive_a_killed_process() -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(llava().path)], stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    while "vLLM: starting" not in running.stderr.readline():
        assert running.poll() is None
    until = time.monotonic() + 240
    while not (found := _children_of(running.pid)) or not _children_of(found[0]):
        assert time.monotonic() < until
        time.sleep(0.1)
    group = found[0]
    running.kill()
    running.wait()
    running.stderr.close()
    until = time.monotonic() + 240
    while _group(group):
        assert time.monotonic() < until
        time.sleep(0.1)


def _stat(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["Z", "0", "0"]


def _children_of(pid: int) -> list[int]:
    return [int(p.name) for p in Path("/proc").glob("[0-9]*") if _stat(p.name)[1] == str(pid)]


def _engine_core(pid: int) -> int:
    """The process of vLLM's engine core among the descendants."""
    found = [pid]
    for one in found:
        found += _children_of(one)
    names = {one: Path(f"/proc/{one}/cmdline").read_text() for one in found}
    return next(one for one, name in names.items() if "EngineCore" in name)


def _group(pid: int) -> list[int]:
    """The processes of a group that still run."""
    stats = {p.name: _stat(p.name) for p in Path("/proc").glob("[0-9]*")}
    return [int(name) for name, s in stats.items() if s[2] == str(pid) and s[0] != "Z"]


def test_the_beginning_that_a_template_leaves_to_the_tokenizer_is_written(tmp_path: Path) -> None:
    """As in process: LLaVA-NeXT's template begins without the beginning of a sequence."""
    from tests.helpers.checkpoints import make_checkpoint

    checkpoint = Checkpoint(make_checkpoint("llava-next", tmp_path / "next"), "generative")
    requests = [request(image, "logprob") for image in images(2)]
    reference = TransformersGenerative(checkpoint, Runtime("next", dtype="float32"))
    reference.load()
    expected = reference.label_logprobs(requests)
    reference.close()
    options = {**ARGUMENTS, "max_model_len": "2048", "startup": "600"}
    model = VllmServer(checkpoint, Runtime("next", engine_options=options, timeout=600))
    try:
        model.load()
        for ours, theirs in zip(ask(model, requests), expected, strict=True):
            assert ours == pytest.approx(theirs, abs=1e-3)
    finally:
        model.close()
