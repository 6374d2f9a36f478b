"""studies and gallery → the HTML file."""

from __future__ import annotations

import base64
import heapq
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mubench_gen.compare.doubtful import MOST as MOST_DOUBTFUL
from mubench_gen.compare.groups import label_runs
from mubench_gen.console.masking import blank_body
from mubench_gen.console.outlet import printable
from mubench_gen.plugins.extension import Section
from mubench_gen.report.html.gallery import Gallery
from mubench_gen.report.html.pictures import Album, find_pictures
from mubench_gen.report.html.rendering import render
from mubench_gen.report.html.replies import choose_cap
from mubench_gen.report.html.sections import Sections
from mubench_gen.report.html.study import NO_ANSWER, RunStatistics, rank, study_run
from mubench_gen.report.html.thumbnails import bytes_a_picture
from mubench_gen.report.html.write_page import write_text
from mubench_gen.runs.results import Run
from mubench_gen.scores.breakdown import check_tallies
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.metrics import ChosenMetric

_SCRIPTS = (
    "dom.js", "theme.js", "state.js", "items.js", "chosen.js", "embedded.js", "served.js",
    "tables.js", "figures.js", "runs.js", "download.js", "cards.js", "answers.js", "zoom.js",
    "item.js", "confusion.js", "start.js",
)  # fmt: skip
MOST_ITEMS = 10_000
# Bytes, roughly, of a page without its items and pictures: up to nine runs, and each further one.
_FRAME, _FEW_RUNS, _A_RUN = 600_000, 9, 50_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a page holds: runs, items in its gallery, pictures; its size in bytes."""

    path: Path
    runs: int
    items: int
    pictures: int
    size: int


def write_page(
    runs: Sequence[Run],
    path: Path,
    *,
    by: Sequence[str] = (),
    metrics: Sequence[ChosenMetric] = (),
    group: str | None = None,
    adjust: Adjust = "maxt",
    told: Mapping[str, Section] | None = None,
    data: str | None = None,
    images: bool = True,
    most_items: int = MOST_ITEMS,
) -> Written:
    """Write the report of the runs as one file.

    `by`: fields of the items that break the scores down. `metrics`: further scores; without any,
    those that the runs were scored with. `group`: the fact that groups models; without it scope,
    if there are generalists and specialists. `told`: sections of plugins, by the plugin's name,
    shown as plain text. `data`: where the data are, if not where the runs had them. Without
    `images` the page has placeholders. Of more than `most_items` items the gallery shows a
    random sample. Raises SettingError if the file cannot be written.
    """
    labels = [printable(label) for label in label_runs(runs)]
    studies = [
        study_run(run, number=number, label=label, by=by, metrics=metrics)
        for number, (run, label) in enumerate(zip(runs, labels, strict=True))
    ]
    check_tallies([study.fields for study in studies])
    gallery, asked = _gallery(studies, most_items)
    items = packed(page_data(studies, gallery))
    album = Album()
    if images:
        frame = _FRAME + _A_RUN * max(0, len(runs) - _FEW_RUNS)
        shown_twice = MOST_DOUBTFUL if len(runs) > 1 else 0
        most = bytes_a_picture(len(gallery.pictures) + shown_twice, taken=len(items) + frame)
        album = find_pictures(runs, gallery.pictures, most=most, data=data)
    sections = Sections(studies, group=group, told=told or {}, adjust=adjust, picture=album.address)
    notes = [*_sampled(len(gallery), asked), *album.notes]
    if not images:
        notes.append("The images were left out.")
    content = render_page(sections, items=items, pictures=_pictures(gallery, album), notes=notes)
    write_text(path, content)
    return Written(path, len(runs), len(gallery), len(album.pictures), path.stat().st_size)


def _gallery(studies: Sequence[RunStatistics], most: int) -> tuple[Gallery, int]:
    """The gallery and the number of all items; of more than `most`, those of lowest rank."""
    ranks = set[int]().union(*(study.items for study in studies))
    chosen = set(heapq.nsmallest(most, ranks)) if len(ranks) > most else None
    lengths: dict[int, int] = {}
    for study in studies:
        lengths.update(study.replies)
    gallery = Gallery(choose_cap(lengths.values()))
    for study in studies:
        for record in study.run.records():
            if chosen is None or rank(record["item"]) in chosen:
                gallery.add(record, study.number)
    return gallery, len(ranks)


def render_page(
    sections: Sections,
    *,
    items: str,
    pictures: str = "[]",
    notes: Sequence[str] = (),
    is_served: bool = False,
) -> str:
    """The page as text: a file of its own, or as the viewer serves it.

    `items` is the packed data; where the page is served it asks the server for items and pictures.
    """
    return render(
        "page.html.j2",
        _SCRIPTS,
        is_served=is_served,
        **sections.context(),
        gallery_notes=notes,
        items=items,
        pictures=Markup(pictures),
    )


def page_data(
    studies: Sequence[RunStatistics], gallery: Gallery, *, is_served: bool = False
) -> dict[str, Any]:
    """What the page's script gets: the runs, the confusion matrices, the items of the gallery."""
    runs = [
        {
            "label": study.label,
            "number": study.number,
            "control": study.control,
            "family": study.family,
        }
        for study in studies
    ]
    confusions = [
        {
            task: [
                [gallery.text(gold), -1 if answer == NO_ANSWER else gallery.text(answer), n]
                for (gold, answer), n in sorted(counts.items())
            ]
            for task, counts in sorted(study.confusions.items())
        }
        for study in studies
    ]
    return {"served": is_served, "runs": runs, "confusions": confusions, **gallery.as_dict()}


def _pictures(gallery: Gallery, album: Album) -> str:
    """JSON with [name, width, height, base64] per image, null for a missing one."""
    found = []
    for digest in gallery.picture_digests():
        one = album.pictures.get(digest)
        encoded = None if one is None else base64.b64encode(one.content).decode()
        found.append(None if one is None else [one.name, one.width, one.height, encoded])
    return json.dumps(found, separators=(",", ":")).replace("<", "\\u003c")


def packed(content: dict[str, Any]) -> str:
    """JSON, deflated (RFC 1951), in base64, so that none of it can be parsed as HTML."""
    packer = zlib.compressobj(level=7, wbits=-15)
    plain = blank_body(json.dumps(content, separators=(",", ":")).encode())
    return base64.b64encode(packer.compress(plain) + packer.flush()).decode()


def _sampled(shown: int, asked: int) -> list[str]:
    if shown >= asked:
        return []
    return [
        f"The gallery shows {shown:,} of {asked:,} items, chosen by a hash of their ids; "
        "everything above counts all of them. --items N shows more."
    ]
