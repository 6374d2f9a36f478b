"""Damaged definitions, configurations, templates and documents: read or refused, never worse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.helpers.mutations import assert_survives, mutated

from mubench_gen.engines.server.options import read_server_options
from mubench_gen.errors import DefinitionError, RunFolderError, SettingError, UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.plan.config_file import read_config
from mubench_gen.plan.settings import make_settings
from mubench_gen.prompts import template_process
from mubench_gen.prompts.render import load_prompt, render
from mubench_gen.prompts.template_process import Limits, TemplateProcess
from mubench_gen.runs.studies import runs_of
from mubench_gen.storage.paths import definitions
from mubench_gen.storage.run_folder import differences, read_manifest
from mubench_gen.tasks.task import load_task
from mubench_gen.types import Question, Row, Sample, Task

Read = Callable[[bytes], object]

TOML = [
    b'title = "T"\ngroup = "fine"\nquestion = "modality"\ntags = ["a", "b"]\n',
    b"[fields]\nday = 2024-05-06T07:08:09Z\nn = 0x1f\nx = {a.b = [1, 2.5e3, inf, true]}",
    b'datasets = ["!x", """\nlong\n"""]\n[expected]\nquestions = 1_000\n',
]
CONFIG = [
    b'plugin = "echo"\ntasks = ["modality", "stain"]\nseed = 1\nlimit = 20\n',
    b'orders = "cyclic:2"\ntemperature = 0.5\n[options]\na = "b"\n"engine.body" = "{}"\n',
    b'batch-size = 4\nmax-tokens = 5\n[prompt_set]\nlabels = "1"\ntimeout = 1.5\n',
]
TEMPLATES = [
    b"{% for option in options %}{{ option.marker }} {{ option.text|upper }}{% endfor %}",
    b"{% set ns = namespace(n=0) %}{% for i in range(9) %}{% set ns.n = ns.n * 9 + i %}{% endfor %}"
    b"{{ ns.n }}{{ '%05d'|format(7) }}{{ labels|map('lower')|join(', ') }}",
    b"{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ n }}{% endif %}{% endmacro %}{{ m(3) }}"
    b"{{ [1, 2, 3]|batch(2)|list|tojson(indent=2) }}{{ 'a b c'|wordwrap(3)|indent(4) }}",
    b"{% include 'paper.j2' %}{% block a %}{{ question|replace('a', 'b') ** 2 }}{% endblock %}",
]
MANIFEST = {
    "format": 1, "settings": {"seed": 1, "tasks": ["a"]}, "sessions": [{"versions": {"x": "1"}}],
    "planned": 3, "prompts": {"paper": "0" * 64}, "runs": ["a", "b"], "model": None, "data": {},
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine"


def read_as_task(file: Path) -> Read:
    def read(content: bytes) -> object:
        file.with_suffix(".toml").write_bytes(content)
        return load_task(str(file.with_suffix(".toml")))

    return read


def read_as_config(file: Path) -> Read:
    def read(content: bytes) -> object:
        file.write_bytes(content)
        return make_settings({"plugin": "echo", **read_config(file)})

    return read


def read_as_header(file: Path) -> Read:
    def read(content: bytes) -> object:
        file.with_suffix(".j2").write_bytes(b"+++\n" + content + b"\n+++\n{{ question }}")
        return load_prompt(str(file.with_suffix(".j2")))

    return read


def test_damaged_tasks_are_read_or_refused(file: Path, inputs: int) -> None:
    seeds = [*TOML, *(path.read_bytes() for path in definitions("tasks").glob("*.toml"))]
    assert_survives(read_as_task(file), mutated(seeds, inputs), refused=(DefinitionError,))


def test_damaged_configurations_are_read_or_refused(file: Path, inputs: int) -> None:
    assert_survives(read_as_config(file), mutated(CONFIG, inputs), refused=(UsageError,))


def test_damaged_headers_of_prompts_are_read_or_refused(file: Path, inputs: int) -> None:
    shipped = [path.read_bytes().split(b"+++\n")[1] for path in definitions("prompts").glob("*.j2")]
    seeds = [*shipped, b'system = "You are {{ task.name }}."\nshots = 2\nanswer = "{{ option }}"']
    assert_survives(
        read_as_header(file), mutated(seeds, inputs // 5), refused=(DefinitionError, SettingError)
    )


def test_damaged_templates_render_or_are_refused(
    file: Path, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Question("modality", "Which modality?", ("light", "electron"), 1)
    task = Task("modality", "Modality", "coarse", "modality", (), "", "0" * 64, {})
    row = Row(0, "cells/1", "1", "cells", None, {"modality": asked}, {}, {})  # type: ignore[arg-type]
    sample = Sample("cells/1/modality", task, row, asked, None)
    process = TemplateProcess(Limits(cpu_seconds=0.5, mebibytes=64))
    monkeypatch.setattr(template_process, "the_process", lambda: process)
    path = file.with_suffix(".j2")

    def read(content: bytes) -> object:
        path.write_bytes(content)
        return render(load_prompt(str(path)), sample, (0, 1))

    shipped = [path.read_bytes() for path in definitions("prompts").glob("*.j2")]
    contents = mutated([*TEMPLATES, *shipped], inputs // 10)
    assert_survives(read, contents, refused=(DefinitionError, SettingError), mebibytes=256)


def test_damaged_manifests_and_studies_are_read_or_refused(tmp_path: Path, inputs: int) -> None:
    seeds = [json.dumps(MANIFEST).encode(), json.dumps(MANIFEST, indent=1).encode()]

    def read(content: bytes) -> None:
        (tmp_path / "manifest.json").write_bytes(content)
        (tmp_path / "study.json").write_bytes(content)
        for reader in (read_manifest, runs_of):
            try:
                stored = reader(tmp_path)
            except RunFolderError:
                continue
            if isinstance(stored, dict):
                list(differences(stored, stored, stored))

    assert_survives(read, mutated(seeds, inputs), refused=())


def test_a_damaged_body_of_an_engine_is_read_or_refused(inputs: int) -> None:
    seeds = [b'{"reasoning_effort": "low", "n": [1, 2.5, null, {"a": true}]}', b'{"a": "\\ud800"}']

    def read(content: bytes) -> object:
        text = content.decode("utf-8", "surrogateescape")
        return read_server_options(Checkpoint("x", kind="generative"), {"body": text})

    assert_survives(read, mutated(seeds, inputs), refused=(SettingError,))
