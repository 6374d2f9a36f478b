"""`prompts show --tokens`: what a model's tokenizer and processor make of a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.engines.transformers.prompt_tokens import PromptTokens
    from mubench_gen.types import RenderedPrompt


def tokens_of(rendered: RenderedPrompt, given: Mapping[str, Any]) -> list[PromptTokens]:
    """The tokens of a rendered prompt, by the model that the settings `given` name.

    SettingError where that cannot be known: of a server's model, and of a class of a plugin's own.
    """
    from mubench_gen.cli.eval_command import plugin_of_settings
    from mubench_gen.engines.advice import advice
    from mubench_gen.engines.transformers.prompt_tokens import prompt_tokens
    from mubench_gen.errors import ItemError, SettingError, UsageError
    from mubench_gen.model import Checkpoint
    from mubench_gen.plan.opening import runtime_of, spec_of
    from mubench_gen.plan.request import RequestContext, make_request
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins

    name = given.get("plugin") or plugin_of_settings(dict(given))
    settings = make_settings({**given, "plugin": name})
    spec = spec_of(Plugins().load(name), settings)
    if not isinstance(spec.source, Checkpoint):
        raise SettingError(
            f"The model {spec.name!r} of the plugin {name!r} is the plugin's own code, which does "
            "not say how it makes tokens: --tokens is for checkpoints."
        )
    if not str(spec.source.path):
        raise SettingError(
            f"The plugin {name!r} asks a server, which alone knows its tokenizer, its chat "
            "template and how many tokens an image has: none of that can be shown here. "
            "`mubench-gen doctor --base-url URL` says how many tokens an image adds, and records "
            "keep `usage`; of the same checkpoint as files: --plugin hf --model ID."
        )
    readout = "similarity" if spec.source.kind == "contrastive" else "parse"
    request = make_request(rendered, readout, 0, RequestContext("", 0.0, None, 0))  # type: ignore[arg-type]
    images = max(1, len(rendered.sample.images))
    try:
        return prompt_tokens(spec.source, runtime_of(spec, settings, images), request)
    except ItemError as error:
        raise UsageError(f"{str(error).rstrip('.')}. {advice(str(error))}".rstrip()) from None


def print_tokens(found: list[PromptTokens]) -> None:
    """The tokens as a table, each run of equal ones in one line."""
    from mubench_gen.cli.views.tables import print_table

    for one in found:
        template = "" if one.template is None else f", chat template: the {one.template}'s"
        images = "" if not one.image_tokens else f", {one.image_tokens:,} of them of images"
        say(mark=f"── {len(one.ids):,} tokens{images}{template} ", colour="cyan")
        rows = [
            [str(run.place), str(run.id), repr(run.text), f"× {run.count:,}" * (run.count > 1)]
            for run in one.runs
        ]
        print_table(["place", "id", "token", ""], rows, right=[0, 1])


def plain_tokens(found: list[PromptTokens]) -> list[dict[str, Any]]:
    """The same for --json."""
    return [{**asdict(one), "n": len(one.ids)} for one in found]
