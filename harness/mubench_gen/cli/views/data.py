"""Tables of `mubench-gen data info` and `data verify`: counts, licences, faults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, say, tell

if TYPE_CHECKING:
    from mubench_gen.data.dataset import Dataset
    from mubench_gen.data.survey import DatasetCounts
    from mubench_gen.data.verify import FileCheck


def described(dataset: Dataset, found: DatasetCounts) -> dict[str, Any]:
    """A data set's counts, as `data info --json` prints them."""
    return {
        "name": dataset.name,
        "path": str(dataset.path),
        "revision": dataset.revision,
        "digest": dataset.digest,
        "rows": len(dataset),
        "images": found.images,
        "questions": sum(dataset.questions.values()),
        "tasks": {
            name: {"questions": asked.questions, "chance": asked.chance}
            for name, asked in found.tasks.items()
        },
        "datasets": {
            name: {
                "rows": group.rows,
                "images": group.images,
                "questions": dict(sorted(group.questions.items())),
                "licences": dict(sorted(group.licences.items())),
            }
            for name, group in found.datasets.items()
        },
        "licences": {name: sum(rows.values()) for name, rows in found.licences.items()},
        "non_commercial": {name: dict(rows) for name, rows in found.non_commercial.items()},
    }


def print_survey(dataset: Dataset, found: DatasetCounts) -> None:
    """Three tables: by data set, by task, by licence."""
    from mubench_gen.cli.views.tables import print_table

    print_table(
        ["data set", "rows", "images", "questions", "asked", "licences"],
        [
            [
                name,
                f"{group.rows:,}",
                f"{group.images:,}",
                f"{group.questions.total():,}",
                ", ".join(sorted(group.questions)),
                ", ".join(sorted(group.licences)),
            ]
            for name, group in found.datasets.items()
        ],
        title=f"{dataset.name}: {len(dataset):,} rows, {found.images:,} images, "
        f"{sum(dataset.questions.values()):,} questions",
        caption=f"{dataset.path}",
        right=[1, 2, 3],
    )
    say()
    print_table(
        ["task", "questions", "chance"],
        [
            [name, f"{asked.questions:,}", f"{asked.chance:.1%}" if asked.chance else ""]
            for name, asked in found.tasks.items()
        ],
        right=[1, 2],
    )
    say()
    print_table(
        ["licence", "rows", "commercial use", "data sets"],
        [
            [
                name,
                f"{sum(rows.values()):,}",
                "NO" if name in found.non_commercial else "yes",
                ", ".join(f"{one} ({n:,})" for one, n in sorted(rows.items())),
            ]
            for name, rows in found.licences.items()
        ],
        right=[1],
    )


def print_about(folder: Path) -> None:
    """What a package says of its data set, where that made the folder."""
    import json

    from mubench_gen.cli.views.data_sets import differences
    from mubench_gen.data.packaged import ABOUT

    if not (folder / ABOUT).is_file():
        return
    about = json.loads((folder / ABOUT).read_text("utf-8"))
    source = " at ".join(about[key] for key in ("hub", "revision") if about[key])
    parts = [about["title"], about["licence"], source, about["citation"]]
    say()
    say(printable(". ".join(part for part in parts if part) + "."))
    for told in differences(about):
        tell(f"Look at it: {told}.")


def print_findings(findings: list[FileCheck]) -> None:
    """A line a file, then every fault and every warning."""
    from mubench_gen.cli.views.tables import print_table

    print_table(
        ["file", "bytes", "rows", "SHA-256", "published", "faults", "warnings"],
        [
            [
                one.path.name,
                f"{one.size:,}",
                f"{one.rows:,}",
                (one.sha256 or "")[:16],
                "–" if one.expected is None else "yes" if one.expected == one.sha256 else "NO",
                f"{len(one.problems):,}" if one.problems else "sound",
                f"{len(one.warnings):,}" if one.warnings else "",
            ]
            for one in findings
        ],
        right=[1, 2, 5, 6],
    )
    for one in findings:
        _print_lines("Faults", one.path, one.problems)
    for one in findings:
        _print_lines("Look at", one.path, one.warnings)


def _print_lines(title: str, path: Path, lines: tuple[str, ...]) -> None:
    if lines:
        say(f"\n{title}, {path.name}:")
    for line in lines:
        say(f"  {line}")
