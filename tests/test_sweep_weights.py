"""What a sweep asks is of the weights that its keys say, or is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mubench_gen.engines.vllm.adapters import is_spoken
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.sweep.stops import stops_of
from mubench_gen.interpolation.sweep.weights.ends import InPlaceContrastive, digest_of
from mubench_gen.interpolation.sweep.weights.opening import open_ends
from mubench_gen.interpolation.sweep.weights.vllm_ends import AdaptingVllm, ReloadingVllm
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import Here
from .helpers.packages import package

package("torch", "the tiny models need the extra transformers")

CLIPS = ("--base", WEIGHTS / "clip", "--finetuned", WEIGHTS / "clip-finetuned")
ASKED = ("--tasks", "demo-texture,modality", "--limit", "3", "--in-domain", "demo-texture")
SWEEP = ("sweep", "--plugin", "clip", *CLIPS, *ASKED, "--run-dir", "s")
LLAVA = Checkpoint(WEIGHTS / "llava", "generative")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--ray-address", "127.0.0.1:9"), "--ray-address goes with --engine ray"),
        (("--base-url", "http://127.0.0.1:9/v1"), "--base-url asks another"),
        (("--engine", "transformers", "-o", "engine.model=other"), "no option 'model'"),
    ],
)
def test_what_would_ask_other_weights_is_refused_before_anything_is_made(
    here: Here, tmp_path: Path, flags: tuple[str, ...], told: str
) -> None:
    done = here(*SWEEP, *flags)
    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("engine", ["server", "vllm-server", "ray"])
def test_engines_in_other_processes_do_not_move(engine: str) -> None:
    with pytest.raises(SettingError, match="mubench-gen merge"):
        open_ends(engine, LLAVA, Runtime("", device="cpu"))


@pytest.mark.parametrize(
    "name",
    ["load_format", "model_weights", "quantization", "default_mm_loras", "enable_lora",
     "kv_transfer_config", "kv_offloading_size", "data_parallel_rank", "worker_cls"],
)  # fmt: skip
def test_options_by_which_vllm_would_read_other_weights_or_keep_old_answers_are_refused(
    name: str,
) -> None:
    given = Runtime("", device="cpu", engine_options={name: "1"})
    own = Checkpoint(LLAVA.path, "generative", engine_arguments={"vllm": {name: "1"}})
    for base, runtime in ((LLAVA, given), (own, Runtime("", device="cpu"))):
        with pytest.raises(SettingError, match=f"engine.{name}: with it vLLM would not answer"):
            open_ends("vllm", base, runtime)


def test_an_adapter_of_other_towers_than_the_text_is_merged_since_vllm_would_leave_it_out(
    tmp_path: Path,
) -> None:
    """vLLM warns, serves the rest of the adapter, and answers."""
    spoken, seen = "model.language_model.layers.0.q_proj", "model.vision_tower.layers.0.q_proj"
    assert is_spoken([spoken, "model.layers.1.mlp.up_proj", "language_model.model.layers.1.k_proj"])
    assert not is_spoken([spoken, seen])
    assert not is_spoken(["visual.blocks.0.attn.qkv"])
    for modules, kind in (([spoken], AdaptingVllm), ([spoken, seen], ReloadingVllm)):
        folder = tmp_path / kind.__name__
        _write_adapter(folder, modules)
        model = open_ends("vllm", LLAVA, Runtime("", device="cpu"), adapter=str(folder))
        assert type(model) is kind


def _write_adapter(folder: Path, modules: list[str]) -> None:
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    shapes = {"A": (2, 8), "B": (8, 2)}
    state = {
        f"base_model.model.{module}.lora_{part}.weight": torch.zeros(shape)
        for module in modules
        for part, shape in shapes.items()
    }
    save_file(state, folder / "adapter_model.safetensors")


@pytest.mark.parametrize("changed", [0, 1])
def test_files_that_change_while_a_sweep_runs_end_it(tmp_path: Path, changed: int) -> None:
    sides = []
    for name in ("clip", "clip-finetuned"):
        shutil.copytree(WEIGHTS / name, tmp_path / name)
        sides.append(Checkpoint(tmp_path / name, "contrastive"))
    model = InPlaceContrastive(sides[0], Runtime("", device="cpu", dtype="float32"))
    digests = (digest_of(sides[0]), digest_of(sides[1]))
    model.aim(sides[1:], tmp_path / "scratch", digests)
    model.move(stops_of([make_recipe(["0"])], ["tuned"])[0])
    (file,) = (tmp_path / ("clip", "clip-finetuned")[changed]).glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UsageError, match="changed since the sweep began"):
        model.load()


@pytest.mark.exhaustive
def test_a_sweep_is_not_resumed_with_other_weights_at_one_end(here: Here, tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS / "clip-finetuned", tmp_path / "tuned")
    words = [tmp_path / "tuned" if word == CLIPS[3] else word for word in SWEEP]
    assert here(*words, "--alpha", "0,1").code == 0
    shutil.copytree(WEIGHTS / "clip", tmp_path / "tuned", dirs_exist_ok=True)
    done = here(*words, "--alpha", "0,0.5,1")
    assert done.code == 2
    assert "finetuned: there" in done.err
    assert not (tmp_path / "s/alpha-0.5").exists()


@pytest.fixture
def made_on_ray(here: Here, tmp_path: Path) -> Path:
    """A sweep with the manifests that version 0.1.0 wrote where it was asked on Ray."""
    assert here(*SWEEP, "--alpha", "0,1").code == 0
    base = here("eval", "--plugin", "clip", "--model", WEIGHTS / "clip", *ASKED[:4],
                "--run-dir", "base")  # fmt: skip
    assert base.code == 0
    facts = json.loads((tmp_path / "base/manifest.json").read_text())["sessions"][0]["model"]
    for path in (tmp_path / "s").glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        del manifest["crc"]  # which that version did not write
        manifest["sessions"][0] |= {"model": facts, "ray": {"nodes": 1, "actors": "1:"}}
        path.write_text(json.dumps(manifest))
    return tmp_path / "s"


@pytest.mark.exhaustive
def test_replies_that_a_sweep_had_on_ray_are_neither_resumed_nor_reused(
    here: Here, made_on_ray: Path
) -> None:
    again = here(*SWEEP, "--alpha", "0,1")
    run = ("eval", "--plugin", "clip", "--model", WEIGHTS / "clip", *ASKED[:4])
    reused = here(*run, "--run-dir", "r", "--reuse", made_on_ray / "alpha-1")
    for done in (again, reused):
        assert done.code == 2
        assert "was asked on Ray, whose workers opened other weights" in done.err
    assert here(*run, "--run-dir", "r", "--reuse", "base").code == 0


@pytest.mark.exhaustive
def test_a_checkpoint_that_changed_since_it_was_weighed_is_not_asked(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen.engines.transformers.contrastive import TransformersContrastive

    shutil.copytree(WEIGHTS / "clip", tmp_path / "clip")
    load = TransformersContrastive.load

    def changed(self: TransformersContrastive) -> None:
        load(self)
        shutil.copytree(WEIGHTS / "clip-finetuned", tmp_path / "clip", dirs_exist_ok=True)

    monkeypatch.setattr(TransformersContrastive, "load", changed)
    done = here("eval", "--plugin", "clip", "--model", tmp_path / "clip", *ASKED[:4])
    assert done.code == 2
    assert "are not those that this run is about" in done.err
