"""How far the estimate of `ablate --budget` is off, on a grid that was asked in full.

    python benchmarks/budget.py STUDY [SEEDS]

STUDY is the folder of a finished study without a budget. For several budgets and SEEDS seeds
(20) each, a part of its answers is drawn as `--budget` draws it, the whole is estimated, and
held against what the whole grid really showed. Beside it, what the answers drawn show as they
are. Nothing is asked of a model.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from mubench_gen.ablation.budget import draw
from mubench_gen.ablation.statistics.answers import Answers, Codes, read_answers
from mubench_gen.runs.results import load_run
from mubench_gen.scores.posterior import estimate
from mubench_gen.scores.rasch import responses_of

BUDGETS = (0.1, 0.2, 0.33, 0.5)


def measure(answers: Answers, levels: Codes, share: float, seeds: int) -> None:
    items, cells = answers.right.shape
    truth = answers.right.mean(axis=0)
    off, naive, held, told, ends, cpu = [], [], [], [], [], 0.0
    for seed in range(seeds):
        seen = np.full_like(answers.right, np.nan)
        for item, chosen in enumerate(draw(items, cells, round(share * items * cells), seed=seed)):
            seen[item, chosen] = answers.right[item, chosen]
        began = time.process_time()
        found = estimate(responses_of(seen, levels, answers.task), seed=seed)
        cpu += time.process_time() - began
        low, high = found.interval(lambda cells: cells)
        held.append((low <= truth) & (truth <= high))
        off.append(found.means - truth)
        naive.append(np.nanmean(seen, axis=0) - truth)
        told.append(found.errors)
        for end in (np.min, np.median, np.max):
            low, high = found.interval(partial(np.apply_along_axis, end, 1))
            ends.append(low <= end(truth) <= high)
    rms = [100 * float(np.sqrt(np.mean(np.square(values)))) for values in (off, naive, told)]
    print(
        f"{share:6.0%} {round(share * items * cells):8,}   {rms[0]:5.2f}   {rms[2]:5.2f}   "
        f"{rms[1]:5.2f}   {100 * np.mean(held):5.1f}   {100 * np.mean(ends):5.1f}   "
        f"{cpu / seeds:5.2f}"
    )


def main() -> None:
    study = Path(sys.argv[1])
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    stored = json.loads((study / "study.json").read_text())
    grid = stored["grid"]
    for model in stored["results"]["models"]:
        cells = {(c["prompt"], c["readout"]): n for n, c in enumerate(model["cells"])}
        levels = np.array(
            [[grid[f].index(level) for f, level in c["levels"].items()] for c in model["cells"]]
        )
        answers = read_answers((load_run(study / model["run"]).records(), cells))
        truth = 100 * answers.right.mean(axis=0)
        print(f"{model['model']}: {answers.right.shape[0]} items × {len(cells)} cells, "
              f"{truth.min():.1f} to {truth.max():.1f} %")  # fmt: skip
        print("budget    pairs   error   told   as asked  held 95 %  min/median/max held  CPU s")
        for share in BUDGETS:
            measure(answers, levels, share, seeds)


if __name__ == "__main__":
    main()
