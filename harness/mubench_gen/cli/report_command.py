"""`mubench-gen report`: the table of runs."""

from __future__ import annotations

from pathlib import Path

import click

_EXAMPLES = """
\b
Examples:
  mubench-gen report runs/tiny-llava-1a2b3c4d
  mubench-gen report runs/* --json
  mubench-gen report runs/clip-1a2b3c4d --published
  mubench-gen report --forgetting runs/clip-1a2b3c4d runs/clip-plip-5e6f7a8b
"""


@click.command("report", epilog=_EXAMPLES)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--published", is_flag=True, help="Beside the paper's results, with what cannot be compared."
)
@click.option(
    "--forgetting", is_flag=True, help="BASE FINETUNED…: what was gained and lost, task by task."
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --forgetting: write it as one HTML file; prints nothing then.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    runs: tuple[Path, ...], published: bool, forgetting: bool, html: Path | None, as_json: bool
) -> None:
    """Print the table of one run or several, finished or not."""
    from mubench_gen.cli.tables import print_json
    from mubench_gen.report import print_report
    from mubench_gen.results import load_run

    if forgetting:
        from mubench_gen.cli import forgetting_view

        forgetting_view.report(runs, html=html, as_json=as_json)
        return
    if html is not None:
        from mubench_gen.errors import SettingError

        raise SettingError(
            "--html is for --forgetting: mubench-gen report --forgetting A B --html F"
        )
    loaded = [load_run(path) for path in runs]
    if published:
        from mubench_gen.cli import published as reference

        if as_json:
            print_json(reference.document(loaded))
        else:
            reference.show(loaded)
    elif as_json:
        summaries = [run.summary() for run in loaded]
        print_json(summaries[0] if len(summaries) == 1 else {"runs": summaries})
    else:
        print_report(loaded)
