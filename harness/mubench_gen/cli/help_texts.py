"""How commands print their help: options in sections, full lines of subcommands, examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from mubench_gen.cli.options.common import shows_all

_WIDE = 200  # characters: click cuts no line of a subcommand at this width


def examples_of(examples: str, words: str) -> str:
    """The examples that are about one subcommand ("data info")."""
    head, *lines = examples.strip().splitlines()
    title, *lines = lines
    own = [line for line in lines if line.strip().startswith(f"mubench-gen {words}")]
    return "\n".join(["", head, title, *own, ""])


class Subcommands(click.Group):
    """A group that lists its subcommands uncut, and suggests names for unknown ones."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(_WIDE)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            from mubench_gen.errors import did_you_mean

            near = did_you_mean(args[0], self.commands)
            hint = ""
            if near.startswith("Known") and "show" in self.commands:
                hint = f" `{ctx.command_path} show {args[0]}` shows what has that name."
            ctx.fail(f"There is no command '{ctx.command_path} {args[0]}'. {near}{hint}")
        return super().resolve_command(ctx, args)


class Sectioned(click.Command):
    """A command with headings over its options; options without a heading come last.

    `few`: the options that -h shows; --help-all shows all. Without it -h shows all.
    """

    def __init__(
        self,
        *args: object,
        sections: Mapping[str, Sequence[str]],
        few: Sequence[str] = (),
        **kw: object,
    ) -> None:
        super().__init__(*args, **kw)  # type: ignore[arg-type]
        self.sections = sections
        self.few = frozenset(few)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, tuple[str, str]] = {}
        named = {option for options in self.sections.values() for option in options}
        rest: list[str] = []
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None and isinstance(parameter, click.Option):
                rows |= dict.fromkeys(parameter.opts, row)
                rest += [] if named.intersection(parameter.opts) else parameter.opts[:1]
        short = bool(self.few) and not shows_all(ctx)
        hidden = 0
        for title, options in {**self.sections, "Other": rest}.items():
            there = [option for option in options if option in rows]
            shown = [rows[o] for o in there if not short or o in self.few]
            hidden += len(there) - len(shown)
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown)
        if hidden:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(f"{hidden} more options: {ctx.command_path} --help-all")
