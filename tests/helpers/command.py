"""The command, as a process and in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import forks

COMMAND = [sys.executable, "-m", "mubench_gen"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def finished(
    words: list[str], folder: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `mubench-gen WORDS` as a process to its end, and what it wrote."""
    if forks.can_fork(env):
        return forks.captured(words, folder, env)
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env=env,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        encoding="utf-8",
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Command:
    """Runs `mubench-gen` as a process in `folder`."""

    folder: Path

    def __call__(self, *args: str | Path, env: dict[str, str] | None = None) -> Outcome:
        """Run to the end. A traceback of a bug fails the test that sees it by itself."""
        done = finished([str(word) for word in args], self.folder, self.environment(env))
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str | Path, **kwargs: Any) -> subprocess.Popen[str]:
        """Start and return at once."""
        return subprocess.Popen(
            [*COMMAND, *map(str, args)],
            cwd=self.folder,
            env=self.environment(kwargs.pop("env", None)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            **kwargs,
        )

    def environment(self, env: dict[str, str] | None) -> dict[str, str]:
        """Without colours, and with a cache of its own: no test shall need the demo's data."""
        kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
        return {**kept, "MUBENCH_GEN_CACHE": str(self.folder / "cache"), **(env or {})}
