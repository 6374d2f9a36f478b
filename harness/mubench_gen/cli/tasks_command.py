"""`mubench-gen tasks`: what can be asked."""

from __future__ import annotations

from dataclasses import asdict

import click

_EXAMPLES = """
\b
Examples:
  mubench-gen tasks
  mubench-gen tasks coarse
  mubench-gen tasks 'demo-*' --data demo --json
"""


@click.command("tasks", epilog=_EXAMPLES)
@click.argument("names", nargs=-1)
@click.option("--data", metavar="NAME|PATH", help="Count each task's questions in this data set.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(names: tuple[str, ...], data: str | None, as_json: bool) -> None:
    """List the tasks, by name, group or glob."""
    from mubench_gen.cli.tables import print_json, print_table
    from mubench_gen.data import open_dataset
    from mubench_gen.samples import count
    from mubench_gen.task import load_tasks

    tasks = load_tasks(names)
    dataset = open_dataset(data) if data is not None else None
    counts = {task.name: count(task, dataset) for task in tasks} if dataset is not None else {}
    if as_json:
        print_json([{**asdict(t), "questions": counts.get(t.name)} for t in tasks])
        return
    columns = ["task", "title", "group", "data sets", "source"] + ["questions"] * bool(counts)
    print_table(
        columns,
        [
            [t.name, t.title, t.group, ", ".join(t.datasets) or "all", t.source]
            + ([f"{counts[t.name]:,}"] if counts else [])
            for t in tasks
        ],
        right=[5],
    )
