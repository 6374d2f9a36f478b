"""What a model's options, its code or a judge read from files is a part of what a run is of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.engines import digest_checkpoint
from mubench_gen.storage.named_files import named_files

MODEL = """
from pathlib import Path

import mubench_gen
from mubench_gen import ModelSpec
from mubench_gen_plugins.echo import Echo


class Own(Echo.Options):
    weights: Path | None = None
    adapters: list[str] = []
    vocabulary: str = {default!r}


class Named(Echo):
    Options = Own


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("named", Named, any_id=True)]
"""


def evaluated(plugin: Path, data: Path, *more: object) -> tuple[object, ...]:
    return ("eval", "--plugin", plugin, "--data", data, "--run-dir", "run", *more)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "plugins/named.py"
    path.parent.mkdir()
    path.write_text(MODEL.format(default=str(tmp_path / "default.vocab")), "utf-8")
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/part.bin").write_bytes(b"first")
    (folder / "tokenizer.txt").write_text("a b c")
    return folder


def begin(here: Any, *command: object) -> None:
    assert here(*command, "--max-requests", "2", "--batch-size", "1").code in (2, 3)


def test_a_run_goes_on_with_the_files_that_its_options_named(
    here: Any, plugin: Path, cells: Path, weights: Path
) -> None:
    command = evaluated(plugin, cells, "-o", f"weights={weights / 'deep/part.bin'}")
    begin(here, *command)
    os.utime(weights / "deep/part.bin")
    assert here(*command).code == 0


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("weights={}/deep/part.bin", "weights"),
        ("weights={}", "weights"),
        ("engine.chat_template={}/deep/part.bin", "engine.chat_template"),
        ("engine.tokenizer={}", "engine.tokenizer"),
        ("engine.lora_modules=cells={},other=/nowhere", "engine.lora_modules"),
        ('engine.lora=[{{"name": "a", "path": "{}"}}]', "engine.lora"),
    ],
)
def test_a_run_does_not_go_on_when_a_named_file_has_changed(
    here: Any, plugin: Path, cells: Path, weights: Path, option: str, named: str
) -> None:
    command = evaluated(plugin, cells, "-o", option.format(weights))
    begin(here, *command)
    (weights / "deep/part.bin").write_bytes(b"other")
    outcome = here(*command)
    assert outcome.code == 2
    assert f"files.{named}: there" in outcome.err


def test_a_file_that_an_option_names_by_default_counts(
    here: Any, plugin: Path, cells: Path, tmp_path: Path
) -> None:
    (tmp_path / "default.vocab").write_text("one")
    begin(here, *evaluated(plugin, cells))
    (tmp_path / "default.vocab").write_text("two")
    outcome = here(*evaluated(plugin, cells))
    assert outcome.code == 2
    assert "files.vocabulary" in outcome.err


def test_a_model_that_is_a_folder_of_ones_own_counts(
    here: Any, plugin: Path, cells: Path, weights: Path
) -> None:
    command = evaluated(plugin, cells, "--model", weights)
    begin(here, *command)
    (weights / "deep/part.bin").write_bytes(b"other")
    outcome = here(*command)
    assert outcome.code == 2
    assert "files.model" in outcome.err


def test_replies_of_other_files_are_not_taken_from_another_run(
    here: Any, plugin: Path, cells: Path, weights: Path
) -> None:
    command = evaluated(plugin, cells, "-o", f"weights={weights}", "--json")
    keys = []
    for folder, content in (("one", b"1"), ("two", b"2"), ("three", b"1")):
        (weights / "deep/part.bin").write_bytes(content)
        assert here(*(folder if word == "run" else word for word in command)).code == 0
        lines = Path(folder, "records.jsonl").read_bytes().splitlines()
        keys.append({json.loads(line)["key"] for line in lines})
    assert keys[0] == keys[2]
    assert keys[0].isdisjoint(keys[1])


def test_places_that_are_written_to_and_the_working_folder_are_no_part_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "place").mkdir()
    names = ("engine.download_dir", "cache", "log_file", "output-folder", "engine.tmp")
    assert named_files(dict.fromkeys(names, "place")) == {}
    assert named_files({"root": ".", "other": str(tmp_path.parent), "device": "cuda"}) == {}
    assert list(named_files({"weights": "place", "outline": "place"})) == ["weights", "outline"]
    (tmp_path / "w.npz").write_bytes(b"1")
    before = named_files({"root": "."})
    (tmp_path / "log.txt").write_text("")
    assert named_files({"root": "."}) == before
    (tmp_path / "w.npz").write_bytes(b"2")
    assert named_files({"root": "."}) != before


def test_links_that_go_round_end(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "self").symlink_to(folder)
    (folder / "nowhere").symlink_to(folder / "nowhere")
    (folder / "a.bin").write_bytes(b"1")
    before = named_files({"weights": str(folder)})
    (folder / "a.bin").write_bytes(b"2")
    assert named_files({"weights": str(folder)}) != before


PACKAGE = {
    "a second module": ("model/parts.py", "ANSWER = 2"),
    "a module of a package in it": ("model/deep/more.py", "ANSWER = 3"),
    "a file that it reads": ("model/words.json", "[1]"),
    "weights in a folder": ("model/deep/w.safetensors", "2"),
}


@pytest.mark.parametrize(("name", "content"), PACKAGE.values(), ids=PACKAGE)
def test_a_plugin_that_is_a_folder_is_all_that_it_holds(
    here: Any, tmp_path: Path, cells: Path, name: str, content: str
) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text(MODEL.format(default=""), "utf-8")
    (tmp_path / name).write_text("ANSWER = 1")
    (folder / "runs").mkdir()
    command = evaluated(folder, cells)
    begin(here, *command)
    (folder / "runs/manifest.json").write_text("{}")  # written by us, not read by it
    begin(here, *command)
    (tmp_path / name).write_text(content)
    outcome = here(*command)
    assert outcome.code == 2
    assert "weights: there" in outcome.err


BESIDE = {
    "a module": ("import parts", "parts.py"),
    "a package": ("import parts.deep", "parts/deep.py"),
    "a relative module": ("from . import parts\n", "parts.py"),
    "a file by its name": ("WEIGHTS = Path(__file__).with_name('own.pt')", "own.pt"),
}


@pytest.mark.parametrize(("line", "name"), BESIDE.values(), ids=BESIDE)
def test_a_plugin_that_is_a_file_is_that_and_what_it_uses_beside_it(
    tmp_path: Path, line: str, name: str
) -> None:
    from mubench_gen.plugins.code_digest import _with_imported

    file = tmp_path / "model.py"
    file.write_text(MODEL.format(default="") + line, "utf-8")
    used = tmp_path / name
    used.parent.mkdir(exist_ok=True)
    used.write_text("")
    (used.parent / "__init__.py").write_text("")
    (tmp_path / "unused.pt").write_text("")
    assert used in _with_imported(file)
    assert tmp_path / "unused.pt" not in _with_imported(file)


JUDGE = """
import mubench_gen
from mubench_gen import Judge


class First(Judge):
    def read(self, unread):
        return [{choice} for _ in unread]


@mubench_gen.hookimpl
def mubench_gen_judge():
    return First
"""


def test_a_run_does_not_go_on_with_another_judge(here: Any, tmp_path: Path, cells: Path) -> None:
    judge = tmp_path / "judge.py"
    judge.write_text(JUDGE.format(choice=0), "utf-8")
    command = evaluated(Path("echo"), cells, "--judge", judge)
    begin(here, "eval", "--plugin", "echo", *command[3:])
    judge.write_text(JUDGE.format(choice=1), "utf-8")
    outcome = here("eval", "--plugin", "echo", *command[3:])
    assert outcome.code == 2
    assert "judge: there" in outcome.err


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "qwen.tiktoken", "base"])
def test_what_is_loaded_with_a_checkpoint_is_a_part_of_it(tmp_path: Path, name: str) -> None:
    folder, base = tmp_path / "checkpoint", tmp_path / "base"
    for one in (folder, base):
        one.mkdir()
        (one / "model.safetensors").write_bytes(b"weights")
    (folder / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(base)}), "utf-8"
    )
    file = base / "model.safetensors" if name == "base" else folder / name
    file.write_bytes(b"1")
    before = digest_checkpoint(folder)
    file.write_bytes(b"2")
    assert digest_checkpoint(folder) != before
