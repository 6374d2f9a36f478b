"""How long the HTML report takes, and how large it gets.

    python benchmarks/report.py [--noise]

Five runs of the plugin `echo` (labels, sentences, the whole prompt as its reply, label
probabilities, and another seed of the orders) on generated micrographs: 5,000 items on 1,000
images, and 5,000 items on 5,000 images. The page is written by a process of its own, imports
included; the bars: 15 seconds, and 5 MB and 20 MB. `--noise`: images of noise, which compress
worst. What one run alone takes is shown too.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import mubench_gen
from mubench_gen.data.demo import write_demo

COARSE = ("domain", "modality", "stain", "subdomain", "submodality")
RUNS: Sequence[dict[str, Any]] = (
    {},
    {"options": {"style": "sentence"}},
    {"options": {"style": "option"}},
    {"prompt": "letter", "readout": "logprob"},
    {"orders": "shuffled", "seed": 7},
)
BARS = {1_000: 5.0, 5_000: 20.0}  # MB by images
SECONDS = 15.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--noise", action="store_true", help="images of noise")
    noise = parser.parse_args().noise
    print(f"{'items':>6} {'images':>7} {'runs':>5} {'wall s':>7} {'CPU s':>6} {'MB':>6}   bars")
    with tempfile.TemporaryDirectory() as scratch:
        for images, tasks in ((1_000, COARSE), (5_000, ("modality",))):
            folder = Path(scratch, str(images))
            data = _data(folder, images, noise=noise)
            runs = list(_runs(folder, data, tasks))
            for chosen in (runs, runs[:1]):
                _measure(chosen, folder / "report.html", images)


def _measure(runs: Sequence[Path], page: Path, images: int) -> None:
    command = [sys.executable, "-m", "mubench_gen", "report", *map(str, runs), "--html", str(page)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size, bar = page.stat().st_size / 1e6, BARS[images]
    held = "met" if wall <= SECONDS and size <= bar else "NOT MET"
    print(
        f"{5_000:>6,} {images:>7,} {len(runs):>5} {wall:>7.1f} {cpu:>6.1f} {size:>6.2f}   "
        f"{SECONDS:.0f} s, {bar:.0f} MB: {held}"
    )


def _data(folder: Path, images: int, *, noise: bool) -> Path:
    write_demo(folder, images=images)
    if noise:
        for number, path in enumerate(sorted((folder / "images").iterdir())):
            path.write_bytes(_noise(number))
    return folder


def _noise(seed: int, side: int = 256) -> bytes:
    content = io.BytesIO()
    pixels = random.Random(seed).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(content, "PNG", compress_level=1)
    return content.getvalue()


def _runs(folder: Path, data: Path, tasks: Sequence[str]) -> Iterator[Path]:
    for number, settings in enumerate(RUNS):
        run = mubench_gen.evaluate(
            plugin="echo",
            data=str(data),
            tasks=list(tasks),
            run_dir=folder / f"run-{number}",
            **settings,
        )
        assert run.scores.n == 5_000, run.scores.n
        yield run.dir


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
