"""The tutorial, followed word for word: a fresh environment, built wheels, no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers.demo import small_demo
from .helpers.documents import DOCS, blocks
from .helpers.environments import borrowed, harness_wheel

PAGE = DOCS / "tutorial.md"


def script() -> str:
    """The page's commands and files as one program of the shell, in their order."""
    parts = ["set -eu"]
    for block in blocks(PAGE):
        if block.reason is not None or block.language == "text":
            continue
        if block.title is not None:
            parts.append(f"cat > {block.title} <<'END OF FILE'\n{block.text}END OF FILE")
        else:
            parts += [f"echo '## {block.place}'", block.text]
    return "\n".join(parts) + "\n"


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("bash") is None, reason="the page's commands are bash's")
def test_the_tutorial_works_word_for_word(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    # A borrowed package brings no program of its own into the environment: pytest is one.
    commands = {"python3": f'"{sys.executable}"', "pytest": "python -m pytest"}
    for name, command in commands.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)
    harness_wheel_folder = harness_wheel(tmp_path / "dist").parent
    cache = tmp_path / "cache"
    small_demo(cache)
    work = tmp_path / "work"
    work.mkdir()
    kept = {
        k: v for k, v in os.environ.items()
        if not k.startswith(("PYTHON", "PYTEST", "PIP_", "VIRTUAL_ENV", "MUBENCH_GEN"))
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", script()],
        cwd=work,
        env={
            **kept,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(borrowed(tmp_path / "borrowed")),  # instead of the network
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(harness_wheel_folder),
            "PIP_NO_BUILD_ISOLATION": "false",  # pip's way to say: without isolation
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "MUBENCH_GEN_CACHE": str(cache),
            "NO_COLOR": "1",
        },
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    for block in blocks(PAGE):
        if block.language == "text":
            for line in block.text.splitlines():
                assert line in done.stdout, f"{block.place}: {line!r} is not printed"
    shown = (work / "mubench-gen-cellnet/pyproject.toml").read_text()
    assert '"mubench-gen>=0.1.0,<0.3"' in shown
