"""A release: one version, a wheel and an sdist that are whole, and a workflow that checks them."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

import mubench_gen

from .helpers.environments import Environment, borrowed, harness_wheel, make_environment

ROOT = Path(mubench_gen.__file__).resolve().parents[2]
CHECKOUT = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="there is no checkout here: make unit runs this"
)
_SDIST = "import os, sys; from hatchling.build import build_sdist; build_sdist(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return harness_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def user(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel in a fresh environment, with what its extras bring."""
    folder = tmp_path_factory.mktemp("release")
    return make_environment(folder / "env", [wheel], borrowed(folder / "borrowed"))


def test_the_wheels_metadata_are_valid_and_say_what_an_index_shows(wheel: Path) -> None:
    from packaging.metadata import Metadata

    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = Metadata.from_email(archive.read(name), validate=True)
        names = archive.namelist()
    assert str(metadata.version) == mubench_gen.__version__
    assert metadata.description_content_type == "text/markdown"
    assert metadata.description is not None
    assert metadata.description.startswith("# mubench-gen")
    assert metadata.license_expression == "Apache-2.0"
    assert [n for n in names if n.endswith("licenses/LICENSE")]
    assert str(metadata.requires_python) == ">=3.11"
    assert metadata.requires_dist is not None
    needed = {need.name for need in metadata.requires_dist if need.marker is None}
    assert not needed & {"torch", "transformers", "vllm", "aiohttp"}


def test_no_path_of_this_machine_is_in_the_wheel(wheel: Path) -> None:
    home = str(Path.home()).encode()
    with zipfile.ZipFile(wheel) as archive:
        texts = [n for n in archive.namelist() if not n.endswith((".safetensors", "RECORD"))]
        assert [n for n in texts if str(ROOT).encode() in archive.read(n)] == []
        if len(home) > len("/root"):
            assert [n for n in texts if home in archive.read(n)] == []


@pytest.mark.exhaustive
@CHECKOUT
def test_the_sdist_holds_what_a_packager_needs_to_build_and_test_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _SDIST, str(tmp_path)], cwd=ROOT, check=True)
    (path,) = tmp_path.glob("*.tar.gz")
    assert path.name == f"mubench_gen-{mubench_gen.__version__}.tar.gz"
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in (
        "pyproject.toml", "PKG-INFO", "LICENSE", "README.md", "CHANGELOG.md", "Makefile",
        "mkdocs.yml", "harness/mubench_gen/__init__.py", "tasks/modality.toml", "prompts/paper.j2",
        "tests/test_release.py", "docs/tutorial.md",
        "tests/api/mubench_gen_frozen-0.1.0-py3-none-any.whl",
    ):  # fmt: skip
        assert needed in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("runs/")]


@pytest.mark.exhaustive
def test_the_wheel_alone_does_the_main_job_and_torch_is_not_looked_for(
    user: Environment,
) -> None:
    done = user("eval", "--plugin", "echo", "--limit", "2", "--json")
    assert done.code == 0, done.err
    assert done.document["scores"]["pooled"]["n_errors"] == 0
    assert user("--version").out.strip().endswith(mubench_gen.__version__)


@pytest.mark.exhaustive
def test_with_the_extra_it_does_the_readmes_main_job(user: Environment) -> None:
    pytest.importorskip("transformers")
    done = user("eval", "--plugin", "tiny", "--tasks", "modality", "--limit", "8", "--json")
    assert done.code == 0, done.err
    assert done.document["scores"]["pooled"]["statuses"]["answered"] > 0.9


@CHECKOUT
def test_the_version_stands_in_one_place() -> None:
    found = [
        path
        for path in [*ROOT.glob("*.toml"), *(ROOT / "harness").rglob("*.py")]
        if re.search(
            rf'version[_\W]+{re.escape(mubench_gen.__version__)}"', path.read_text("utf-8")
        )
    ]
    assert [path.name for path in found] == ["_version.py"]


@CHECKOUT
def test_the_changelog_begins_with_this_version() -> None:
    heading = re.search(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert heading is not None
    assert heading[1] == mubench_gen.__version__
    assert heading[2] == "unreleased" or re.fullmatch(r"20\d\d-\d\d-\d\d", heading[2])


@CHECKOUT
def test_the_release_uploads_what_was_tested_and_stores_no_token() -> None:
    yaml = pytest.importorskip("yaml")
    text = (ROOT / ".github/workflows/release.yml").read_text("utf-8")
    jobs: dict[str, Any] = yaml.safe_load(text)["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["environment"] == "release"
    assert jobs["publish"]["needs"] == "alone"
    assert jobs["alone"]["needs"] == "build"
    steps = jobs["publish"]["steps"]
    assert not any("build" in str(step.get("run", "")) for step in steps)  # what was tested is sent
    assert "secrets." not in text
    assert "password" not in text
    assert any("make test" in str(step.get("run")) for step in jobs["build"]["steps"])
