"""`mubench-gen plugins`: what is installed, without importing it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli import completion
from mubench_gen.cli.help_texts import Subcommands, examples_of
from mubench_gen.cli.user_path import PATH
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import say, tell

if TYPE_CHECKING:
    from mubench_gen.model import ModelSpec
    from mubench_gen.plugins.import_trial import Imported
    from mubench_gen.plugins.listing import Listed
    from mubench_gen.testing import Result

_EXAMPLES = """
\b
Examples:
  mubench-gen plugins
  mubench-gen plugins --import
  mubench-gen plugins show tiny
  mubench-gen plugins show ./my_model.py --json
  mubench-gen plugins new my-model
  mubench-gen plugins check ./my_model.py
"""
_DEFINITIONS = "definitions"  # the kind of a package of tasks and prompts
_NEW_EXAMPLES = """
\b
Examples:
  mubench-gen plugins new my-model
  mubench-gen plugins new my-clip --kind contrastive --licence MIT --author "Ada Lovelace"
  mubench-gen plugins new my-service --kind endpoint --to ~/code/my-service
  mubench-gen plugins new my-cells --kind dataset
"""
_CHECK_EXAMPLES = """
\b
Examples:
  mubench-gen plugins check echo
  mubench-gen plugins check ./my_model.py --model large --gpu
  mubench-gen plugins check suite --model slake
  mubench-gen plugins check tiny --only batch_changes_nothing,close_frees
  mubench-gen plugins check mine --expect-failure "same_seed_same_text=the service has no seed"
"""


@click.group("plugins", cls=Subcommands, invoke_without_command=True, epilog=_EXAMPLES)
@click.option(
    "--import",
    "tried",
    is_flag=True,
    help="Import each in its own process, and report what it registers and changes.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def command(ctx: click.Context, tried: bool, as_json: bool) -> None:
    """List the plugins, without importing any.

    Shows kind, distribution, version and state of each: ok, or what is wrong.
    """
    if ctx.invoked_subcommand is not None:
        return
    from mubench_gen.cli.tables import print_json, print_lines
    from mubench_gen.plugins.registry import Plugins

    listed = [*Plugins().list(), *_packages()]
    imported = _import_each(listed) if tried else {}
    rows = [_told(p, None if _is_shadowed(p) else imported.get(p.name)) for p in listed]
    if as_json:
        print_json([asdict(p) | ({"imported": asdict(one)} if one else {}) for p, one in rows])
        return
    cells = [(p.name, p.kind, p.distribution, p.version, _state(p, one)) for p, one in rows]
    # In lines on a terminal too: what is wrong with a plugin may take a sentence.
    print_lines(("plugin", "kind", "distribution", "version", "state"), cells)


def _told(plugin: Listed, one: Imported | None) -> tuple[Listed, Imported | None]:
    """A plugin with what its import showed: what it registered counts more than its source."""
    if one is None or one.error is not None:
        return plugin, one
    return replace(plugin, kind=one.kind), one


def _is_shadowed(plugin: Listed) -> bool:
    """Whether its name means another plugin, or none."""
    return plugin.state.startswith("shadowed")


def _state(plugin: Listed, imported: Imported | None) -> str:
    """The state in words, with what the import showed if the plugin was imported."""
    from mubench_gen.plugins.listing import UNREADABLE

    if imported is None:
        return f"{plugin.state}; it {' and '.join(plugin.notes)}" if plugin.notes else plugin.state
    if imported.error is not None:
        # The row names the plugin already.
        named = f"The plugin {plugin.name!r} ({plugin.distribution} {plugin.version})"
        error = imported.error.removeprefix(f"{named} is broken: ").removeprefix(f"{named}: ")
        return f"broken: {error}"
    told = [*imported.faults, *(note for note in plugin.notes if note == UNREADABLE)]
    return f"ok; it {' and '.join(told)}" if told else "ok"


def _packages() -> list[Listed]:
    """The packages of tasks and prompts, in the form of listed plugins."""
    from mubench_gen.plugins.listing import Listed
    from mubench_gen.plugins.task_packages import packages

    return [
        Listed(p.name, _DEFINITIONS, p.distribution, p.version, p.module, p.state)
        for p in packages()
    ]


def _import_each(listed: list[Listed]) -> dict[str, Imported]:
    """The result of importing, for each plugin that could be imported."""
    from mubench_gen.plugins.import_trial import import_each
    from mubench_gen.plugins.listing import ASKED_FOR, UNNAMED

    return import_each(
        [
            p.name
            for p in listed
            if p.state.startswith(("ok", "broken"))
            and p.kind != _DEFINITIONS
            and p.name != UNNAMED
            and ASKED_FOR.fullmatch(p.name)
        ]
    )


@command.command("show", epilog=examples_of(_EXAMPLES, "plugins show"))
@click.argument("name", shell_complete=completion.plugins)
@click.option(
    "--engine",
    shell_complete=completion.engines,
    help="Print the options of this engine too (-o engine.K=V).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(name: str, engine: str | None, as_json: bool) -> None:
    """Import one plugin and print its models, options, facts; or read a GGUF file's header."""
    from mubench_gen.cli.option_words import described_options
    from mubench_gen.cli.tables import print_json
    from mubench_gen.console.outlet import printable
    from mubench_gen.console.stdout import results_only
    from mubench_gen.engines import engine_options
    from mubench_gen.plugins.registry import Plugins

    if name.lower().endswith(".gguf"):
        _show_gguf(Path(name), as_json=as_json)
        return
    with results_only():
        plugin = Plugins().load(name)
    models = [_described(spec) for spec in plugin.models]
    of_engine = {} if engine is None else described_options(engine_options(engine))
    if as_json:
        print_json(
            {
                **({} if engine is None else {"engine": engine, "engine_options": of_engine}),
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "models": models,
                "judge": None if plugin.judge is None else plugin.judge.__qualname__,
                "scorer": plugin.offers.score is not None,
                "section": plugin.offers.section is not None,
                "transforms": [one.name for one in plugin.offers.transforms],
                "metrics": {one.name: one.title for one in plugin.offers.metrics},
                "exports": {one.name: one.title for one in plugin.offers.exports},
                "datasets": {one.name: one.title for one in plugin.offers.datasets},
            }
        )
        return
    origin = f"{plugin.distribution} {plugin.version}" if plugin.distribution else str(plugin.path)
    say(f"{printable(plugin.name)} ({printable(origin)})")
    for number, model in enumerate(models):
        _show(model, first=number == 0)
    for offered, flag in (
        (plugin.judge, "eval --judge"),
        (plugin.offers.score, "score RUN --scorer"),
        (plugin.offers.section, "report RUN --section"),
    ):
        if offered is not None:
            say(f"mubench-gen {flag} {plugin.name}")
    from mubench_gen.plugins.listing import OWN

    for one in plugin.offers.transforms:
        is_shipped = plugin.distribution == OWN or one.name == plugin.name
        name = one.name if is_shipped else f"{one.name}@{plugin.name}"
        name += f":1-{len(one.severities)}" if one.severities else ""
        options = "".join(f":{p.name}={p.default}" for p in one.parameters if p.name != "seed")
        say(printable(f"mubench-gen eval --image-set transform={name}{options}  {one.description}"))
    for metric in plugin.offers.metrics:
        about = printable(f"{plugin.name}:{metric.name}  {metric.title}")
        say(f"mubench-gen report RUN --metric {about}")
    for form in plugin.offers.exports:
        about = printable(f"{plugin.name}:{form.name}  {form.title}")
        say(f"mubench-gen report RUN --format {about}")
    for dataset in plugin.offers.datasets:
        say(printable(f"mubench-gen eval --data {plugin.name}:{dataset.name}  {dataset.title}"))
    if plugin.judge is not None:
        _show_options(described_options(plugin.judge.Options), "judge.", "the judge")
    of_checkpoints = False
    for model in models:
        if not model["engines"]:
            _show_options(model["options"], "", model["name"])
        elif not of_checkpoints:
            of_checkpoints = True
            _show_options(model["options"], "", "every checkpoint")
        if model["any_id"]:
            say(f"--model also takes another id or folder of the same kind as {model['name']}.")
    _show_options(of_engine, "engine.", f"--engine {engine}")


def _show_gguf(file: Path, *, as_json: bool) -> None:
    """Print what the header of a model in a GGUF file says, and what is opened with it."""
    from mubench_gen.cli.tables import print_json
    from mubench_gen.console.outlet import printable
    from mubench_gen.engines.gguf_checkpoint import ENGINE, find_model

    model = find_model(file, None)
    assert model is not None
    projector = None if model.projector is None else str(model.projector)
    if as_json:
        files, facts = [str(one) for one in model.files], model.header.facts()
        context = model.header.context
        print_json({"files": files, "facts": facts, "context": context, "projector": projector})
        return
    say(f"{printable(str(model.path))} (a model for --engine {ENGINE})")
    for name, value in model.header.facts().items():
        say(f"  {name}: {printable(value)}")
    say(f"  context: {model.header.context or 'not said'}")
    beside = ", ".join(one.name for one in model.projectors)
    more = f"several lie beside it: {beside}" if beside else "none lies beside it"
    say(printable(f"  projector: {projector or f'{more}; -o mmproj=FILE'}"))


@command.command("new", epilog=_NEW_EXAMPLES)
@click.argument("name")
@click.option(
    "--kind",
    metavar="KIND",
    default="generative",
    help="generative, contrastive, endpoint (a service with an API of its own), or dataset. "
    "[generative]",
)
@click.option(
    "--licence",
    "--license",
    metavar="NAME",
    default="Apache-2.0",
    help="Apache-2.0, MIT or BSD-3-Clause. [Apache-2.0]",
)
@click.option(
    "--author", metavar="NAME", default="the authors", help="Name in the licence. [the authors]"
)
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    type=PATH,
    help="A new folder. [mubench-gen-NAME]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def new(
    name: str, kind: str, licence: str, author: str, folder: Path | None, as_json: bool
) -> None:
    """Create the repository of a plugin: model or data set, tests, licence, workflows."""
    from mubench_gen.plugins.scaffold import Scaffold, write_scaffold

    scaffold = Scaffold(name, kind, licence, author)
    folder = folder or Path(scaffold.distribution)
    written = [str(path) for path in write_scaffold(scaffold, folder)]
    if as_json:
        from mubench_gen.cli.tables import print_json

        print_json({"distribution": scaffold.distribution, "path": str(folder), "files": written})
    for path in written if not as_json else ():
        say(path)
    note(f"Next: cd {folder} && pip install -e '.[test]' && pytest")


@command.command("check", epilog=_CHECK_EXAMPLES)
@click.argument("name", shell_complete=completion.plugins)
@click.option("--model", metavar="NAME", help="Which of its models or data sets. [its first]")
@click.option("-o", "options", multiple=True, metavar="K=V", help="An option of the plugin.")
@click.option("--gpu", is_flag=True, help="Check on CUDA instead of the CPU.")
@click.option(
    "--engine", metavar="ENGINE", help="The engine of a checkpoint. [on a CPU transformers]"
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
    """Check that a plugin's model or data set is as the harness needs; exit code 1 if not."""
    from mubench_gen.cli.tables import print_json
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
                log(f"{result.state}: {result.check.name}")
            else:
                _say(result)
    broken = [result for result in results if not result.holds]
    found = {"plugin": name, "holds": not broken, "checks": list(map(_plain, results))}
    if out is not None:
        _write_results(out, found, name, model, quick=quick)
    if as_json:
        print_json(found)
    else:
        say(f"{len(results) - len(broken)} of {len(results)} checks hold.")
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
    line = f"{result.state:<8} {result.check.name} ({result.seconds:.1f} s){found}"
    tell(line, colour=colour)
    if not result.holds:
        tell(f"         It matters: {result.check.reason}.")
        tell(f"         To do: {result.check.remedy}.")


def _plain(result: Result) -> dict[str, Any]:
    return {
        "name": result.check.name,
        "state": result.state,
        "found": result.found,
        "seconds": result.seconds,
        "reason": result.check.reason,
        "remedy": result.check.remedy,
    }


def _described(spec: ModelSpec) -> dict[str, Any]:
    from mubench_gen.cli.option_words import described_options
    from mubench_gen.engines.options import CheckpointOptions
    from mubench_gen.model import Checkpoint

    source = spec.source
    return {
        "name": spec.name,
        "kind": source.kind,
        "source": str(source.path) if isinstance(source, Checkpoint) else source.__qualname__,
        "engines": list(source.engines) if isinstance(source, Checkpoint) else [],
        "any_id": spec.any_id,
        "max_images": None if spec.kind == "contrastive" else spec.max_images,
        "description": spec.description,
        "facts": dict(spec.facts),
        "options": described_options(
            CheckpointOptions if isinstance(source, Checkpoint) else source.Options
        ),
    }


def _show_options(options: dict[str, Any], prefix: str, of: str) -> None:
    """Print the options of a model or a judge, as they are typed."""
    for key, option in options.items():
        value = "…" if option["default"] in (None, (), {}) else option["default"]
        needed = "; required" if option["required"] else ""
        about = option["description"] or ""
        say(f"-o {prefix}{key}={value}  {about}  ({of}; {option['type']}{needed})")


def _show(model: dict[str, Any], *, first: bool) -> None:
    """Print a model: its name for --model, its kind, its facts."""
    from mubench_gen.console.outlet import printable

    source = model["source"]
    notes = [model["kind"], *(["the default"] if first else [])]
    notes += [f"on {' or '.join(model['engines'])}"] if model["engines"] else []
    notes += [f"from {source}"] if source not in ("", model["name"]) else []
    say()
    say(f"  ({printable(', '.join(notes))})", mark=printable(model["name"]), bold=True)
    facts = "; ".join(f"{key} {value}" for key, value in model["facts"].items())
    most = model["max_images"]
    images = f"{most or 'any number of'} image{'s' * (most != 1)} a question"
    for line in (model["description"], facts, images):
        if line:
            say(f"  {printable(line)}")
