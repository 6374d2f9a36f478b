"""Ray with two workers against two independent processes, on the same work.

    python benchmarks/on_ray.py [--items 20000] [--rounds 3] [--window 16] [--data FOLDER]

The work is a model that answers each request after 20 ms, `--window` of them at a time in each
worker, on generated images. Independent: two shards side by side. Ray: a cluster of this machine's
cores, two workers, one driver. Measured from the first record to the last, in turn, so that other
work on the machine meets both; the driver's CPU (its process alone) and memory likewise. The bars:
Ray's rate at least 0.75 of the processes', at most 0.3 ms CPU an item, memory that does not grow.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

QUESTIONS = 6  # an image
WORKERS = 2
PLUGIN = """
import asyncio, threading
from concurrent.futures import Future
import mubench_gen
from mubench_gen import ModelSpec


class Slow(mubench_gen.StreamingModel):
    window = {window}
    reads_pixels = False

    def load(self):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def submit(self, request):
        future = Future()
        answer = request.labels[int(request.key[:4], 16) % len(request.labels)]
        self._loop.call_soon_threadsafe(self._loop.call_later, 0.02, self._settle, future, answer)
        return future

    def _settle(self, future, answer):
        if future.set_running_or_notify_cancel():
            future.set_result(answer)


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("slow", Slow)]
"""


@dataclass(slots=True)
class Measured:
    """One run: records a second from the first to the last, CPU and memory of its processes."""

    rate: float
    cpu_ms: float
    memory_mb: Sequence[float]


def measure(commands: Sequence[Sequence[str]], folders: Sequence[Path], items: int) -> Measured:
    """Run the commands side by side, and look at their records and processes meanwhile."""
    with tempfile.TemporaryFile() as told:
        processes = [
            subprocess.Popen(list(command), stdout=subprocess.DEVNULL, stderr=told)
            for command in commands
        ]
        first: tuple[float, float, int] | None = None
        last = cpu = 0.0
        size, memory = 0, []
        while any(process.poll() is None for process in processes):
            time.sleep(0.02)
            now = sum(_size(folder / "records.jsonl") for folder in folders)
            spent = sum(_cpu(process.pid) for process in processes)
            if now > size:
                size, last, cpu = now, time.monotonic(), spent or cpu
                memory.append(sum(_memory(process.pid) for process in processes))
                if first is None:
                    first = (last, cpu, _lines(folders))
        if any(process.returncode for process in processes) or first is None:
            told.seek(0)
            raise SystemExit(told.read().decode())
    began, before, there = first
    done = items - there
    quarter = max(1, len(memory) // 4)
    return Measured(
        done / (last - began),
        1000 * (cpu - before) / done,
        [sum(part) / len(part) for part in (memory[:quarter], memory[-quarter:])],
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lines(folders: Sequence[Path]) -> int:
    paths = [folder / "records.jsonl" for folder in folders]
    return sum(path.read_bytes().count(b"\n") for path in paths if path.exists())


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken, without its children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """Memory of a process in MB that it shares with none: without Ray's store of objects."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = arguments.data or folder / "data"
        if not data.exists():
            images = str(max(1, arguments.items // QUESTIONS))
            made = ["data", "prepare", "demo", "--images", images, "--out", str(data)]
            subprocess.run([sys.executable, "-m", "mubench_gen", *made], check=True)
        rows = len((data / "rows.jsonl").read_text().splitlines())
        repeats = max(1, round(arguments.items / (rows * QUESTIONS)))
        items = rows * QUESTIONS * repeats
        (folder / "slow.py").write_text(PLUGIN.format(window=arguments.window))
        words = [sys.executable, "-m", "mubench_gen", "eval", "--plugin", str(folder / "slow.py")]
        words += ["--data", str(data), "--repeats", str(repeats), "--prompt", "letter"]
        ratios = []
        for number in range(arguments.rounds):
            parts = [folder / f"part-{number}-{i}" for i in range(1, WORKERS + 1)]
            shards = [
                [*words, "--shard", f"{i}/{WORKERS}", "--run-dir", str(part)]
                for i, part in enumerate(parts, 1)
            ]
            apart = measure(shards, parts, items)
            whole = folder / f"ray-{number}"
            ray = [*words, "--engine", "ray", "-o", f"engine.actors={WORKERS}"]
            ray += ["-o", "engine.cpus=0.5", "-o", f"engine.batch={arguments.batch}"]
            ours = measure([[*ray, "--run-dir", str(whole)]], [whole], items)
            ratios.append(ours.rate / apart.rate)
            print(
                f"{items:,} items  two processes {apart.rate:,.0f}/s  Ray {ours.rate:,.0f}/s  "
                f"ratio {ratios[-1]:.2f}  driver {ours.cpu_ms:.3f} ms CPU an item  memory "
                f"{ours.memory_mb[0]:.0f} MB in the first quarter, "
                f"{ours.memory_mb[1]:.0f} MB in the last",
                flush=True,
            )
        print(f"median ratio {sorted(ratios)[len(ratios) // 2]:.2f}")


if __name__ == "__main__":
    main()
