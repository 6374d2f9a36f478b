"""Checks of a model in runs, as users make them."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

from mubench_gen.model import Model
from mubench_gen.runs.results import Run, load_run
from mubench_gen.testing.check import alike, check, want
from mubench_gen.testing.questions import ROWS, write_data
from mubench_gen.testing.subject import Subject

BOTH = ("generative", "contrastive")
_PATIENCE = 300.0  # seconds that a whole small run may take
_SPARE = 2**20  # bytes that a closed model may keep
_MAY_DIFFER = ("seconds", "usage")


@check(
    *BOTH,
    reason="one damaged file in 17,000 must not cost its neighbours",
    remedy="let ImageError of image.pixels() pass; answer the other requests",
)
def one_bad_image_is_one_error(subject: Subject) -> None:
    data = write_data(subject.folder / "bad-image", broken=2)
    run = _evaluate(subject, data, subject.folder / "bad-image-run")
    failed = [record["item"] for record in run.records() if record["status"] == "error"]
    want(len(failed) == 1, f"{len(failed)} items of {ROWS} failed where one image is damaged")


@check(
    *BOTH,
    reason="runs are killed; what they then go on to say must be what they would have said",
    remedy="no state between requests, no draw without the request's seed",
)
def resumed_equals_undisturbed(subject: Subject) -> None:
    data = write_data(subject.folder / "resumed")
    whole = _evaluate(subject, data, subject.folder / "whole-run")
    cut = subject.folder / "killed-run"
    _kill_after_the_first_record(subject, data, cut)
    resumed = _evaluate(subject, data, cut)
    before, after = _by_id(whole), _by_id(resumed)
    want(before.keys() == after.keys(), f"{len(after)} records after it, {len(before)} without")
    for record_id, record in before.items():
        other = after[record_id]
        odd = [k for k in record if k not in _MAY_DIFFER and not alike(record[k], other[k])]
        want(not odd, f"{record_id}: {', '.join(odd)} differ")


@check(
    *BOTH,
    reason="several models are evaluated in one process, one after the other",
    remedy="drop the model in close(), and let close() be called twice and load() after it",
)
def close_frees(subject: Subject) -> None:
    before = _tensor_bytes()
    model = subject.open()
    model.load()
    model.close()
    model.close()
    left = _tensor_bytes() - before
    want(left < _SPARE, f"{left / 2**20:.1f} MiB of tensors are left after close()")
    # The second time imports and caches are there already: what grows is the model's own.
    again = subject.open()
    left = _left_after(again)
    want(left < _SPARE, f"{left / 2**20:.1f} MiB of memory are left after close()")
    again.load()
    again.close()


def _left_after(model: Model) -> int:
    """Bytes that Python and numpy hold more after the model was loaded and closed."""
    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        model.load()
        model.close()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        if not traced:
            tracemalloc.stop()


def _command(subject: Subject, data: Path, folder: Path) -> list[str]:
    words = ["eval", "--plugin", subject.plugin, "--data", str(data), "--tasks", "modality"]
    words += ["--device", subject.device, "--batch-size", "1", "--run-dir", str(folder)]
    words += ["--model", subject.name] if subject.name else []
    words += ["--engine", subject.engine] if subject.engine else []
    for name, value in subject.options.items():
        words += ["-o", f"{name}={value}"]
    return [sys.executable, "-m", "mubench_gen", *words]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _evaluate(subject: Subject, data: Path, folder: Path) -> Run:
    finished = subprocess.run(
        _command(subject, data, folder),
        capture_output=True,
        text=True,
        env=_environment(),
        timeout=_PATIENCE,
        check=False,
    )
    last = finished.stderr.strip().splitlines()[-1:] or ["no word"]
    want(finished.returncode in (0, 3), f"the run ended with {finished.returncode}: {last[0]}")
    return load_run(folder)


def _kill_after_the_first_record(subject: Subject, data: Path, folder: Path) -> None:
    """Starts the run and kills it, the hard way, as soon as it has written something."""
    process = subprocess.Popen(
        _command(subject, data, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    records, ends = folder / "records.jsonl", time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < ends:
        if records.exists() and records.stat().st_size:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    process.wait(timeout=_PATIENCE)
    _unfinish(records)


def _unfinish(records: Path) -> None:
    """If a fast model finished before it could be killed: keep the records of half a run."""
    lines = records.read_bytes().splitlines(keepends=True) if records.exists() else []
    if len(lines) >= ROWS:
        records.write_bytes(b"".join(lines[: ROWS // 2]))


def _by_id(run: Run) -> dict[str, dict[str, Any]]:
    return {record["id"]: record for record in run.records()}


def _tensor_bytes() -> int:
    """Bytes of all live torch tensors, or of allocated GPU memory if more; 0 without torch."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return 0
    # By `type`: asking some objects of torch for their class warns.
    alive = (thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor))
    held = sum(tensor.numel() * tensor.element_size() for tensor in alive)
    on_gpu = torch.cuda.memory_allocated() if torch.cuda.is_initialized() else 0
    return max(int(held), int(on_gpu))
