"""`report STUDY`: a study or a sweep shown again, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.console.notes import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mubench_gen.ablation.analysis import Analysis
    from mubench_gen.cli.options.report import Wanted

FORMATS = ("md", "latex", "csv", "parquet")
_PAGE = "report.html"


def shows(paths: Sequence[Path], wanted: Wanted) -> bool:
    """Whether the report is of one study itself, and not of its runs."""
    from mubench_gen.runs.studies import is_study, is_sweep

    of_runs = (
        wanted.by, wanted.group, wanted.published, wanted.protocol, wanted.metric, wanted.section,
        wanted.each, wanted.forgetting, wanted.data, wanted.items,
    )  # fmt: skip
    if len(paths) != 1 or not is_study(paths[0]) or any(of_runs):
        return False
    if wanted.figure is not None:
        from mubench_gen.ablation.report.figures import OWN_KINDS

        return wanted.figure in OWN_KINDS
    return wanted.form is None or (wanted.form in FORMATS and not is_sweep(paths[0]))


def report(path: Path, wanted: Wanted) -> None:
    """Print the study, or write what `wanted` says."""
    from mubench_gen.ablation.analysis import Analysis
    from mubench_gen.ablation.stored import AblationStudy, load_study

    found = load_study(path, adjust=wanted.adjust, cluster=wanted.cluster, baseline=wanted.baseline)
    if not isinstance(found, AblationStudy):
        _report_sweep(path, wanted)
        return
    study = Analysis(found.dir, found.adjust, found.cluster, found.baseline)
    if wanted.html is not None:
        _write_page(study, wanted)
    elif wanted.figure is not None:
        _write_figure(study, wanted)
    elif wanted.form is not None:
        _export(study, wanted)
    elif wanted.as_json:
        from mubench_gen.cli.views.tables import print_json

        print_json(document_of(study))
    else:
        from mubench_gen.cli.views.ablate import show

        show(study.tables())


def document_of(study: Analysis) -> dict[str, object]:
    """The document of `--json`, the same from `ablate` and from `report`."""
    return {
        "study_dir": str(study.dir),
        "grid": study.grid.as_dict(),
        "cells": len(study.grid.cells),
        "surveys": study.document["surveys"],
        "results": study.findings.as_dict(),
        **study.as_dict(),
    }


def _write_page(study: Analysis, wanted: Wanted) -> None:
    from mubench_gen.ablation.report.contact_sheet import PICTURES
    from mubench_gen.report.html import check_page_path

    path = Path(wanted.html) if wanted.html else study.dir / _PAGE
    check_page_path(path)
    study.write_page(path, images=wanted.images, pictures=wanted.pictures or PICTURES)
    note(f"Wrote {path}: {path.stat().st_size / 1e6:.1f} MB.")


def _write_figure(study: Analysis, wanted: Wanted) -> None:
    from mubench_gen.cli.views.figure import check_figure, width_of
    from mubench_gen.plan.settings import pairs

    options = pairs(wanted.options)
    kind = str(wanted.figure)
    out = check_figure(kind, options, wanted.out)
    drawing = study.plot(kind, width=width_of(options))
    drawing.write(out)
    note(f"Wrote {out}: {drawing.title}.")


def _export(study: Analysis, wanted: Wanted) -> None:
    """Write the tables as Markdown or LaTeX, or one of FRAMES as CSV or Parquet."""
    import io

    from mubench_gen.ablation.report.frames import rows_of
    from mubench_gen.cli.views.report_output import check_binary, put
    from mubench_gen.console.formats import to_latex, to_markdown
    from mubench_gen.errors import MissingExtraError, SettingError, did_you_mean
    from mubench_gen.plan.settings import pairs
    from mubench_gen.report.export import write_all, write_rows

    options = pairs(wanted.options)
    tidy = wanted.form in ("csv", "parquet")
    if unknown := [name for name in options if name != "table" or not tidy]:
        raise SettingError(
            f"-o {unknown[0]}: a study's {wanted.form} has no such option. "
            f"{did_you_mean(unknown[0], ['table'] if tidy else [])} csv and parquet have "
            "table=cells, effects, flips, stability, corruption, thinking, debiased or gains."
        )
    if wanted.form == "parquet":
        check_binary("Parquet", wanted.out)
    content = io.BytesIO()
    table = options.get("table", "cells")
    if wanted.form == "csv":
        rows = rows_of(study, table)
        columns = list(dict.fromkeys(name for row in rows for name in row))
        write_rows(columns, [{**dict.fromkeys(columns), **row} for row in rows], content)
    elif wanted.form == "parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "--format parquet") from None
        content.write(study.frame(table).to_parquet(index=False))
    else:
        write = to_markdown if wanted.form == "md" else to_latex
        write_all(study.tables(), write, content)
        methods = f"\n{study.methods}\n" if wanted.form == "md" else f"\n% {study.methods}\n"
        content.write(methods.encode())
    put(content, wanted.out)


def _report_sweep(path: Path, wanted: Wanted) -> None:
    from mubench_gen.cli.views import sweep as sweep_view
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.interpolation.sweep.budget.budget import stored_search
    from mubench_gen.interpolation.sweep.conditions.frontiers import stored_conditions
    from mubench_gen.interpolation.sweep.frontier import stored_frontier
    from mubench_gen.report.html import check_page_path
    from mubench_gen.runs.studies import StoredStudy

    results = StoredStudy(path).results
    found, title = stored_frontier(results, path), f"Sweep {path.resolve().name}"
    by, search = stored_conditions(results, path), stored_search(results, path)
    if wanted.html is not None:
        page = Path(wanted.html) if wanted.html else path / _PAGE
        check_page_path(page)
        sweep_view.write_pages(found, title, page, None, by, search)
    elif wanted.as_json:
        print_json(results)
    else:
        sweep_view.show(found, title, by, search)
