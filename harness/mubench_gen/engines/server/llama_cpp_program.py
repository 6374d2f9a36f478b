"""The program `llama-server` of llama.cpp: where it is, its version, the arguments it knows."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from mubench_gen.storage.paths import user_path

PROGRAM = "llama-server"
INSTALL = (
    "Install llama.cpp (brew install llama.cpp, winget install llama.cpp, or a release of "
    "github.com/ggml-org/llama.cpp), or name its program: -o engine.binary=PATH."
)
_FLAGS = re.compile(r"^-[^\s,]+(?:, +-[^\s,]+)*", re.MULTILINE)


def find_program(named: Path | None = None) -> Path | None:
    """The program of that path, else the one of the PATH; None where it is not."""
    found = shutil.which(PROGRAM if named is None else user_path(named))
    return None if found is None else Path(found)


@lru_cache(maxsize=4)
def known_flags(binary: Path) -> frozenset[str]:
    """The arguments that a program's --help lists, with underscores; none if it cannot tell."""
    return frozenset(
        flag.removeprefix("--").replace("-", "_")
        for flags in _FLAGS.findall(_asked(binary, "--help"))
        for flag in re.findall(r"--[\w-]+", flags)
    )


def version_of(binary: Path) -> str | None:
    """What a program calls its version: "b6543 (7e4c0a9)", or 0.1.0; None if it cannot tell."""
    found = re.search(r"^version: (.{1,80})", _asked(binary, "--version"), re.MULTILINE)
    return found[1].strip() if found else None


def _asked(binary: Path, flag: str) -> str:
    try:
        done = subprocess.run(
            [binary, flag], capture_output=True, text=True, errors="replace", timeout=60,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr
