"""Any checkpoint: `--plugin hf`, and `--model` alone, which picks the plugin by the family."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.engines.recognition import recognise, vllm_architectures
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.plan.which_plugin import plugin_of
from mubench_gen.plugins.registry import Plugins

from .conftest import Here
from .helpers.checkpoints.others import CHATML, make_metaclip_2, make_other
from .helpers.checkpoints.saving import save
from .helpers.packages import package
from .test_generative_plugins import SHIPPED

package("torch")
Folders = Callable[[str], Path]

GEMMA_LIKE = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}<start_of_turn>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<img>{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "<end_of_turn>\n{% endfor %}"
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of a family's tiny checkpoint."""

    def made(family: str) -> Path:
        folder = tmp_path_factory.mktemp(family)
        return (
            save(make_metaclip_2, folder) if family == "metaclip_2" else make_other(family, folder)
        )

    return cache(made)


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., Path]:
    """Writes the small files of a checkpoint, without any weights."""

    def write(template: str | None = CHATML, *, processor: bool = True, **config: Any) -> Path:
        folder = tmp_path / "bare"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        if processor:
            (folder / "preprocessor_config.json").write_text("{}")
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        return folder

    return write


def found(
    folder: Path, engine: str | None = "transformers", *, trusted: bool = False
) -> Checkpoint:
    wanted = Checkpoint(str(folder), kind="auto")
    return recognise(wanted, engine=engine, revision=None, trusted=trusted)


@pytest.mark.first(2)
@pytest.mark.parametrize("family", ["aya_vision", "deepseek_vl", "idefics2", "vipllava"])
def test_a_run_of_a_family_without_a_plugin_answers_every_item(
    family: str, folders: Folders, here: Here, cells: Path
) -> None:
    done = here(
        "eval", "--model", folders(family), "--engine", "transformers", "--data", cells,
        "--tasks", "modality", "--readout", "parse,choice,logprob", "--max-tokens", "4", "--json",
        "-o", "engine.threads=1", "--run-dir", "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "is opened by the plugin hf" in done.err
    pooled = done.document["scores"]["pooled"]
    assert (pooled["n"], pooled["n_errors"]) == (9, 0)


def test_a_run_of_a_contrastive_family_without_a_plugin_answers_every_item(
    folders: Folders, here: Here, cells: Path
) -> None:
    done = here(
        "eval", "--plugin", "hf", "--model", folders("metaclip_2"), "--data", cells,
        "--tasks", "modality", "--json", "-o", "engine.threads=1", "--run-dir", "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    pooled = done.document["scores"]["pooled"]
    assert (pooled["n"], pooled["n_errors"]) == (3, 0)
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["plugin"]["kind"] == "contrastive"


@pytest.mark.parametrize(
    ("config", "plugin"),
    [
        ({"model_type": "llava"}, "llava"),
        ({"model_type": "llava", "vision_config": {"model_type": "pixtral"}}, "pixtral"),
        ({"model_type": "llava_next"}, "llava"),
        ({"model_type": "qwen2_5_vl"}, "qwen-vl"),
        ({"model_type": "internvl"}, "internvl"),
        ({"model_type": "gemma3"}, "gemma"),
        ({"model_type": "idefics3"}, "smolvlm"),
        ({"model_type": "paligemma"}, "paligemma"),
        ({"model_type": "mistral3"}, "pixtral"),
        ({"model_type": "clip"}, "clip"),
        ({"model_type": "siglip2"}, "siglip"),
        ({"model_type": "align"}, "align"),
        ({"model_type": "aya_vision"}, "hf"),
        ({"model_type": "never_heard_of"}, "hf"),
    ],
    ids=str,
)
def test_the_family_of_a_checkpoint_picks_its_plugin(
    config: dict[str, Any], plugin: str, bare: Callable[..., Path], own: Plugins
) -> None:
    assert plugin_of(str(bare(**config)), None, own) == plugin


def test_a_model_that_a_plugin_lists_is_that_plugin_s(own: Plugins) -> None:
    assert plugin_of("chaoyinshe/llava-med-v1.5-mistral-7b-hf", None, own) == "llava-med"
    assert plugin_of("ViT-B-32/laion2b_s34b_b79k", None, own) == "openclip"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """The plugins of the project's file, as if they were installed."""
    monkeypatch.setattr("mubench_gen.plan.which_plugin.OWN", "unknown distribution")
    return SHIPPED


def test_neither_plugin_nor_model_says_that_a_model_is_enough(here: Here) -> None:
    done = here("eval")
    assert done.code == 2
    assert "--model ID or FOLDER is enough" in done.err


def test_hf_without_a_model_asks_for_one(here: Here) -> None:
    done = here("eval", "--plugin", "hf", "--data", "demo", "-q")
    assert done.code == 2
    assert done.err == (
        "mubench-gen: Which model? Give --model with an id of the hub (OWNER/NAME) or a folder.\n"
    )


AYA = {"model_type": "aya_vision", "architectures": ["AyaVisionForConditionalGeneration"]}


def test_the_files_tell_what_ends_a_turn_and_whether_there_is_a_system_prompt(
    bare: Callable[..., Path],
) -> None:
    folder = bare(GEMMA_LIKE, **AYA)
    tokens = {"added_tokens": [{"id": 1, "content": "<end_of_turn>"}]}
    (folder / "tokenizer.json").write_text(json.dumps(tokens))
    checkpoint = found(folder)
    assert (checkpoint.kind, checkpoint.system) == ("generative", "user")
    assert checkpoint.stop == ("<end_of_turn>",)
    assert checkpoint.template_arguments == {}
    plain = found(bare(CHATML, **AYA))
    assert (plain.system, plain.stop) == ("system", ())


def test_a_template_that_can_think_is_told_not_to(bare: Callable[..., Path]) -> None:
    switch = CHATML + "{% if enable_thinking is false %}<think></think>{% endif %}"
    assert found(bare(switch, **AYA)).template_arguments == {"enable_thinking": False}


def test_what_the_plugin_declares_stands(bare: Callable[..., Path]) -> None:
    declared = Checkpoint(str(bare(**AYA)), kind="auto", stop=("\n",), chat_template=GEMMA_LIKE)
    checkpoint = recognise(declared, engine=None, revision=None, trusted=False)
    assert (checkpoint.stop, checkpoint.chat_template) == (("\n",), GEMMA_LIKE)


def test_the_class_of_the_weights_decides_where_a_family_has_both_kinds(
    bare: Callable[..., Path],
) -> None:
    embeds = found(bare(None, model_type="blip", architectures=["BlipModel"]))
    writes = found(bare(model_type="blip", architectures=["BlipForConditionalGeneration"]))
    assert (embeds.kind, writes.kind) == ("contrastive", "generative")


OWN_CODE = {
    "model_type": "molmo",
    "architectures": ["MolmoForCausalLM"],
    "auto_map": {"AutoConfig": "c.C", "AutoModelForCausalLM": "m.M"},
}


FUTURE = {
    "model_type": "future_vl",
    "architectures": ["FutureVL"],
    "transformers_version": "99.1.0",
}


@pytest.mark.parametrize(
    ("config", "template", "told"),
    [
        (AYA, None, "has no chat template.*-o chat_template=FILE"),
        (AYA, "{% for m in messages %}{{ m['content'] }}{% endfor %}", "no place for an image"),
        (OWN_CODE, CHATML, "MolmoForCausalLM.*--trust-remote-code with --revision"),
        (FUTURE, CHATML,
         r"'FutureVL' \(model_type 'future_vl'\).*does not know.*'transformers>=99.1.0'"),
        ({"model_type": "future_vl"}, CHATML, "pip install --upgrade transformers"),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, CHATML,
         "no model that reads images and writes text"),
        ({"architectures": ["Odd"]}, CHATML, "names no model_type"),
    ],
    ids=["no template", "text template", "own code", "newer", "unknown", "text", "no type"],
)  # fmt: skip
def test_what_is_unknown_is_said_with_what_is_needed(
    config: dict[str, Any], template: str | None, told: str, bare: Callable[..., Path]
) -> None:
    with pytest.raises(UsageError, match=told):
        found(bare(template, **config))


def test_a_model_without_files_of_a_processor_is_refused(bare: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match=r"no preprocessor_config\.json"):
        found(bare(processor=False, **AYA))


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("open_clip_config.json", "--plugin openclip"),
        ("params.json", "Mistral's own layout"),
        ("model.gguf", "holds GGUF"),
        ("model_index.json", "diffusers"),
        ("readme.txt", "A model in transformers' layout has one"),
    ],
)
def test_a_folder_of_another_program_is_told_by_name(file: str, told: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("{}")
    with pytest.raises(UsageError, match=rf"has no config\.json.*{told}"):
        found(tmp_path)


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config\.json is no JSON object"):
        found(tmp_path)


def test_code_that_is_trusted_is_of_the_kind_that_it_lists(bare: Callable[..., Path]) -> None:
    assert found(bare(**OWN_CODE), trusted=True).kind == "generative"
    embeds = {"model_type": "own", "architectures": ["OwnModel"], "auto_map": {"AutoModel": "m.M"}}
    assert found(bare(**embeds), trusted=True).kind == "contrastive"


def test_behind_a_server_nothing_is_read() -> None:
    assert found(Path("anything"), "server").kind == "generative"


def test_the_list_of_vllm_is_read_from_its_source(tmp_path: Path) -> None:
    file = tmp_path / "model_executor/models/registry.py"
    file.parent.mkdir(parents=True)
    file.write_text("import nowhere\n_MULTIMODAL_MODELS = {'A': ('a', 'A'), 'B': ('b', 'B')}\n")
    assert vllm_architectures(tmp_path) == {"A", "B"}
    assert vllm_architectures(tmp_path / "none") == frozenset()


def test_a_run_that_cannot_be_opened_ends_with_one_message(
    bare: Callable[..., Path], here: Here, cells: Path
) -> None:
    done = here("eval", "--model", bare(None, **AYA), "--data", cells, "--tasks", "modality", "-q")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "has no chat template" in done.err


def test_a_chat_template_is_given_by_an_option(
    folders: Folders, here: Here, cells: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(folders("deepseek_vl"), folder)
    (folder / "chat_template.jinja").unlink()
    (tmp_path / "mine.jinja").write_text(CHATML)
    asked = (
        "eval", "--model", folder, "--engine", "transformers", "--data", cells, "--tasks",
        "modality", "--max-tokens", "2", "-o", "engine.threads=1", "--run-dir", "run", "-q",
    )  # fmt: skip
    assert "-o chat_template=FILE" in here(*asked).err
    done = here(*asked, "-o", "chat_template=mine.jinja")
    assert done.code == 0, done.err
    session = json.loads(Path("run/manifest.json").read_text())["sessions"][0]
    assert session["model"]["chat_template"] == "plugin"
    lost = here(*asked, "-o", "chat_template=absent.jinja")
    assert lost.code == 2
    assert "-o chat_template=absent.jinja: it cannot be read" in lost.err


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache of this test, and no network."""
    import huggingface_hub.constants as constants

    cache = tmp_path / "hf" / "hub"
    monkeypatch.setenv("HF_HOME", str(cache.parent))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def test_a_checkpoint_of_the_hub_s_cache_is_recognised_without_a_network(
    offline: Path, bare: Callable[..., Path], own: Plugins
) -> None:
    commit = "0" * 40
    snapshot = offline / "models--org--there" / "snapshots" / commit
    shutil.copytree(bare(**AYA), snapshot)
    (snapshot / "model.safetensors").write_bytes(b"0")
    (offline / "models--org--there" / "refs").mkdir()
    (offline / "models--org--there" / "refs" / "main").write_text(commit)
    assert plugin_of("org/there", None, own) == "hf"
    assert found(Path("org/there")).kind == "generative"


def test_a_checkpoint_that_is_nowhere_is_refused_in_one_message(
    offline: Path, here: Here, cells: Path
) -> None:
    done = here("eval", "--model", "org/absent", "--data", cells, "-q")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "org/absent is not in the hub's cache" in done.err
    assert "HF_HUB_OFFLINE forbids the network" in done.err
