"""Which chat template a server is given: the plugin's, or a fallback where files have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mubench_gen.engines.conversation import template_to_serve
from mubench_gen.model import Checkpoint

FALLBACKS = {"llava": "the fallback"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llava"}))
    return tmp_path


def test_a_plugins_own_template_is_always_served(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("the files'")
    checkpoint = Checkpoint(
        folder, "generative", chat_template="the plugin's", fallback_templates=FALLBACKS
    )
    assert template_to_serve(checkpoint, None) == "the plugin's"


def test_a_fallback_is_served_where_the_files_have_no_template(folder: Path) -> None:
    checkpoint = Checkpoint(folder, "generative", fallback_templates=FALLBACKS)
    assert template_to_serve(checkpoint, None) == "the fallback"


def test_a_fallback_of_another_architecture_is_not_served(folder: Path) -> None:
    checkpoint = Checkpoint(folder, "generative", fallback_templates={"qwen2_vl": "another"})
    assert template_to_serve(checkpoint, None) is None


@pytest.mark.parametrize(
    "name", ["chat_template.json", "processor_config.json", "tokenizer_config.json"]
)
def test_the_files_own_template_is_left_to_the_server(folder: Path, name: str) -> None:
    (folder / name).write_text(json.dumps({"chat_template": "the files'"}))
    checkpoint = Checkpoint(folder, "generative", fallback_templates=FALLBACKS)
    assert template_to_serve(checkpoint, None) is None


def test_a_template_in_a_file_of_its_own_is_left_to_the_server(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("the files'")
    checkpoint = Checkpoint(folder, "generative", fallback_templates=FALLBACKS)
    assert template_to_serve(checkpoint, None) is None


def test_damaged_files_are_left_to_the_server_to_complain_of(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    checkpoint = Checkpoint(folder, "generative", fallback_templates=FALLBACKS)
    assert template_to_serve(checkpoint, None) is None
