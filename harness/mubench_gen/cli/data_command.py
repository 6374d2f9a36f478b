"""`mubench-gen data`: what a data set holds, and preparing the demo's."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

_EXAMPLES = """
\b
Examples:
  mubench-gen data info
  mubench-gen data info path/to/data --json
  mubench-gen data prepare demo
  mubench-gen data prepare demo --images 1700 --seed 7 --out data/larger
"""


@click.group("data", epilog=_EXAMPLES)
def command() -> None:
    """What a data set holds; prepare the demo's."""


@command.command("info", epilog=_EXAMPLES)
@click.argument("name", default="demo")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def info(name: str, as_json: bool) -> None:
    """Rows, questions and licences of a data set."""
    from mubench_gen.cli.tables import print_json, print_table
    from mubench_gen.data import open_dataset

    dataset = open_dataset(name)
    rows: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    for row in dataset:
        rows[row.dataset] += 1
        licences[str(row.meta.get("license"))] += 1
    described: dict[str, Any] = {
        "name": dataset.name,
        "path": str(dataset.path),
        "revision": dataset.revision,
        "digest": dataset.digest,
        "rows": len(dataset),
        "questions": sum(dataset.questions.values()),
        "datasets": {
            one: {
                "rows": rows[one],
                "questions": {q: n for (d, q), n in sorted(dataset.questions.items()) if d == one},
            }
            for one in sorted(rows)
        },
        "licences": dict(sorted(licences.items())),
    }
    if as_json:
        print_json(described)
        return
    print_table(
        ["data set", "rows", "questions", "asked"],
        [
            [one, f"{d['rows']:,}", f"{sum(d['questions'].values()):,}", ", ".join(d["questions"])]
            for one, d in described["datasets"].items()
        ],
        title=f"{dataset.name}: {len(dataset):,} rows, {described['questions']:,} questions",
        caption=f"{dataset.path} · licences: {', '.join(described['licences'])}",
        right=[1, 2],
    )


@command.command("prepare", epilog=_EXAMPLES)
@click.argument("name", type=click.Choice(["demo"]))
@click.option("--images", type=click.IntRange(min=1), metavar="N", help="How many. [600]")
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Of the images. [the demo's own]"
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="A new folder. [the cache]"
)
def prepare(name: str, images: int | None, seed: int | None, out: Path | None) -> None:
    """Generate the demo data: in the cache, or of another size or seed in a folder."""
    from mubench_gen.data.cache import DEMO_IMAGES, demo_folder, generate_demo
    from mubench_gen.errors import SettingError

    if out is None:
        if images is not None or seed is not None:
            raise SettingError("--images and --seed make data of your own: give --out DIR too.")
        click.echo(demo_folder())
        return
    if out.exists():
        raise SettingError(f"--out {out}: exists already; give a folder that doesn't.")
    generate_demo(out, images=images or DEMO_IMAGES, seed=seed)
    click.echo(out)
