"""Plugins on disk: a file, and a distribution with its metadata."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

_MODEL = """
import mubench_gen


class Mine(mubench_gen.GenerativeModel):
{body}


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("mine", Mine)]
"""


def write_plugin(path: Path, body: str) -> Path:
    """A plugin file with one generative model, of which `body` is the class's body."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_MODEL.format(body=textwrap.indent(textwrap.dedent(body), "    ")), "utf-8")
    return path


def write_distribution(
    site: Path,
    name: str,
    *,
    version: str = "1.0",
    entries: Sequence[str] = (),
    requires: Sequence[str] = (),
    modules: dict[str, str] | None = None,
) -> Path:
    """A distribution as pip leaves it in a folder of sys.path; entries are "NAME = MODULE"."""
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {need}" for need in requires]
    (metadata / "METADATA").write_text("\n".join(lines) + "\n", "utf-8")
    (metadata / "entry_points.txt").write_text(
        "[mubench_gen]\n" + "".join(f"{entry}\n" for entry in entries), "utf-8"
    )
    for module, source in (modules or {}).items():
        (site / f"{module}.py").write_text(textwrap.dedent(source), "utf-8")
    return metadata
