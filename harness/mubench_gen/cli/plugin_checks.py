"""`mubench-gen plugins check`, and the table of what it found of several plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.options import completion
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.outlet import say, tell

if TYPE_CHECKING:
    from mubench_gen.testing import Result

_CHECK_EXAMPLES = """
\b
Examples:
  mubench-gen plugins check echo
  mubench-gen plugins check ./my_model.py --model large --gpu
  mubench-gen plugins check suite --model slake
  mubench-gen plugins check llava --quick --out conformance.json
  mubench-gen plugins check tiny --only batch_changes_nothing,close_frees
  mubench-gen plugins check mine --expect-failure "same_seed_same_text=the service has no seed"
"""
_MATRIX_EXAMPLES = """
\b
Examples:
  mubench-gen plugins matrix checks/*.json
  mubench-gen plugins matrix checks/*.json --html plugins.html
"""


@click.command("check", epilog=_CHECK_EXAMPLES)
@click.argument("name", shell_complete=completion.plugins)
@click.option("--model", metavar="NAME", help="Which of its models, data sets, metrics, … [all]")
@click.option("-o", "options", multiple=True, metavar="K=V", help="An option of the plugin.")
@click.option("--gpu", is_flag=True, help="Check on CUDA instead of the CPU.")
@click.option(
    "--engine", metavar="ENGINE", help="The engine of a checkpoint. [transformers on a CPU]"
)
@click.option("--only", multiple=True, metavar="CHECKS", help="Run only these checks.")
@click.option("--quick", is_flag=True, help="Leave out the checks that begin a run.")
@click.option(
    "--out", metavar="FILE", type=PATH, help="Write the results with all versions, as JSON."
)
@click.option(
    "--expect-failure",
    "expected",
    multiple=True,
    metavar="CHECK=REASON",
    help="A check that is known to fail, and why.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(
    name: str,
    model: str | None,
    options: tuple[str, ...],
    gpu: bool,
    engine: str | None,
    only: tuple[str, ...],
    quick: bool,
    out: Path | None,
    expected: tuple[str, ...],
    as_json: bool,
) -> int:
    """Check that all that a plugin offers is as the harness needs; exit code 1 if not.

    Weights that are not on this machine are not fetched, unless --model names them.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.progress import log
    from mubench_gen.console.stdout import results_only
    from mubench_gen.plan.settings import pairs
    from mubench_gen.testing import check_plugin

    if gpu:
        _check_gpu()
    results = []
    with results_only():
        for result in check_plugin(
            name,
            model=model,
            options=pairs(options),
            device="cuda" if gpu else "cpu",
            engine=engine,
            expected_failures=pairs(expected),
            only=tuple(part.strip() for text in only for part in text.split(",")),
            quick=quick,
        ):
            results.append(result)
            if as_json:
                log(f"{result.state}: {_named(result)}")
            else:
                _say(result)
    broken = [result for result in results if not result.holds]
    checked = [result for result in results if result.state != "not checked"]
    found = {"plugin": name, "holds": not broken, "checks": list(map(_plain, results))}
    if out is not None:
        _write_results(out, found, name, model, quick=quick)
    if as_json:
        print_json(found)
    else:
        left = len(results) - len(checked)
        told = f" {left} of its models or other parts are not checked." if left else ""
        say(f"{len(checked) - len(broken)} of {len(checked)} checks hold.{told}")
    return 1 if broken else 0


def _write_results(
    out: Path, found: dict[str, Any], name: str, model: str | None, *, quick: bool
) -> None:
    """Write what was found to a file, with what it was found of."""
    import platform

    import orjson

    from mubench_gen._version import __version__
    from mubench_gen.errors import SettingError
    from mubench_gen.plugins.registry import Plugins

    plugin = Plugins().load(name)
    versions = {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "digest": plugin.digest,
        "mubench_gen": __version__,
        "python": platform.python_version(),
    }
    content = {**found, "model": model, "quick": quick, **versions}
    try:
        out.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise SettingError(f"--out {out}: cannot be written: {error.strerror}.") from None


def _check_gpu() -> None:
    """Refuse to check on the CPU when --gpu asks for a GPU."""
    from mubench_gen.doctor.machine import ask_torch, driver_gpus
    from mubench_gen.errors import SettingError

    if not driver_gpus()[0] and not ask_torch().gpus:
        raise SettingError("--gpu: there is no GPU here. `mubench-gen doctor --gpu` tells more.")


def _say(result: Result) -> None:
    """Print a result to stderr as the checks run, where the output of models goes too."""
    colour = {"passed": "green", "failed": "red", "unexpected pass": "red"}.get(result.state)
    found = f": {result.found}" if result.found else ""
    line = f"{result.state:<8} {_named(result)} ({result.seconds:.1f} s){found}"
    tell(line, colour=colour)
    if not result.holds:
        tell(f"         It matters: {result.check.reason}.")
        tell(f"         To do: {result.check.remedy}.")


def _named(result: Result) -> str:
    return f"{result.of}: {result.check.name}" if result.of else result.check.name


def _plain(result: Result) -> dict[str, Any]:
    return {
        "of": result.of,
        "kind": result.kind,
        "name": result.check.name,
        "state": result.state,
        "found": result.found,
        "seconds": result.seconds,
        "reason": result.check.reason,
        "remedy": result.check.remedy,
    }


@click.command("matrix", epilog=_MATRIX_EXAMPLES)
@click.argument("files", nargs=-1, required=True, metavar="FILES", type=PATH)
@click.option("--html", "page", metavar="FILE", type=PATH, help="Write a page for a browser.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def matrix(files: tuple[Path, ...], page: Path | None, as_json: bool) -> None:
    """Show plugins by checks, in Markdown, from files that `plugins check --out` wrote."""
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.errors import SettingError
    from mubench_gen.testing import matrix as tables

    found = tables.read_reports(files)
    if page is not None:
        try:
            page.write_text(tables.to_html(found), "utf-8")
        except OSError as error:
            raise SettingError(f"--html {page}: cannot be written: {error.strerror}.") from None
    if as_json:
        print_json(tables.to_json(found))
    elif page is None:
        say(tables.to_markdown(found).rstrip())
