"""The generative plugins that ship: what they declare, and say where a model is not had."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mubench_gen.engines import open_checkpoint
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, ModelSpec, Runtime
from mubench_gen.plugins.registry import Plugins
from mubench_gen.scores.metadata import facts_of

from .conftest import Here

POINTS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"][
    "entry-points"
]["mubench_gen"]
SHIPPED = Plugins([EntryPoint(name, module, "mubench_gen") for name, module in POINTS.items()])
GENERATIVE = (
    "gemma", "internvl", "llava", "llava-med", "paligemma", "pixtral", "qwen-vl", "smolvlm",
)  # fmt: skip
WITHOUT_WEIGHTS = {"echo", "hf", "openai", "lm-eval", "probability"}
FACTS = {"family", "domain", "base", "licence", "parameters"}
DOMAINS = {"general", "medicine", "biomedicine", "pathology", "generated micrographs"}


def specs(*names: str) -> list[ModelSpec]:
    return [spec for name in names for spec in SHIPPED.load(name).models]


@pytest.mark.parametrize("name", sorted(POINTS.keys() - WITHOUT_WEIGHTS))
def test_every_model_has_the_same_facts(name: str) -> None:
    for spec in specs(name):
        assert spec.facts.keys() >= FACTS
        assert spec.facts["domain"] in DOMAINS
        assert re.fullmatch(r"\d+(\.\d+)?B", spec.facts["parameters"])
        assert spec.description


def scope(spec: ModelSpec) -> str:
    manifest = {
        "model": {"id": spec.name, "facts": dict(spec.facts)},
        "plugin": {"name": "", "kind": spec.kind},
    }
    return facts_of(manifest)["scope"]


def test_models_of_one_field_are_specialists() -> None:
    found = {spec.name: scope(spec) for spec in specs(*GENERATIVE, "clip", "siglip")}
    assert found["google/medgemma-4b-it"] == "specialist"
    assert found["chaoyinshe/llava-med-v1.5-mistral-7b-hf"] == "specialist"
    assert found["vinid/plip"] == "specialist"
    assert found["google/gemma-3-4b-it"] == "generalist"
    assert found["openai/clip-vit-base-patch32"] == "generalist"


@pytest.mark.parametrize("name", GENERATIVE)
def test_each_takes_other_checkpoints_of_its_kind_and_names_its_engines(name: str) -> None:
    plugin = SHIPPED.load(name)
    assert plugin.models[0].any_id
    for spec in (*plugin.models, plugin.spec("owner/fine-tune")):
        assert isinstance(spec.source, Checkpoint)
        assert spec.source.kind == "generative"
        assert spec.source.engines == ("vllm", "transformers")
        assert spec.source.path == spec.name
    assert plugin.spec("owner/fine-tune").facts == {}


@pytest.mark.parametrize("name", GENERATIVE)
def test_the_list_tells_their_kind_without_importing_them(name: str) -> None:
    [listed] = [plugin for plugin in SHIPPED.list() if plugin.name == name]
    assert (listed.kind, listed.state, listed.notes) == ("generative", "ok", ())


def test_listing_their_models_imports_nothing_heavy() -> None:
    loads = "; ".join(f"import {POINTS[name]} as m; m.mubench_gen_models()" for name in GENERATIVE)
    heavy = ("torch", "transformers", "vllm", "numpy", "pandas", "huggingface_hub")
    script = f"import sys; {loads}; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def refusal(name: str, model: str | None, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of a model that the hub does not give."""
    pytest.importorskip("torch")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = SHIPPED.load(name).spec(model).source
    assert isinstance(source, Checkpoint)
    with pytest.raises(UsageError) as caught:
        open_checkpoint("transformers", source, Runtime("", device="cpu")).load()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "model"),
    [("gemma", None), ("gemma", "google/medgemma-4b-it"), ("paligemma", None)],
)
def test_a_gated_model_says_how_to_get_access(
    name: str, model: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(name, model, monkeypatch)
    path = model or SHIPPED.load(name).models[0].name
    assert f"{path} is not in the hub's cache" in said
    assert f"terms on https://huggingface.co/{path}, signed in" in said
    assert "hf auth login" in said


def test_llava_med_says_which_version_of_it_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal("llava-med", "microsoft/llava-med-v1.5-mistral-7b", monkeypatch)
    assert "not Microsoft's own" in said
    assert "convert_llava_weights_to_hf.py" in said


def test_llava_med_says_so_of_microsoft_s_own_files_too(tmp_path: Path) -> None:
    """Whose configuration names an architecture that transformers doesn't have."""
    pytest.importorskip("torch")
    (tmp_path / "config.json").write_text('{"model_type": "llava_mistral"}')
    source = SHIPPED.load("llava-med").spec(str(tmp_path)).source
    assert isinstance(source, Checkpoint)
    with pytest.raises(UsageError, match=r"llava_mistral.*convert_llava_weights_to_hf\.py"):
        open_checkpoint("transformers", source, Runtime("", device="cpu")).load()


def test_the_readme_s_table_is_what_the_plugins_declare() -> None:
    import mubench_gen_plugins

    readme = Path(str(mubench_gen_plugins.__file__)).with_name("README.md")
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
        for line in readme.read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| `--plugin`")
    ]
    told = {row[1]: (row[2], row[3], row[4]) for row in rows}
    assert told == {spec.name: _told(spec) for spec in specs(*GENERATIVE)}
    first = {row[0]: row[1] for row in rows if row[0]}
    assert first == {name: SHIPPED.load(name).models[0].name for name in GENERATIVE}


def _told(spec: ModelSpec) -> tuple[str, str, str]:
    """Parameters, gigabytes in bfloat16 with the allowance of 4, and licence."""
    parameters = spec.facts["parameters"]
    gigabytes = math.ceil(float(parameters.removesuffix("B")) * 2 + 4)
    return parameters, str(gigabytes), spec.facts["licence"]


def test_showing_a_plugin_tells_what_there_is_to_choose(here: Here) -> None:
    shown = here("plugins", "show", "gemma")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[0].startswith("gemma (mubench-gen ")
    assert "google/gemma-3-4b-it  (generative, the default, on vllm or transformers)" in lines
    assert sum(line.startswith("-o chat_template=") for line in lines) == 1
    assert "  family MedGemma; domain medicine; base google/gemma-3-4b-pt" in shown.out
