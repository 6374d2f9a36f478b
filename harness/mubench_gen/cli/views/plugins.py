"""What `mubench-gen plugins show` prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.model import ModelSpec
    from mubench_gen.plugins.registry import Plugin


def show_gguf(file: Path, *, as_json: bool) -> None:
    """Print what the header of a model in a GGUF file says, and what is opened with it."""
    from mubench_gen.cli.views.tables import print_json
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


def described(spec: ModelSpec) -> dict[str, Any]:
    from mubench_gen.cli.options.words import described_options
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


def show_options(options: dict[str, Any], prefix: str, of: str) -> None:
    """Print the options of a model or a judge, as they are typed."""
    for key, option in options.items():
        value = "…" if option["default"] in (None, (), {}) else option["default"]
        needed = "; required" if option["required"] else ""
        about = option["description"] or ""
        say(f"-o {prefix}{key}={value}  {about}  ({of}; {option['type']}{needed})")


def show_model(model: dict[str, Any], *, first: bool) -> None:
    """Print a model: its name for --model, its kind, its facts."""
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


def document_of(plugin: Plugin) -> dict[str, Any]:
    """What a plugin offers, for JSON."""
    offers = plugin.offers
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "models": [described(spec) for spec in plugin.models],
        "judge": None if plugin.judge is None else plugin.judge.__qualname__,
        "scorer": offers.score is not None,
        "section": offers.section is not None,
        "transforms": [one.name for one in offers.transforms],
        "metrics": {one.name: one.title for one in offers.metrics},
        "exports": {one.name: one.title for one in offers.exports},
        "datasets": {one.name: one.title for one in offers.datasets},
    }


def show_plugin(plugin: Plugin) -> None:
    """Print a plugin's models, then a command for each thing that it offers, then options."""
    from mubench_gen.cli.options.words import described_options

    origin = f"{plugin.distribution} {plugin.version}" if plugin.distribution else str(plugin.path)
    say(f"{printable(plugin.name)} ({printable(origin)})")
    models = [described(spec) for spec in plugin.models]
    for number, model in enumerate(models):
        show_model(model, first=number == 0)
    for line in _commands(plugin):
        say(f"mubench-gen {line}")
    if plugin.judge is not None:
        show_options(described_options(plugin.judge.Options), "judge.", "the judge")
    of_checkpoints = False
    for model in models:
        if not model["engines"]:
            show_options(model["options"], "", model["name"])
        elif not of_checkpoints:
            of_checkpoints = True
            show_options(model["options"], "", "every checkpoint")
        if model["any_id"]:
            say(f"--model also takes another id or folder of the same kind as {model['name']}.")


def _commands(plugin: Plugin) -> Iterator[str]:
    """How what a plugin offers beside models is used, a line each."""
    from mubench_gen.plugins.listing import OWN

    offers = plugin.offers
    for offered, flag in (
        (plugin.judge, "eval --judge"),
        (offers.score, "score RUN --scorer"),
        (offers.section, "report RUN --section"),
    ):
        if offered is not None:
            yield f"{flag} {plugin.name}"
    for one in offers.transforms:
        is_shipped = plugin.distribution == OWN or one.name == plugin.name
        name = one.name if is_shipped else f"{one.name}@{plugin.name}"
        name += f":1-{len(one.severities)}" if one.severities else ""
        options = "".join(f":{p.name}={p.default}" for p in one.parameters if p.name != "seed")
        yield printable(f"eval --image-set transform={name}{options}  {one.description}")
    for metric in offers.metrics:
        yield printable(f"report RUN --metric {plugin.name}:{metric.name}  {metric.title}")
    for form in offers.exports:
        yield printable(f"report RUN --format {plugin.name}:{form.name}  {form.title}")
    for dataset in offers.datasets:
        yield printable(f"eval --data {plugin.name}:{dataset.name}  {dataset.title}")
