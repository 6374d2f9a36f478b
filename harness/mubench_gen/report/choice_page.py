"""Which of several models to take, as one HTML file: who wins, and where each fails."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from mubench_gen.compare.choose import Choice, ClassResult, Contender, Pair, lead
from mubench_gen.console.numbers import interval, percent, signed
from mubench_gen.console.outlet import printable
from mubench_gen.report.html.pictures import Album, Picture, find_pictures
from mubench_gen.report.html.static import html_table, static_page
from mubench_gen.report.html.thumbnails import bytes_a_picture
from mubench_gen.report.html.write_page import write_text
from mubench_gen.runs.results import Run

SHOWN = 6  # failed images of a model and class
MODELS = ("model", "right %", "95 % CI", "images", "failed", "beaten by")
PAIRS = ("pair", "difference", "interval that holds at every look", "images", "result",
         "images needed")  # fmt: skip
CLASSES = ("class", "model", "right", "of", "%", "taken for")


def write_choice(choice: Choice, runs: Sequence[Run], path: Path) -> None:
    """Write the page. SettingError if that fails."""
    wanted: dict[str, set[str]] = {}
    for contender in choice.contenders:
        for found in contender.classes:
            for item, digest in found.failed[:SHOWN]:
                if digest is not None:
                    wanted.setdefault(digest, set()).add(item.rpartition("/")[0])
    album = find_pictures(runs, wanted, most=bytes_a_picture(len(wanted), taken=0))
    write_text(path, _page(choice, album))


def model_rows(choice: Choice) -> list[list[str]]:
    """The cells of `MODELS`, a row a model."""
    return [
        [
            printable(one.name),
            percent(one.accuracy),
            interval(one.ci95),
            f"{one.images:,}",
            f"{one.n_errors:,}",
            printable(", ".join(one.beaten_by)) or "–",
        ]
        for one in choice.contenders
    ]


def pair_rows(choice: Choice) -> list[list[str]]:
    """The cells of `PAIRS`, a row a pair."""
    return [
        [
            printable(f"{pair.first} − {pair.second}"),
            "–" if pair.difference is None else signed(pair.difference),
            f"{signed(pair.interval[0])} to {signed(pair.interval[1])}",
            f"{pair.images:,}",
            _result(pair),
            "–" if pair.needed is None else f"about {pair.needed:,}",
        ]
        for pair in choice.pairs
    ]


def class_rows(choice: Choice) -> list[list[str]]:
    """The cells of `CLASSES`: for each class the models, the weakest first."""
    found = [(part, one.name) for one in choice.contenders for part in one.classes]
    found.sort(key=lambda pair: (pair[0].name, pair[0].right / pair[0].n, pair[1]))
    return [
        [
            printable(part.name),
            printable(model),
            f"{part.right:,}",
            f"{part.n:,}",
            percent(part.right / part.n),
            printable(", ".join(f"{name} ({n:,})" for name, n in part.instead[:3])) or "–",
        ]
        for part, model in found
    ]


def _result(pair: Pair) -> str:
    told = {
        "first": f"{pair.first} is better",
        "second": f"{pair.second} is better",
        "equal": "equal",
        "open": "not told apart",
    }
    return printable(told[pair.verdict])


def _page(choice: Choice, album: Album) -> str:
    share = 100 * (1 - choice.error)
    notes = [
        f"Images were asked in a random order that was fixed before. All intervals of differences "
        f"hold together, at every look, with a probability of at least {share:g} %; those of the "
        "models' own accuracies are ordinary 95 % intervals. Unanswered counts as wrong; failed "
        "items do not count. Points are hundredths of all images.",
        "The images are taken as a random sample of those that the model will see: more images of "
        "the same slide or patient are worth less than they seem here.",
        *album.notes,
    ]
    words = "".join(f"<p>{escape(printable(line))}</p>" for line in lead(choice))
    parts = [
        words,
        "<h2>Models</h2>",
        html_table(MODELS, model_rows(choice), name="Models"),
        "<h2>Pairs</h2>",
        html_table(PAIRS, pair_rows(choice), name="Pairs of models"),
        "<h2>Where each fails</h2>",
        html_table(CLASSES, class_rows(choice), name="Models by class"),
        *(part for one in choice.contenders for part in _failures(one, album)),
    ]
    return static_page("Which model?", parts, notes, by="choose")


def _failures(contender: Contender, album: Album) -> Iterator[str]:
    name = escape(printable(contender.name))
    for found in sorted(contender.classes, key=lambda one: one.right / one.n):
        pictures = list(_pictures(found, album))
        if pictures:
            yield (
                f"<h3>{name} on {escape(printable(found.name))}: "
                f"{found.n - found.right:,} of {found.n:,} wrong</h3><p>{' '.join(pictures)}</p>"
            )


def _pictures(found: ClassResult, album: Album) -> Iterator[str]:
    for item, digest in found.failed[:SHOWN]:
        picture = album.pictures.get(digest or "")
        if picture is not None:
            yield _image(picture, f"{item}, of the class {found.name}")


def _image(picture: Picture, said: str) -> str:
    content = base64.b64encode(picture.content).decode()
    told = escape(printable(said), quote=True)
    return (
        f'<img src="data:image/jpeg;base64,{content}" alt="{told}" title="{told}" '
        'width="128" loading="lazy">'
    )
