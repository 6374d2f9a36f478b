"""LoRA adapters as models: opened with their base, in full, or refused in one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.data import hub as reach
from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.adapters import adapted, find_adapter, ready
from mubench_gen.engines.server.own_vllm import VllmServer
from mubench_gen.engines.vllm.adapters import check_modules
from mubench_gen.engines.vllm.arguments import VllmStart, read_arguments
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plan.opening import spec_of
from mubench_gen.plan.settings import make_settings
from mubench_gen.plan.which_plugin import plugin_of
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import Here
from .helpers.checkpoints.adapters import TEXT, VISION, make_adapter
from .helpers.checkpoints.prompts import ask, noise
from .helpers.model_hub import serving_models
from .helpers.packages import package
from .test_generative_plugins import SHIPPED

package("torch")
peft = package("peft", "peft is not installed")
transformers = package("transformers")

BASE = WEIGHTS / "llava"
TOLERANCE = 1e-5
Adapters = Callable[..., Path]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Adapters:
    """An adapter of the tiny llava, made once for each configuration."""

    @cache
    def made(config: str) -> Path:
        return make_adapter(tmp_path_factory.mktemp("adapter"), **json.loads(config))

    return lambda **config: made(json.dumps(config))


@pytest.fixture
def mine(adapters: Adapters, tmp_path: Path) -> Path:
    """A copy of the plain adapter, which a test may change."""
    return shutil.copytree(adapters(), tmp_path / "mine")


def configure(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def opened(path: Path | str, base: str | None = None) -> Any:
    model: Any = open_checkpoint(
        "transformers",
        Checkpoint(path, "generative", base=base),
        Runtime("", device="cpu", dtype="float32", engine_options={"threads": "1"}),
    )
    model.load()
    return model


def scores(path: Path | str, base: str | None = None) -> Any:
    model = opened(path, base)
    found = np.concatenate([np.asarray(row) for row in model.label_logprobs([ask(seed=1)])])
    model.close()
    return found


KINDS: dict[str, dict[str, Any]] = {
    "DoRA": {"use_dora": True},
    "whole modules": {"modules_to_save": ["multi_modal_projector", "lm_head"]},
    "rank-stabilised, patterns": {
        "use_rslora": True, "rank_pattern": {"down_proj": 2}, "alpha_pattern": {"v_proj": 5},
    },
    "vision tower": {"target_modules": VISION},
}  # fmt: skip


@pytest.mark.first(2)
@pytest.mark.parametrize("config", list(KINDS.values()), ids=list(KINDS))
def test_an_adapter_is_what_peft_makes_of_it(
    config: dict[str, Any], adapters: Adapters, tmp_path: Path
) -> None:
    folder = adapters(**config)
    auto: Any = transformers.AutoModelForImageTextToText
    merged = peft.PeftModel.from_pretrained(
        auto.from_pretrained(BASE, dtype="float32"), folder
    ).merge_and_unload()
    whole = tmp_path / "whole"
    merged.float().save_pretrained(whole)
    transformers.AutoProcessor.from_pretrained(BASE).save_pretrained(whole)
    found = scores(folder)
    np.testing.assert_allclose(found, scores(whole), atol=TOLERANCE, rtol=0)
    assert np.abs(found - scores(BASE)).max() > 0.01


def test_names_of_older_versions_of_transformers_are_understood(mine: Path) -> None:
    expected = scores(mine)
    rename(mine, "model.model.language_model.", "model.language_model.model.")
    np.testing.assert_allclose(scores(mine), expected, atol=TOLERANCE)


def rename(folder: Path, old: str, new: str) -> None:
    from safetensors.numpy import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file({name.replace(old, new): one for name, one in load_file(file).items()}, file)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("layers.3", "layers.9", "6 of its tensors have no place in the base"),
        ("language_model", "speech_model", "24 of its tensors have no place"),
    ],
)
def test_an_adapter_that_does_not_fit_its_base_is_refused(
    old: str, new: str, told: str, mine: Path
) -> None:
    """transformers would warn, and answer as the base."""
    rename(mine, old, new)
    with pytest.raises(UsageError, match=rf"does not fit \S+llava: {told}.*-o base="):
        opened(mine)


def test_a_damaged_file_of_an_adapter_is_one_message(mine: Path) -> None:
    (mine / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(UsageError, match="Cannot add the adapter"):
        opened(mine)


def test_the_family_of_an_adapter_is_its_base_s(
    adapters: Adapters, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mubench_gen.plan.which_plugin.OWN", "unknown distribution")
    assert plugin_of(str(adapters()), None, SHIPPED) == "llava"
    configure(mine, base_model_name_or_path=None)
    with pytest.raises(UsageError, match=r"names no base\. Give it: -o base="):
        plugin_of(str(mine), None, SHIPPED)
    assert plugin_of(str(mine), None, SHIPPED, base=str(BASE)) == "llava"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"base_model_name_or_path": "/gone/llava"}, "whose base is /gone/llava: there is no such"),
        ({"peft_type": "PREFIX_TUNING"}, "of the kind PREFIX_TUNING, which changes no weights"),
    ],
)
def test_what_is_wrong_with_an_adapter_is_said(
    changes: dict[str, Any], told: str, mine: Path
) -> None:
    configure(mine, **changes)
    with pytest.raises(UsageError, match=told):
        find_adapter(mine)


def test_a_base_of_whole_weights_is_refused() -> None:
    with pytest.raises(SettingError, match=r"is no adapter.*Leave the option out"):
        find_adapter(BASE, base="somewhere")


def test_a_base_that_is_an_adapter_is_refused(mine: Path, adapters: Adapters) -> None:
    adapter = find_adapter(mine, base=str(adapters()))
    assert adapter is not None
    with pytest.raises(UsageError, match=r"is an adapter too.*mubench-gen merge BASE"):
        ready(adapter)


def test_tokens_that_the_base_lacks_are_refused(mine: Path) -> None:
    """Its embeddings were resized when it was trained."""
    shutil.copy(BASE / "tokenizer.json", mine)
    adapter = find_adapter(mine)
    assert adapter is not None
    ready(adapter)
    tokens = {"added_tokens": [{"id": 9999, "content": "<cell>"}]}
    (mine / "tokenizer.json").write_text(json.dumps(tokens))
    with pytest.raises(UsageError, match=r"tokens that its base .* lacks \(<cell>\)"):
        ready(adapter)


def test_the_chat_template_beside_an_adapter_holds(mine: Path) -> None:
    assert adapted(Checkpoint(mine, "generative"), None).chat_template is None
    (mine / "chat_template.jinja").write_text("mine")
    assert adapted(Checkpoint(mine, "generative"), None).chat_template == "mine"
    given = Checkpoint(mine, "generative", chat_template="given")
    assert adapted(given, None).chat_template == "given"


def test_a_folder_of_a_trainer_is_an_adapter_though_it_has_a_configuration(mine: Path) -> None:
    shutil.copy(BASE / "config.json", mine)
    (mine / "optimizer.pt").write_bytes(b"of the training")
    assert find_adapter(mine) is not None
    shutil.copy(BASE / "model.safetensors", mine)
    assert find_adapter(mine) is None  # whole weights, which transformers opens


def run(here: Here, data: Path, *more: str | Path) -> Any:
    return here(
        "eval", "--plugin", "llava", "--engine", "transformers", "--data", data, "--tasks",
        "modality", "--readout", "logprob", "-o", "engine.threads=1", "--run-dir", "run", "-q",
        "--json", *more,
    )  # fmt: skip


def test_a_run_knows_adapter_and_base_and_finds_that_one_of_them_changed(
    mine: Path, here: Here, cells: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(BASE, tmp_path / "base")
    asked = ("--model", mine, "-o", f"base={base}")
    done = run(here, cells, *asked)
    assert done.code == 0, done.err
    model = json.loads(Path("run/manifest.json").read_text())["sessions"][0]["model"]
    assert model["adapter"] == {"path": str(mine), "base": str(base), "rank": 4}
    assert len({part["weights_sha256"] for part in model["parts"].values()}) == 2
    for changed in (base / "generation_config.json", mine / "adapter_config.json"):
        before = changed.read_text()
        changed.write_text(before + "\n")
        again = run(here, cells, *asked)
        assert again.code == 2
        assert "settings" in again.err
        changed.write_text(before)
    assert run(here, cells, *asked).code == 0


def test_what_merge_writes_of_adapters_is_a_model(
    adapters: Adapters, mine: Path, here: Here, cells: Path
) -> None:
    configure(mine, base_model_name_or_path=None)
    made = here("merge", BASE, mine, "--alpha", "0,1", "--adapters", "--out", "scaled")
    assert made.code == 0, made.err
    whole, none = scores(Path("scaled/alpha-1")), scores(Path("scaled/alpha-0"))
    np.testing.assert_allclose(whole, scores(adapters()), atol=TOLERANCE)
    np.testing.assert_allclose(none, scores(BASE), atol=TOLERANCE)


@pytest.fixture
def hub(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub with the adapter and its base, and an empty cache."""
    constants = pytest.importorskip("huggingface_hub.constants")
    cache = tmp_path / "hf" / "hub"
    monkeypatch.setenv("HF_HOME", str(cache.parent))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    reach.unreachable.cache_clear()
    configure(mine, base_model_name_or_path="lab/base")
    with serving_models({"lab/adapter": mine, "lab/base": BASE}) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield
    reach.unreachable.cache_clear()


def test_adapter_and_base_are_fetched_by_their_ids(
    hub: None, adapters: Adapters, here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(here, cells, "--model", "lab/adapter")
    assert done.code == 0, done.err
    model = json.loads(Path("run/manifest.json").read_text())["sessions"][0]["model"]
    assert (model["adapter"]["path"], model["adapter"]["base"]) == ("lab/adapter", "lab/base")
    assert model["parts"]["base"]["weights_files"] == ["model.safetensors"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(here, cells, "--model", "lab/adapter").code == 0
    lost = run(here, cells, "--model", "lab/adapter", "-o", "base=lab/absent", "--fresh")
    assert lost.code == 2
    assert "lab/absent is not in the hub's cache" in lost.err


def arguments(folder: Path, **options: str) -> dict[str, Any]:
    return read_arguments(Checkpoint(folder, "generative"), Runtime(""), options, engine="vllm")


def test_vllm_is_told_of_base_and_rank(mine: Path) -> None:
    told = arguments(mine)
    assert (told["model"], told["enable_lora"], told["max_lora_rank"]) == (str(BASE), True, 8)
    configure(mine, rank_pattern={"q_proj": 20})
    assert arguments(mine)["max_lora_rank"] == 32


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"use_dora": True}, "it is a DoRA"),
        ({"modules_to_save": ["lm_head"]}, "trains whole modules"),
        ({"bias": "lora_only"}, "trains biases"),
        ({"peft_type": "LOHA"}, "of the kind LOHA"),
        ({"init_lora_weights": "pissa_niter_4"}, "which changes the base"),
        ({"r": 600}, "its rank is 600, and vLLM serves 512 at most"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_vllm_cannot_apply_is_refused_with_what_to_type(
    changes: dict[str, Any], told: str, mine: Path
) -> None:
    configure(mine, **changes)
    with pytest.raises(UsageError, match=rf"cannot apply.*{told}.*--engine transformers"):
        arguments(mine)


def test_vllm_applies_the_text_tower_alone(adapters: Adapters) -> None:
    adapter = find_adapter(adapters(target_modules=f"({TEXT}|{VISION})"))
    assert adapter is not None
    with pytest.raises(UsageError, match=r"vision_tower.*mubench-gen merge \S+ \S+ --alpha 1"):
        check_modules(adapter)
    text = find_adapter(adapters())
    assert text is not None
    check_modules(text)


def test_a_server_is_told_of_the_adapter_by_the_name_that_is_asked_for(adapters: Adapters) -> None:
    folder = adapters()
    server = VllmServer(Checkpoint(folder, "generative"), Runtime("mine"))
    start = VllmStart(arguments(folder))
    command = server._command(start, 1234, find_adapter(folder))
    flag = dict(pairwise(command))
    assert json.loads(flag["--lora-modules"]) == {"name": "mine", "path": str(folder)}
    assert (flag["--model"], flag["--served-model-name"]) == (str(BASE), "mine (base)")
    assert flag["--max-lora-rank"] == "8"
    assert "--enable-lora" in command


def test_adapters_of_one_base_load_it_once(
    adapters: Adapters, here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a study; the answers are those of runs of their own."""
    from mubench_gen.engines.transformers import checkpoint

    loads: list[str] = []
    load = checkpoint._load_weights

    def counted(source: Any, *more: Any) -> Any:
        loads.append(source.whole)
        return load(source, *more)

    one, two, odd = adapters(), adapters(r=2), adapters(use_dora=True)
    for number, folder in enumerate((one, two)):
        assert run(here, cells, "--model", folder, "--run-dir", f"alone-{number}").code == 0
    monkeypatch.setattr(checkpoint, "_load_weights", counted)
    done = here(
        "ablate", "--plugin", "llava", "--model", f"{one},{two},{odd}", "--data", cells,
        "--tasks", "modality", "--readout", "logprob", "--engine", "transformers",
        "--prompt", "paper,letter", "--run-dir", "study", "-q", "-o", "engine.threads=1",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert loads == [str(BASE)]
    for number, folder in enumerate((one, two)):
        (there,) = (
            file.parent
            for file in Path("study").rglob("manifest.json")
            if json.loads(file.read_text())["settings"]["model"] == str(folder)
        )
        alone = scored(Path(f"alone-{number}"))
        assert scored(there) == {item: pytest.approx(one, abs=1e-4) for item, one in alone.items()}
        facts = json.loads((there / "manifest.json").read_text())["sessions"][0]["model"]
        assert facts["adapter"]["path"] == str(folder)


def scored(folder: Path) -> dict[str, Any]:
    """The labels' log-probabilities under the prompt `paper`, by item."""
    records = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
    return {one["item"]: one["scores"] for one in records if one["prompt"] == "paper"}


def test_an_adapter_beside_whole_weights_is_not_left_out_by_vllm(mine: Path) -> None:
    for file in BASE.iterdir():
        shutil.copy(file, mine)
    with pytest.raises(UsageError, match=r"holds an adapter beside whole weights.*-o base="):
        arguments(mine)


def test_a_model_behind_a_server_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mubench_gen.engines.adapters.local_folder", None)
    plugin = SHIPPED.load("openai")
    asked = {"plugin": "openai", "model": "org/name", "base_url": ["http://127.0.0.1:9/v1"]}
    assert spec_of(plugin, make_settings(asked)).name == "org/name"
    with pytest.raises(SettingError, match=r"opened by its server.*Leave it out"):
        spec_of(plugin, make_settings({**asked, "options": {"base": "org/base"}}))


def test_the_images_of_an_adapter_are_prepared_as_its_base_s(mine: Path) -> None:
    from mubench_gen.engines.transformers.image_input import ImageInput

    picture = noise(1).pixels()
    assert ImageInput(str(mine)).of(picture) == ImageInput(str(BASE)).of(picture)
