"""Which of the installed plugins the user leaves out, by the environment."""

from __future__ import annotations

import os

ALLOWED, REFUSED = "MUBENCH_GEN_PLUGINS", "MUBENCH_GEN_NO_PLUGINS"  # names, with commas


def switched_off(name: str) -> str | None:
    """Why a plugin of that name is left out: "off: …"; None where it isn't."""
    allowed, refused = os.environ.get(ALLOWED), os.environ.get(REFUSED, "")
    if name in _split(refused):
        return f"off: by --no-plugin or {REFUSED}"
    if allowed is not None and name not in _split(allowed):
        return f"off: {ALLOWED} does not name it"
    return None


def _split(names: str) -> set[str]:
    return {name.strip() for name in names.split(",")}
