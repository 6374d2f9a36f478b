"""Wall time of the commands that only list, as a multiple of an empty Python's.

    python benchmarks/startup.py [RUNS]

Interleaved runs, medians. The bar: 20 times.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("mubench-gen"))
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "mubench-gen --help": [COMMAND, "--help"],
    "mubench-gen plugins": [COMMAND, "plugins"],
    "mubench-gen prompts": [COMMAND, "prompts"],
    "mubench-gen tasks": [COMMAND, "tasks"],
}


def main(runs: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(runs):
        for name, command in CASES.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    floor = statistics.median(seconds["python -c pass"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:22} {1000 * median:7.1f} ms  {median / floor:5.1f} ×")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
