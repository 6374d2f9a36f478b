"""The contrastive plugins that ship: declared without importing what they need."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mubench_gen.errors import MissingExtraError, UsageError
from mubench_gen.model import Checkpoint, ContrastiveModel, Model, Runtime
from mubench_gen.plugins.registry import Plugins

NAMES = ("align", "biomedclip", "clip", "conch", "openclip", "siglip")
HEAVY = ("torch", "transformers", "open_clip", "conch")
SHIPPED = Plugins(
    [EntryPoint(name, f"mubench_gen_plugins.{name}", "mubench_gen") for name in NAMES]
)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_says_where_it_comes_from(name: str) -> None:
    for spec in SHIPPED.load(name).models:
        assert spec.kind == "contrastive"
        assert {"family", "domain", "base", "licence"} <= spec.facts.keys()
        assert spec.description


@pytest.mark.parametrize("name", NAMES)
def test_the_project_s_file_names_each_plugin(name: str) -> None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    points = tomllib.loads(project.read_text())["project"]["entry-points"]["mubench_gen"]
    assert points[name] == f"mubench_gen_plugins.{name}"


def test_listing_models_imports_nothing_heavy() -> None:
    loads = "; ".join(
        f"import mubench_gen_plugins.{name} as m; m.mubench_gen_models()" for name in NAMES
    )
    script = f"import sys; {loads}; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_any_id_of_the_family_can_be_asked_for() -> None:
    other = SHIPPED.load("clip").spec("owner/other-clip")
    assert isinstance(other.source, Checkpoint)
    assert other.source.path == "owner/other-clip"
    assert other.facts == {}  # the licence, say, is that of the one named by the plugin
    spec = SHIPPED.load("openclip").spec("hf-hub:owner/other")
    assert isinstance(spec.source, type)
    assert issubclass(spec.source, ContrastiveModel)
    assert spec.name == "hf-hub:owner/other"


def load(name: str, monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    """Load the plugin's first model where a package is not installed."""
    for module in [m for m in sys.modules if m.startswith(f"mubench_gen_plugins.{name}.")]:
        monkeypatch.delitem(sys.modules, module)
    for module in (lacks, f"{lacks}.open_clip_custom"):
        monkeypatch.setitem(sys.modules, module, None)
    spec = SHIPPED.load(name).models[0]
    assert isinstance(spec.source, type)
    model: Model = spec.source(None, Runtime(spec.name, device="cpu"))
    model.load()


def test_openclip_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    with pytest.raises(MissingExtraError, match=r"pip install 'mubench-gen\[openclip\]'"):
        load("openclip", monkeypatch, "open_clip")


def test_conch_says_how_to_get_access(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match=r"(?s)huggingface\.co/MahmoodLab/conch.*CONCH\.git"):
        load("conch", monkeypatch, "conch")
