"""Does a run's memory grow with its items? The driver's own, at several sizes of one study.

    python benchmarks/memory.py [--items 100000 1000000] [--images 1700] [--parts 4]
        [--steps run resume orders join]

For each number of items (images × 6 questions × repeats, of a model that answers at once), each
step in a process of its own: `run` asks them all and scores, `resume` finds them all finished and
scores, `orders` does what `run` does with 6 orders and 2 read-outs an item, `shards` makes each of
--parts shards, and `join` puts them together. Printed is the most memory above what the process
had when a run of a few items and the plan were made, and at the end how it grew from the first
size to the last: the bar is 1.5 for ten times the items.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

QUESTIONS = 6  # an image of the demo data
STEPS = ("run", "resume", "orders", "join")
_LOOK_EVERY = 0.02  # seconds


def anonymous_mb() -> float:
    """Memory of this process in MB that is no file's: what the system cannot take back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class _Watch(threading.Thread):
    """Looks how much memory there is, and keeps the most."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0

    def run(self) -> None:
        while True:
            self.most = max(self.most, anonymous_mb())
            time.sleep(_LOOK_EVERY)


def step(name: str, settings: dict[str, Any], folder: Path, parts: Sequence[Path]) -> None:
    """Do it in this process, and print what it took."""
    from mubench_gen import run
    from mubench_gen.plan import plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.runs import merge_shards as joining

    few = {"plugin": "echo", "data": settings["data"], "limit": 1}
    run.evaluate(**few, run_dir=folder.with_name(f"few-{folder.name}"), fresh=True)  # all imports
    made = None
    if name != "join":
        chosen = make_settings({**settings, "run_dir": folder})
        made = plan.make_plan(chosen, Plugins())
    before, cpu = anonymous_mb(), time.process_time()
    watch = _Watch()
    watch.start()
    if made is None:
        done = joining.join(parts, folder)
    else:
        done = run.run_plan(made, ["memory.py"], progress=False)
    most = max(watch.most, anonymous_mb())
    print(json.dumps({
        "items": int(done.manifest["planned"]),
        "mb": most - before,
        "before_mb": before,
        "cpu_ms": 1000 * (time.process_time() - cpu) / int(done.manifest["planned"]),
    }))  # fmt: skip


def _apart(
    name: str, settings: dict[str, Any], folder: Path, parts: Sequence[Path] = ()
) -> dict[str, float]:
    words = [sys.executable, __file__, "--child", name, json.dumps(settings), str(folder)]
    done = subprocess.run(
        [*words, *map(str, parts)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(
    data: Path, images: int, items: int, parts: int, folder: Path, steps: Sequence[str]
) -> dict[str, float]:
    """The memory of each step, in MB."""
    repeats = max(1, round(items / (images * QUESTIONS)))
    given: dict[str, Any] = {"plugin": "echo", "data": str(data), "repeats": repeats}
    shards = [folder / f"part-{i}" for i in range(1, parts + 1)]
    most: dict[str, float] = {}
    for name in steps:
        if name == "orders":
            several = {"orders": "random:6", "readout": "parse,logprob"}
            settings = {**given, **several, "repeats": max(1, repeats // 12)}
            found = _apart("run", settings, folder / "orders")
        elif name == "join":
            for i, part in enumerate(shards, 1):
                _apart("run", {**given, "shard": f"{i}/{parts}"}, part)
            found = _apart("join", given, folder / "joined", shards)
        else:
            found = _apart("run", given, folder / "run")
        most[name] = found["mb"]
        print(
            f"{name:<7} {found['items']:>11,.0f} items  {found['mb']:6.1f} MB above "
            f"{found['before_mb']:.0f} MB, {1e6 * found['mb'] / found['items']:6.1f} bytes a "
            f"record  {found['cpu_ms']:.3f} ms CPU a record",
            flush=True,
        )
    return most


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--images", type=int, default=1_700)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        name, settings, folder, *parts = arguments.child
        step(name, json.loads(settings), Path(folder), [Path(part) for part in parts])
        return
    found = []
    for items in arguments.items:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
            data = Path(scratch) / "data"
            made = ["data", "prepare", "demo", "--images", str(arguments.images)]
            command = [sys.executable, "-m", "mubench_gen", *made, "--out", str(data)]
            subprocess.run(command, check=True, capture_output=True)
            sizes = (data, arguments.images, items, arguments.parts)
            found.append(measure(*sizes, Path(scratch), arguments.steps))
    for name in arguments.steps:
        print(f"{name:<7} memory × {found[-1][name] / found[0][name]:.2f}")


if __name__ == "__main__":
    main()
