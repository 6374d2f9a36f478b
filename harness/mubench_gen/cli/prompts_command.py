"""`mubench-gen prompts`: the styles, and what a model sees of one."""

from __future__ import annotations

from typing import Any

import click

from mubench_gen.cli.help_texts import Subcommands, examples_of
from mubench_gen.cli.options import completion
from mubench_gen.cli.options.data import map_option
from mubench_gen.cli.options.settings import setting_option, setting_options
from mubench_gen.console.outlet import say

_EXAMPLES = """
\b
Examples:
  mubench-gen prompts
  mubench-gen prompts show paper --task modality
  mubench-gen prompts show letter --task stain --prompt-set labels=1 --prompt-set image=after
  mubench-gen prompts show paper --task stain --tokens --plugin tiny      as its tokens
  mubench-gen prompts protocols
  mubench-gen prompts protocols olmo-eval
"""


@click.group("prompts", cls=Subcommands, invoke_without_command=True, epilog=_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the prompt styles; `show` prints one as a model sees it, `protocols` who uses which."""
    if ctx.invoked_subcommand is not None:
        return
    from mubench_gen.cli.views import packages as packages_view
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.prompts.families import family_names, read_family
    from mubench_gen.prompts.files import SUFFIX, prompt_names
    from mubench_gen.prompts.render import load_prompt

    prompts = [load_prompt(name) for name in prompt_names()]
    if as_json:
        print_json(
            [{"name": p.name, "sha256": p.sha256, **p.settings.model_dump()} for p in prompts]
        )
        return
    families = [(name, read_family(path)) for name, path in family_names().items()]
    print_table(
        ["prompt", "for", "labels", "max tokens", "what it is"],
        [
            [
                p.name,
                "generative" if p.settings.kind == "chat" else "contrastive",
                p.settings.labels if p.settings.kind == "chat" else "",
                str(p.settings.max_tokens) if p.settings.kind == "chat" else "",
                p.settings.title,
            ]
            for p in prompts
        ],
        right=[3],
    )
    print_table(
        ["family", "prompts", "made by", "what it is"],
        [[name, str(len(one.members)), one.made, one.title] for name, one in families],
        right=[1],
    )
    packages_view.show("prompts", SUFFIX)


@command.command("show", epilog=examples_of(_EXAMPLES, "prompts show"))
@click.argument("name", shell_complete=completion.prompts)
@click.option(
    "--task",
    required=True,
    metavar="TASK",
    help="The task whose first question is shown.",
    shell_complete=completion.tasks,
)
@click.option(
    "--data",
    default="demo",
    metavar="NAME|PATH",
    help="The data set whose questions are shown. [demo]",
    shell_complete=completion.data,
)
@click.option("--prompt-set", multiple=True, metavar="K=V", help="A setting of the prompt.")
@click.option(
    "--item",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Which of its questions, from 0. [0]",
)
@click.option("--allow-outside", is_flag=True, help="Allow images outside of the data's folder.")
@map_option
@click.option("--tokens", is_flag=True, help="Its tokens, by a checkpoint: --plugin, --model.")
@setting_option("plugin", multiple=False, help="With --tokens: the plugin of the model.")
@setting_options("model", "options", "revision", "trust_remote_code", "thinking")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(
    name: str,
    task: str,
    data: str,
    prompt_set: tuple[str, ...],
    item: int,
    allow_outside: bool,
    mapping: tuple[str, ...],
    tokens: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Print a prompt's rendered messages for one question of a task, or the tokens of them."""
    from itertools import islice

    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.cli.views.tokens import plain_tokens, print_tokens, tokens_of
    from mubench_gen.data import open_dataset
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.settings import map_pairs, pairs
    from mubench_gen.prompts.orders import item_orders
    from mubench_gen.prompts.render import load_prompt, render
    from mubench_gen.runs.record import plain_message
    from mubench_gen.tasks.samples import samples, tasks_of
    from mubench_gen.tasks.task import load_tasks
    from mubench_gen.types import FORM_WORDS, OPEN_FORMS

    given = {flag: value for flag, value in flags.items() if value}
    if given and not tokens:
        raise SettingError(f"--{next(iter(given)).replace('_', '-')} is only for --tokens.")
    prompt = load_prompt(name, pairs(prompt_set))
    dataset = open_dataset(data, outside=allow_outside, mapping=map_pairs(mapping))
    found = tasks_of(load_tasks([task], dataset), dataset, wanted=[task])
    sample = next(islice(samples(found[:1], dataset), item, None), None)
    if sample is None:
        raise SettingError(f"--item {item}: the task {task!r} has fewer questions in {data!r}.")
    form = sample.question.form
    if (prompt.settings.asks == "open") != (form in OPEN_FORMS):
        asked = "an open answer" if prompt.settings.asks == "open" else "one of the options"
        raise SettingError(
            f"The prompt {name!r} asks for {asked}, and the task {task!r} for {FORM_WORDS[form]}: "
            f"name another task, or the prompt {'letter' if form == 'option' else 'open'}."
        )
    order = item_orders(prompt.settings.order, sample.question.options, seed=0, item=sample.id)[0]
    rendered = render(prompt, sample, order)
    messages = [plain_message(message) for message in rendered.messages]
    as_tokens = tokens_of(rendered, given) if tokens else None
    if as_json:
        print_json(
            {
                "prompt": prompt.name,
                "sha256": prompt.sha256,
                "item": sample.id,
                "messages": messages,
                **({} if as_tokens is None else {"tokens": plain_tokens(as_tokens)}),
            }
        )
        return
    if as_tokens is not None:
        print_tokens(as_tokens)
        return
    numbers = {part.get("sha256"): "" for m in messages for part in m["content"]}
    if len(sample.images) > 1:
        numbers = {image.sha256: f"{n} of " for n, image in enumerate(sample.images, 1)}
    for message in messages:
        say(mark=f"── {message['role']} ", colour="cyan")
        for part in message["content"]:
            if part["type"] == "text":
                say(part["text"])
            else:
                say(f"[image {numbers[part['sha256']]}{sample.row.image_id}]")


@command.command("protocols", epilog=examples_of(_EXAMPLES, "prompts protocols"))
@click.argument("name", required=False, shell_complete=completion.protocols)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def protocols(name: str | None, as_json: bool) -> None:
    """List the protocols, for --protocol; with a NAME or a file, show all that one says."""
    from mubench_gen.cli.views import protocols as protocols_view

    if name is None:
        protocols_view.show_all(as_json=as_json)
    else:
        protocols_view.show_one(name, as_json=as_json)
