"""What of the site is made and not written: the nav, the first page, the commands' own help.

mkdocs calls the functions whose names begin with `on_` (mkdocs.yml, `hooks`).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # mkdocs loads this file by its path
import task_pages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# In this order; what isn't there is left out, and what isn't named here comes under "More".
NAV = {
    "Begin": ("index.md", "quickstart.md", "howto/read-report.md", "glossary.md", "gallery.md",
              "notebooks/first-run.md", "notebooks/own-images.md", "tutorial.md", "faq.md"),
    "How to": (
        "howto/settings.md", "howto/own-data.md", "howto/any-benchmark.md", "howto/open-answers.md",
        "howto/choose.md",
        "howto/own-prompt.md",
        "howto/server.md", "howto/laptop.md", "howto/cluster.md", "howto/offline.md",
        "howto/doctor.md",
        "howto/exchange.md", "howto/protocols.md",
    ),
    "Models": (
        "plugins.md", "models.md", "contrastive.md", "engines.md", "servers.md", "conformance.md",
        "plugins-checked.md", "extending.md", "suite.md", "interpolation.md",
    ),
    "Data, tasks, scores": (
        "data.md", "parser.md", "scorers.md", "disagreement.md", "statistics.md", "analysis.md",
        "ablations.md", "transforms.md", "localization.md",
    ),
    "Tasks": tuple(task_pages.names()),
    "Reference": ("api.md", "commands.md", "settings.md", "architecture.md", "scale.md",
                  "benchmarks.md"),
    "Project": ("changelog.md", "contributing.md"),
}  # fmt: skip
# What the nav calls a page, where its own title is long.
TITLES = {
    "index.md": "Overview",
    "quickstart.md": "Quick start",
    "howto/read-report.md": "Reading the report",
    "howto/settings.md": "Settings and the shell",
    "tasks/index.md": "All tasks",
    "tutorial.md": "Tutorial: publish a plugin",
    "api.md": "Python API",
    "conformance.md": "Conformance checks",
    "plugins-checked.md": "The shipped plugins, checked",
    "scorers.md": "Protocols",
    "statistics.md": "Statistics",
    "analysis.md": "Analysis",
    "ablations.md": "Ablations",
    "interpolation.md": "Interpolation",
    "settings.md": "Settings",
    "architecture.md": "Architecture",
    "scale.md": "Scale",
    "benchmarks.md": "Benchmarks",
    "contributing.md": "Contributing",
}
HIDDEN = ("api-introduction.md",)
# Files of the repository that are pages of the site too.
COPIED = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "models.md": "plugins/mubench_gen_plugins/README.md",
}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Gives the site its nav: what exists, in the order of NAV."""
    config.nav = nav()
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made."""
    from mkdocs.structure.files import File

    for name, text in made().items():
        files.append(File.generated(config, name, content=text))
    pages, pictures = task_pages.pages()
    for name, content in [*pages.items(), *pictures.items()]:
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links out of the documents' folder become plain text: the site has no such pages."""
    return _LINK.sub(lambda link: _kept(link, page.file.src_uri), markdown)


Page = str | dict[str, str]  # its path, or its title in the nav and its path


def nav() -> list[dict[str, list[Page]]]:
    """The nav as mkdocs takes it: a tab a section."""
    there = sorted([*written(), *made_names()])
    sections = {title: [name for name in names if name in there] for title, names in NAV.items()}
    named = {name for names in sections.values() for name in names}
    sections["More"] = [n for n in there if n not in named and not n.startswith("decisions/")]
    sections["Project"] += [name for name in there if name.startswith("decisions/")]
    return [{title: list(map(_titled, names))} for title, names in sections.items() if names]


def _titled(name: str) -> Page:
    return {TITLES[name]: name} if name in TITLES else name


def written() -> Iterator[str]:
    """The pages that are files, by their path in this folder."""
    for path in HERE.rglob("*.md"):
        name = path.relative_to(HERE).as_posix()
        if name not in HIDDEN:
            yield name


def made_names() -> list[str]:
    notebooks = [f"notebooks/{path.stem}.md" for path in _notebooks()]
    return [*COPIED, "commands.md", "settings.md", *notebooks, *task_pages.names()]


def made() -> dict[str, str]:
    """The pages that are made, by their path in the site; those of the tasks take a moment more."""
    copied = {name: _as_page((ROOT / source).read_text("utf-8")) for name, source in COPIED.items()}
    notebooks = {f"notebooks/{path.stem}.md": notebook(path) for path in _notebooks()}
    return {**copied, "commands.md": commands(), "settings.md": settings(), **notebooks}


def _notebooks() -> list[Path]:
    return sorted((HERE / "notebooks").glob("*.ipynb"))


def notebook(path: Path) -> str:
    """A notebook as a page: its texts, and its code as blocks."""
    parts = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    title, *rest = parts
    return (
        "\n\n".join([title, f"*[The notebook itself]({path.name}); the tests run it.*", *rest])
        + "\n"
    )


def commands() -> str:
    """Every command's own help."""
    import click

    from mubench_gen.cli import cli

    parts = ["# The command line", "As each command's `--help-all` prints it."]
    names = ["-h", "--help"]  # a command keeps what it was asked for first
    with click.Context(cli, info_name="mubench-gen", help_option_names=names) as ctx:
        parts.append(_help(cli, ctx, "mubench-gen"))
        for path, command in walk(cli, ctx):
            inner = click.Context(command, info_name=f"mubench-gen {path}", help_option_names=names)
            parts += [f"## {path}", _help(command, inner, path)]
    return "\n\n".join(parts) + "\n"


def walk(group: Any, ctx: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below a group, with its words."""
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        yield f"{before}{name}", command
        if hasattr(command, "list_commands"):
            yield from walk(command, ctx, f"{before}{name} ")


def _help(command: Any, ctx: Any, path: str) -> str:
    from mubench_gen.cli.options.common import show_all

    show_all(ctx)
    ctx.terminal_width = ctx.max_content_width = 96
    return f"```text\n{command.get_help(ctx)}\n```"


def settings() -> str:
    """Every setting of a run: a flag of `eval`, a key of `--config`, an argument of `evaluate`."""
    from mubench_gen.plan.options import OPTIONS
    from mubench_gen.plan.settings import Settings

    lines = [
        "# The settings of a run",
        "",
        "Each is a flag of `mubench-gen eval` (with hyphens), a variable of the environment "
        "(`MUBENCH_GEN_LIMIT`), a key of a `--config` file or of your own one "
        "([how](howto/settings.md)), and an argument of `mubench_gen.evaluate`.",
        "",
        "| setting | default | what it is |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else field.get_default(call_default_factory=True)
        shown = "" if default in ("", None, (), {}) else f"`{default}`"
        about = OPTIONS[name].help.replace("|", "\\|")
        lines.append(f"| `{name}` | {shown} | {about} |")
    return "\n".join(lines) + "\n"


def _as_page(source: str) -> str:
    """A file of the repository's root as a page of this folder."""
    return source.replace("](docs/", "](")


def _kept(link: re.Match[str], page: str) -> str:
    """The link, or its text where it leads to a file that is no page."""
    text, target = link[1], link[2]
    path, _, _ = target.partition("#")
    if not path or "://" in target or target.startswith("mailto:"):
        return link[0]
    resolved = (HERE / page).parent.joinpath(path).resolve()
    for name, source in COPIED.items():
        if resolved in (ROOT / source, HERE / source):
            up = "../" * page.count("/")
            return f"[{text}]({up}{name})"
    inside = resolved.is_relative_to(HERE)
    return link[0] if inside and (resolved.suffix == ".md" or resolved.is_file()) else text
