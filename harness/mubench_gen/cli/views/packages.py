"""Lists, below tasks and prompts, the definitions that installed packages add."""

from __future__ import annotations

from mubench_gen.console.outlet import say


def show(kind: str, suffix: str) -> None:
    """Print a line for each package that has definitions of this kind or is unusable."""
    from mubench_gen.plugins.task_packages import MARK, packages

    for package in packages():
        files = package.files(kind, suffix)
        origin = f"{package.distribution} {package.version}"
        if package.state != "ok":
            say(f"From {package.name} ({origin}): {package.state}")
        elif files:
            named = ", ".join(f"{package.name}{MARK}{name}" for name in files)
            say(f"From {package.name} ({origin}): {named}")
