"""The statistics of several large runs: time on the wall and of the CPU, and memory at most.

    python benchmarks/large_runs.py [RUNS] [RECORDS] [FOLDER]

Writes RUNS run folders (5) of RECORDS records each (100,000: items of 20,000 images under four
prompts, as long as real ones) into FOLDER (a temporary one), then does each of these in a
process of its own: the scores of all runs, as `report` prints them, twice: the second time, as
everything after it, from the columns that the first left; `compare --all-pairs`, by
task, data set and stain; and what `ablate` finds: spread, best-on-half, the effects with 2,000
bootstrap samples of images for each run and for all together, and the order of the models.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mubench_gen.storage.records import to_line

PROMPTS = ("paper", "letter", "plain", "cot")
TASKS = ("modality", "stain", "domain", "subdomain", "submodality")
DATASETS = tuple(f"dataset_{n}" for n in range(17))

_STEP = """
import resource, sys, time
from pathlib import Path
from mubench_gen.runs.results import load_run
began = time.perf_counter()
runs = [load_run(path) for path in sorted(Path(sys.argv[2]).iterdir())]
if sys.argv[1] == "scores":
    told = [run.scores.pooled.ci95 for run in runs]
elif sys.argv[1] == "compare":
    from mubench_gen.compare.comparison import compare
    found = compare(runs, pairs="all", by=("stain",))
    told = len(found.differences)
else:
    from mubench_gen.ablation.statistics.answers import read_answers
    from mubench_gen.ablation.statistics.findings import find
    from mubench_gen.ablation.grid import Cell, Factor, Grid
    prompts = runs[0].manifest["settings"]["prompt"]
    grid = Grid(
        (Factor("prompt", ("first", "second")), Factor("labels", ("A)", "1."))),
        tuple(
            Cell(prompt, "parse", (("first", "second")[n // 2], ("A)", "1.")[n % 2]))
            for n, prompt in enumerate(prompts)
        ),
    )
    places = {(cell.prompt, "parse"): place for place, cell in enumerate(grid.cells)}
    answers = [read_answers((run.outcomes(), places)) for run in runs]
    names = [run.dir.name for run in runs]
    told = find(grid, answers, names, names, seed=0).ranks.tau
wall = time.perf_counter() - began
usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(one.ru_utime + one.ru_stime for one in usage)
memory = sum(one.ru_maxrss for one in usage) / 2**20
print(f"{sys.argv[1]:10} {wall:6.1f} s  {cpu:6.1f} s of CPU  {memory:5.2f} GB at most  ({told})")
"""


def write_runs(folder: Path, runs: int, records: int) -> None:
    """Folders that hold what `eval` would have left."""
    for number in range(runs):
        run = folder / f"model-{number}"
        run.mkdir(parents=True)
        manifest = {
            "format": 1,
            "planned": records,
            "settings": {
                "prompt": PROMPTS, "readout": ["parse"], "control": "none", "orders": None,
                "repeats": 1, "seed": 0, "temperature": 0.0, "max_tokens": None, "judge": None,
            },
            "content": {"data": "d", "tasks": {t: t for t in TASKS},
                        "prompts": {p: p for p in PROMPTS}},
            "plugin": {"name": "made"},
            "model": {"id": f"model-{number}"},
            "data": {"name": "made", "digest": "d"},
            "sessions": [],
        }  # fmt: skip
        (run / "manifest.json").write_text(json.dumps(manifest))
        _write_records(run / "records.jsonl", number, records)


def _write_records(path: Path, model: int, records: int) -> None:
    drawn = random.Random(model)
    ease = random.Random("ease")
    options = [f"a micrograph of the option number {n}" for n in range(6)]
    order = list(range(6))
    with path.open("wb") as file:
        for item in range(records // len(PROMPTS)):
            image, task = item // 5 * 4 // 5, TASKS[item % len(TASKS)]
            hard, gold = ease.random(), item % 6
            name = f"{DATASETS[image % 17]}/image-{image:06d}/{task}-{item}"
            for prompt in PROMPTS:
                right = drawn.random() < 0.2 + 0.6 * hard + 0.03 * model
                choice = gold if right else (gold + 1) % 6
                text = " ".join([prompt, *options]) * 2
                record = {
                    "id": f"{name}/{prompt}/parse/0.1.2.3.4.5/0",
                    "key": f"{drawn.getrandbits(128):032x}", "item": name,
                    "image_id": f"image-{image:06d}", "image_sha256": f"{image:064x}",
                    "dataset": DATASETS[image % 17], "task": task,
                    "meta": {"stain": f"stain {image % 9}", "organism": "human",
                             "license": "CC-BY-4.0", "institution": f"institute {image % 30}"},
                    "plugin": "made", "model": f"model-{model}", "prompt": prompt,
                    "prompt_sha256": "0" * 64, "readout": "parse", "options": options,
                    "labels": list("ABCDEF"), "order": order, "gold": gold,
                    "messages": [{"role": "user", "content": [
                        {"type": "image", "sha256": f"{image:064x}"},
                        {"type": "text", "text": text}]}],
                    "reply": "ABCDEF"[choice], "scores": None, "tied": False,
                    "finish_reason": "stop", "status": "answered", "choice": choice,
                    "rule": "sole_label", "span": [0, 1], "correct": right, "error": None,
                    "usage": {"prompt_tokens": 200, "completion_tokens": 2}, "seconds": 0.01,
                }  # fmt: skip
                file.write(to_line(record))


def main() -> None:
    runs, records = (int(n) for n in (*sys.argv[1:3], "5", "100000")[:2])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(scratch)
        if not any(folder.iterdir()):
            write_runs(folder, runs, records)
        size = sum(path.stat().st_size for path in folder.rglob("*.jsonl"))
        print(f"{runs} runs of {records:,} records, {size / 1e6:,.0f} MB")
        for step in ("scores", "scores", "compare", "ablation"):
            time.sleep(0.1)
            subprocess.run([sys.executable, "-c", _STEP, step, str(folder)], check=True)


if __name__ == "__main__":
    main()
