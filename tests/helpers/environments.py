"""Environments as a user has them: the built wheel installed, no checkout in reach, no network.

The packages that it needs are borrowed from the tests' own environment through a folder of
links, in which nothing of mubench-gen's own stands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import mubench_gen

from .command import Outcome

_OWN = ("mubench_gen", "mubench-gen", "_editable_impl_mubench", "__editable__")
_BUILD = """
import contextlib, os, sys
from hatchling.build import build_wheel
with contextlib.redirect_stdout(sys.stderr):
    for folder in sys.argv[2:]:
        os.chdir(folder)
        build_wheel(sys.argv[1])
"""


def build_wheels(folders: Iterable[Path], into: Path) -> list[Path]:
    """The wheels of these projects, by hatchling itself: no build environment, no network."""
    into.mkdir(parents=True, exist_ok=True)
    before = set(into.glob("*.whl"))
    command = [sys.executable, "-c", _BUILD, into, *folders]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return sorted(set(into.glob("*.whl")) - before)


def harness_wheel(into: Path) -> Path:
    """The wheel of mubench-gen: the one under test, or built from the checkout under test."""
    dist = os.environ.get("MUBENCH_GEN_TEST_WHEEL")
    if dist is not None:
        (found,) = Path(dist).resolve().glob("mubench_gen-*.whl")
        return found
    root = Path(mubench_gen.__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("neither a built wheel nor a checkout at hand")
    (built,) = build_wheels([root], into)
    return built


def borrowed(folder: Path) -> Path:
    """A folder of links to all that is installed here, but mubench-gen."""
    folder.mkdir(parents=True)
    for site in map(Path, sys.path):
        if not any(site.glob("*.dist-info")):
            continue
        for thing in site.iterdir():
            link = folder / thing.name
            if thing.name.startswith(_OWN) or thing.suffix == ".pth" or link.exists():
                continue
            link.symlink_to(thing.resolve())
    return folder


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment; `work` is the folder in which its commands run."""

    folder: Path
    work: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def __call__(self, *words: object, env: Mapping[str, str] | None = None) -> Outcome:
        """Run `mubench-gen WORDS`."""
        return self.run(self.folder / "bin" / "mubench-gen", *words, env=env)

    def run(self, *words: object, env: Mapping[str, str] | None = None) -> Outcome:
        """Run a command to its end."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self.work,
            env={**self.environment, **(env or {})},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the tests' own Python in it, the environment's programs first."""
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("PYTHON", "PYTEST", "PIP_", "VIRTUAL_ENV", "MUBENCH_GEN"))
        }
        path = os.pathsep.join([str(self.folder / "bin"), kept.get("PATH", "")])
        return {**kept, "PATH": path, "NO_COLOR": "1", **self.variables}


def make_environment(folder: Path, wheels: Iterable[Path], packages: Path) -> Environment:
    """An environment that holds these wheels, and behind it the borrowed packages."""
    venv.create(folder, with_pip=False)
    (work := folder / "work").mkdir()
    environment = Environment(folder, work, {"MUBENCH_GEN_CACHE": str(folder / "cache")})
    pip = [sys.executable, "-m", "pip", "--python", str(environment.python)]
    pip += ["install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, *map(str, wheels)], check=True)
    site = environment.run(
        environment.python, "-c", "import site; print(site.getsitepackages()[0])"
    )
    Path(site.out.strip(), "borrowed.pth").write_text(f"{packages}\n")
    return environment
