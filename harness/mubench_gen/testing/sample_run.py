"""Runs to give to metrics, scorers, export formats and sections: made as every run is."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Literal

from mubench_gen.plugins.registry import Plugins
from mubench_gen.run import evaluate
from mubench_gen.runs.results import Run, load_run
from mubench_gen.testing.questions import write_data

# Of each reply what a reader may stumble over; at its number the first two are right or wrong.
_PLUGIN = """
import math

import mubench_gen

REPLIES = (
    "{right}", "The answer is {wrong}.", "{right}) \\u7b54\\u6848 \\U0001f52c \\u202eevil\\u202c",
    "", "I cannot help with that.", "It is A or B.", "No idea, \\"really\\"\\n\\t<b>&</b> ,;|", "Z",
)


class Sample(mubench_gen.GenerativeModel):
    reads_pixels = False

    class Options(mubench_gen.Options):
        fails: bool = False

    def generate(self, requests):
        return [self.answer(request) for request in requests]

    def label_logprobs(self, requests):
        return [self.scores(request) for request in requests]

    def number(self, request):
        number = int(request.image.name.rpartition("/")[2].partition(".")[0])
        if self.options.fails or number == 10:
            raise mubench_gen.ItemError("/srv/private/cells: it could not be read")
        return number

    def answer(self, request):
        number = self.number(request)
        right, wrong = "ABC"[number % 3], "ABC"[(number + 1) % 3]
        return REPLIES[number % len(REPLIES)].format(right=right, wrong=wrong)

    def scores(self, request):
        number = self.number(request)
        shares = [(-0.1, -3.0, -math.inf), (-1.2, -1.2, -1.2), (-9.0, -0.01, -5.0)][number % 3]
        return shares[: len(request.labels)]


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("sample", Sample)]
"""


def sample_run(folder: Path, kind: Literal["mixed", "failed"]) -> Run:
    """The run in the folder, made where it is not there yet: of replies of all kinds and a failed
    item, or of failed items alone."""
    place = folder / f"{kind}-run"
    if (place / "scores.json").is_file():
        return load_run(place)
    plugin = folder / "sample.py"
    plugin.write_text(_PLUGIN, encoding="utf-8")
    with contextlib.redirect_stderr(io.StringIO()):  # its failed items are no news
        return evaluate(
            plugin=str(plugin),
            plugins=Plugins(()),
            options={"fails": str(kind == "failed")},
            data=str(write_data(folder / "sample-data")),
            tasks=("modality",),
            readout=("parse", "logprob"),
            run_dir=place,
            in_process=True,
            max_errors=0,
            command=("mubench-gen", "plugins", "check"),
        )
