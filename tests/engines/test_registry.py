"""What is refused, and what is known, before anything heavy is imported."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mubench_gen.engines import digest_checkpoint, open_checkpoint, weights_digest
from mubench_gen.engines.digest import _sha256
from mubench_gen.errors import MissingExtraError, SettingError, UsageError
from mubench_gen.model import Checkpoint, ContrastiveModel, GenerativeModel, Runtime

GENERATIVE = Checkpoint("owner/name", "generative")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_opening_a_checkpoint_imports_nothing_heavy() -> None:
    code = (
        "import sys; from mubench_gen.engines import open_checkpoint, weights_digest\n"
        "from mubench_gen.model import Checkpoint, Runtime\n"
        "for kind in ('generative', 'contrastive'):\n"
        "    open_checkpoint('transformers', Checkpoint('owner/name', kind), Runtime(''))\n"
        "weights_digest('.')\n"
        "print(*sorted({'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_checkpoint_s_kind_decides_on_the_model() -> None:
    assert isinstance(open_checkpoint("transformers", GENERATIVE, Runtime("")), GenerativeModel)
    contrastive = Checkpoint("owner/name", "contrastive")
    assert isinstance(open_checkpoint("transformers", contrastive, Runtime("")), ContrastiveModel)


def test_generative_models_on_transformers_offer_four_read_outs() -> None:
    model = open_checkpoint("transformers", GENERATIVE, Runtime(""))
    assert model.readouts == ("parse", "choice", "logprob", "cloze")


def test_ray_opens_no_model_by_itself() -> None:
    with pytest.raises(SettingError, match=r"opens no model by itself.*transformers"):
        open_checkpoint("ray", GENERATIVE, Runtime(""))


def test_an_unknown_engine_gets_near_names() -> None:
    with pytest.raises(SettingError, match="Did you mean 'transformers'"):
        open_checkpoint("transformer", GENERATIVE, Runtime(""))


def test_an_unknown_engine_option_gets_near_names() -> None:
    runtime = Runtime("", engine_options={"atn_implementation": "sdpa"})
    with pytest.raises(SettingError, match="Did you mean 'attn_implementation'"):
        open_checkpoint("transformers", GENERATIVE, runtime)


@pytest.mark.parametrize(
    ("name", "value"), [("threads", "many"), ("batch_size", "0"), ("attn_implementation", "fast")]
)
def test_a_bad_value_of_an_engine_option_names_the_option(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"engine.{name}='{value}'"):
        open_checkpoint("transformers", GENERATIVE, Runtime("", engine_options={name: value}))


def test_engine_options_of_the_user_stand_over_those_of_the_checkpoint() -> None:
    own = Checkpoint("o/n", "generative", engine_arguments={"transformers": {"batch_size": 4}})
    assert open_checkpoint("transformers", own, Runtime("")).batch_size == 4
    runtime = Runtime("", batch_size=9, engine_options={"batch_size": "2"})
    assert open_checkpoint("transformers", own, runtime).batch_size == 2


@pytest.mark.parametrize("revision", [None, "main", COMMIT[:39], COMMIT.upper()])
def test_remote_code_without_a_full_commit_is_refused(revision: str | None) -> None:
    runtime = Runtime("", trust_remote_code=True, revision=revision)
    with pytest.raises(SettingError, match="all its 40 hexadecimal digits"):
        open_checkpoint("transformers", GENERATIVE, runtime)


def test_remote_code_at_a_full_commit_is_accepted() -> None:
    open_checkpoint("transformers", GENERATIVE, Runtime("", "cpu", "auto", COMMIT, True))


def test_bad_devices_dtypes_and_folders_are_refused() -> None:
    with pytest.raises(SettingError, match="No device 'gpu'"):
        open_checkpoint("transformers", GENERATIVE, Runtime("", device="gpu"))
    with pytest.raises(SettingError, match="No dtype 'half'"):
        open_checkpoint("transformers", GENERATIVE, Runtime("", dtype="half"))
    with pytest.raises(UsageError, match="No folder nowhere"):
        open_checkpoint("transformers", Checkpoint(Path("nowhere"), "generative"), Runtime(""))


@pytest.mark.parametrize("kind", ["generative", "contrastive"])
def test_a_missing_package_names_the_extra(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_checkpoint("transformers", Checkpoint("owner/name", kind), Runtime(""))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mubench-gen\[transformers\]'"):
        model.load()


def test_the_weights_digest_is_over_names_and_digests_of_the_weight_files(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "pytorch_model.bin").write_bytes(b"the same again, not read")
    inner = hashlib.sha256(b"weights").hexdigest()
    expected = hashlib.sha256(f"model.safetensors\0{inner}\n".encode()).hexdigest()
    assert weights_digest(tmp_path) == expected


def test_sharded_weights_are_those_that_the_index_names(tmp_path: Path) -> None:
    for name in ("a", "b", "stray"):
        (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
    index = {"weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    digest = digest_checkpoint(tmp_path)
    assert digest is not None
    assert digest.files == ("a.safetensors", "b.safetensors")


def test_settings_and_weights_have_digests_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = digest_checkpoint(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    after = digest_checkpoint(tmp_path)
    assert before is not None
    assert after is not None
    assert before.weights == after.weights
    assert before.settings != after.settings


def test_a_file_of_the_hub_s_cache_is_not_read_again(tmp_path: Path) -> None:
    name = "a" * 64
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / name).write_bytes(b"gigabytes")
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "blobs" / name)
    assert _sha256(tmp_path / "model.safetensors") == name


def test_what_is_not_at_hand_has_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    assert weights_digest("owner/name") is None
    assert weights_digest("owner/name", revision=COMMIT) is None
    assert weights_digest(tmp_path) is None
