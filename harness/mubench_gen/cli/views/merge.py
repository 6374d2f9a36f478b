"""What `mubench-gen merge` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.cli.views.tables import print_table
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.interpolation.merge.extract import Extraction
    from mubench_gen.interpolation.merge.report import BlockDistance, MergeReport


def show_extraction(found: Extraction, out: Path) -> None:
    say(printable(f"{found.base} → {found.finetuned}, rank {found.rank}"))
    print_table(
        ["", "modules", "‖Δ‖", "missed"],
        [
            [name, f"{count:,}", _number(norm), _number(error)]
            for name, (count, norm, error) in found.layers.items()
        ],
        title="What the adapter misses (‖Δ − B·A‖ / ‖Δ‖) by layer",
        right=range(1, 4),
    )
    if found.left_out:
        norm = sum(one**2 for one in found.left_out.values()) ** 0.5
        say(
            f"{len(found.left_out):,} tensors that differ have no place in a LoRA (biases, norms, "
            f"embeddings, convolutions): ‖Δ‖ {norm:.4f}, most of it in "
            f"{', '.join(found.most_left_out[:3])}."
        )
    say(f"Of all that differs it misses {_number(found.error)}.")
    say(printable(f"Adapter: {out}"))


def show(report: MergeReport) -> None:
    say(printable(f"{report.base} → {', '.join(report.finetuned)}"))
    print_table(
        ["", "tensors", "parameters", "distance", "cosine"],
        [
            *(_row(block) for block in report.blocks),
            [
                "all",
                f"{len(report.merged):,}",
                f"{report.parameters:,}",
                _number(report.distance),
                _number(report.cosine),
            ],
        ],
        title="Distance (‖Δ‖ / ‖base‖) by block",
        right=range(1, 5),
    )
    told = [f"{len(report.merged):,} tensors merged by {report.recipe.method}"]
    told += [f"{report.identical:,} of them equal in all models"] if report.identical else []
    told += [f"{len(report.copied):,} copied (integers)"] if report.copied else []
    told += [f"{len(report.skipped):,} left as the base has them"] if report.skipped else []
    lines = [f"{', '.join(told)}."]
    lines.append(f"Taken from the {_SIDE[report.carried_from]}: {', '.join(report.carried)}.")
    lines += [f"Weights of {n} in {how}." for n, how in report.formats.items() if "pickle" in how]
    lines += [f"Note: {text}." for text in report.notes]
    lines += [f"Warning: {text}." for text in report.warnings]
    for line in lines:
        say(printable(line))


def show_folders(folders: Mapping[str, str]) -> None:
    for alpha, path in folders.items():
        say(printable(f"α {alpha}: {path}"))


_SIDE = {"base": "base", "finetuned": "fine-tune"}


def _row(block: BlockDistance) -> list[str]:
    return [
        block.name,
        f"{block.tensors:,}",
        f"{block.parameters:,}",
        _number(block.distance),
        _number(block.cosine),
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
