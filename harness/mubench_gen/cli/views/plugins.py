"""What `mubench-gen plugins show` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.model import ModelSpec


def show_gguf(file: Path, *, as_json: bool) -> None:
    """Print what the header of a model in a GGUF file says, and what is opened with it."""
    from mubench_gen.cli.views.tables import print_json
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
