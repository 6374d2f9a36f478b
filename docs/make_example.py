"""Makes docs/example: three runs of the shipped models on the demo, their page and figures.

`python docs/make_example.py FOLDER` keeps the runs in FOLDER, where they are resumed; a CPU takes
some minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mubench_gen
from mubench_gen.report.figures import Sources, draw
from mubench_gen.report.html import write_page

EXAMPLE = Path(__file__).resolve().parent / "example"
LIMIT, SHOWN = 20, 40  # items a task, items on the page
FIGURES = ("dots", "heatmap", "confusion")
RUNS = {"llava": {}, "llava-blind": {"control": "blind"}, "clip": {"model": "clip"}}


def main(folder: Path) -> None:
    runs = [
        mubench_gen.evaluate(
            plugin="tiny", limit=LIMIT, run_dir=folder / name, progress=True, **settings
        )
        for name, settings in RUNS.items()
    ]
    EXAMPLE.mkdir(exist_ok=True)
    write_page(runs, EXAMPLE / "report.html", most_items=SHOWN)
    for kind in FIGURES:
        sources = Sources(runs[:1], tasks=["modality"]) if kind == "confusion" else Sources(runs)
        draw(kind, sources).write(EXAMPLE / f"{kind}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
