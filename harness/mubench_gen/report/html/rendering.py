"""Templates, style sheet and scripts → pages, each with a policy that allows its one script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from mubench_gen._version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent


def render(template: str, scripts: Sequence[str], *, is_served: bool = False, **given: Any) -> str:
    """The page as text. `given`: the template's variables, which it escapes."""
    script = "(() => {\n" + "\n".join(_asset(name) for name in scripts) + "})();"
    return (
        _environment()
        .get_template(template)
        .render(
            version=__version__,
            policy=_policy(script, is_served=is_served),
            style=Markup(_asset("page.css")),
            script=Markup(script),
            is_served=is_served,
            **given,
        )
    )


@cache  # a template is compiled once, however many pages a leaderboard has
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
    environment.filters["breakable"] = _breakable
    return environment


def _asset(name: str) -> str:
    """The text of a file of this package."""
    return (FOLDER / name).read_text(encoding="utf-8")


def _breakable(name: str) -> Markup:
    """A name that a narrow column may break after its underscores, hyphens and slashes."""
    return Markup(re.sub(r"([_/]|-(?=\w))", r"\1<wbr>", str(escape(name))))


def _policy(script: str, *, is_served: bool) -> str:
    """The content security policy: the page may run this one script, and load nothing, or what
    its own server has.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    loaded = "img-src 'self' data:; connect-src 'self'" if is_served else "img-src data:"
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        f"{loaded}; base-uri 'none'; form-action 'none'"
    )
