"""What the harness costs beside the model: CPU an item, memory, replies read again a second.

    python benchmarks/overhead.py [--items 10000 100000] [--images 1700] [--plugin tiny=clip]
        [--served]

With --served (alone: `python benchmarks/served.py`) also over HTTP, beside a raw client.

Runs `echo` (no weights) over generated data in processes of their own: render, key, parse,
record, score, durable. The model runs in this process, and in a host: there the CPU of both counts
from the moment when the model is loaded. The data is made first and imports are done before the
clock starts. The bars: 0.15 ms CPU an item at 10,000 items in this process, 0.30 ms with a host;
at 100,000 items at most 60 MB of memory above that at 1,000; 25,000 stored replies read again a
second.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

QUESTIONS = 6  # an image of the demo data


def measure(
    data: Path, images: int, items: int, folder: Path, plugin: str, hosted: bool
) -> dict[str, float]:
    """One run. Items are images × questions × repeats, the last part cut."""
    import orjson  # noqa: F401  imported before the clock starts, as all of the below
    import pandas  # noqa: F401
    import scipy.special  # noqa: F401
    from PIL import Image

    import mubench_gen.data.jsonl
    import mubench_gen.parser
    import mubench_gen.runs.rescore
    from mubench_gen import run
    from mubench_gen.plan import plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins

    repeats = max(1, round(items / (images * QUESTIONS)))
    name, _, model = plugin.partition("=")
    given: dict[str, Any] = {"plugin": name, "data": str(data), "repeats": repeats}
    given |= {"model": model} if model else {}
    settings = make_settings({**given, "run_dir": folder, "in_process": not hosted})
    Plugins().load(name)
    Image.preinit()
    began, wall = time.process_time(), time.perf_counter()
    planned = plan.make_plan(settings, Plugins())
    host = _Host(planned.model)
    done = run.run_plan(planned, ["overhead.py"], progress=False)
    n = done.scores.pooled.n
    cpu = time.process_time() - began
    in_host = host.cpu()
    planned.model.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    again = time.perf_counter()
    changed = len(mubench_gen.runs.rescore.rescore(done).changes)
    assert changed == 0
    return {
        "items": n,
        "cpu_ms_an_item": 1000 * (cpu + in_host) / n,
        "host_ms_an_item": 1000 * in_host / n,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": peak,
        "read_again_a_second": n / (time.perf_counter() - again),
    }


class _Host:
    """The processor time of a model's host since the model was loaded; 0 without a host."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._before = 0.0
        load = model.load

        def timed(run: Any) -> Any:
            facts = load(run)
            self._before = self._now()
            return facts

        model.load = timed

    def cpu(self) -> float:
        return self._now() - self._before

    def _now(self) -> float:
        ticks = 0
        for host in self._model.hosts:
            with suppress(OSError, AttributeError):
                stat = Path(f"/proc/{host.pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(stat[11]) + int(stat[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--images", type=int, default=1_700)
    parser.add_argument("--served", action="store_true", help="also over HTTP: served.py")
    parser.add_argument("--plugin", default="echo", help="PLUGIN or PLUGIN=MODEL [echo]")
    parser.add_argument("--child", nargs=6, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        data, images, items, folder, plugin, hosted = arguments.child
        found = measure(Path(data), int(images), int(items), Path(folder), plugin, hosted == "host")
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for items in arguments.items:
            images = min(arguments.images, max(1, items // QUESTIONS))
            data = Path(scratch) / f"data-{images}"
            if not data.exists():
                _generate(data, images)
            for way in ("here", "host"):
                child = [str(data), str(images), str(items), f"{scratch}/{way}-{items}"]
                finished = subprocess.run(
                    [sys.executable, __file__, "--child", *child, arguments.plugin, way],
                    check=True,
                    stdout=subprocess.PIPE,
                )
                found = json.loads(finished.stdout)
                print(
                    f"{found['items']:>9,.0f} items  {way}  "
                    f"{found['cpu_ms_an_item']:.3f} ms CPU an item "
                    f"({found['host_ms_an_item']:.3f} in the host)  "
                    f"{found['peak_mb']:.0f} MB peak  "
                    f"{found['read_again_a_second']:,.0f} replies read again a second",
                    flush=True,
                )
    if arguments.served:
        served = Path(__file__).with_name("served.py")
        subprocess.run([sys.executable, str(served)], check=True)


def _generate(folder: Path, images: int) -> None:
    command = [sys.executable, "-m", "mubench_gen", "data", "prepare", "demo"]
    arguments = ["--images", str(images), "--out", str(folder)]
    subprocess.run([*command, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main()
