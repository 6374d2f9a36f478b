"""runs, studies and sweeps → figures as SVG, PDF or PNG, and within pages.

`draw` is the entry point: a kind (`KINDS`) and its sources → a `Drawing`. `intervals`, `matrix`,
`squares`, `radar` and `bars` draw plain numbers and know of no run.
"""

from mubench_gen.report.figures.drawing import Drawing
from mubench_gen.report.figures.kinds import KINDS, Sources, draw

__all__ = ["KINDS", "Drawing", "Sources", "draw"]
