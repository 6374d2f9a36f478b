"""What the harness costs beside the model: CPU an item, memory, replies read again a second.

    python benchmarks/overhead.py [--items 10000 100000] [--images 1700] [--served]

With --served (alone: `python benchmarks/served.py`) also over HTTP, beside a raw client.

Runs `echo` (no weights) over generated data in processes of their own: render, key, parse,
record, score, durable. The data is made first and imports are done before the clock starts.
The bars: 0.15 ms CPU an item at 10,000 items; at 100,000 items at most 60 MB of memory above
that at 1,000; 25,000 stored replies read again a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

QUESTIONS = 6  # an image of the demo data


def measure(data: Path, images: int, items: int, folder: Path) -> dict[str, float]:
    """One run in this process. Items are images × questions × repeats, the last part cut."""
    import orjson  # noqa: F401  imported before the clock starts, as all of the below
    import pandas  # noqa: F401
    from PIL import Image  # noqa: F401

    import mubench_gen.parser
    import mubench_gen.runs.rescore
    from mubench_gen import run
    from mubench_gen.plan import plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins

    repeats = max(1, round(items / (images * QUESTIONS)))
    given: dict[str, Any] = {"plugin": "echo", "data": str(data), "repeats": repeats}
    settings = make_settings({**given, "run_dir": folder})
    Plugins().load("echo")
    began, wall = time.process_time(), time.perf_counter()
    done = run.run_plan(plan.make_plan(settings, Plugins()), ["overhead.py"], progress=False)
    n = done.scores.pooled.n
    cpu = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    again = time.perf_counter()
    changed = len(mubench_gen.runs.rescore.rescore(done).changes)
    assert changed == 0
    return {
        "items": n,
        "cpu_ms_an_item": 1000 * cpu / n,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": peak,
        "read_again_a_second": n / (time.perf_counter() - again),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--images", type=int, default=1_700)
    parser.add_argument("--served", action="store_true", help="also over HTTP: served.py")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        data, images, items, folder = arguments.child
        print(json.dumps(measure(Path(data), int(images), int(items), Path(folder))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for items in arguments.items:
            images = min(arguments.images, max(1, items // QUESTIONS))
            data = Path(scratch) / f"data-{images}"
            if not data.exists():
                _generate(data, images)
            child = [str(data), str(images), str(items), f"{scratch}/run-{items}"]
            finished = subprocess.run(
                [sys.executable, __file__, "--child", *child], check=True, capture_output=True
            )
            found = json.loads(finished.stdout)
            print(
                f"{found['items']:>9,.0f} items  {found['cpu_ms_an_item']:.3f} ms CPU an item  "
                f"{found['peak_mb']:.0f} MB peak  "
                f"{found['read_again_a_second']:,.0f} replies read again a second",
                flush=True,
            )
    if arguments.served:
        served = Path(__file__).with_name("served.py")
        subprocess.run([sys.executable, str(served)], check=True)


def _generate(folder: Path, images: int) -> None:
    command = str(Path(sys.executable).with_name("mubench-gen"))
    arguments = ["data", "prepare", "demo", "--images", str(images), "--out", str(folder)]
    subprocess.run([command, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main()
