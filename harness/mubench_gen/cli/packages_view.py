"""Below the listings of tasks and prompts: what installed packages bring beside."""

from __future__ import annotations

from mubench_gen.console.outlet import say


def show(kind: str, suffix: str) -> None:
    """A line for each package that has definitions of this kind, or could not be used."""
    from mubench_gen.plugins.task_packages import MARK, packages

    for package in packages():
        files = package.files(kind, suffix)
        origin = f"{package.distribution} {package.version}"
        if package.state != "ok":
            say(f"From {package.name} ({origin}): {package.state}")
        elif files:
            named = ", ".join(f"{package.name}{MARK}{name}" for name in files)
            say(f"From {package.name} ({origin}): {named}")
