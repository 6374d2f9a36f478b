"""What a run's manifest records: everything that is needed to do it again, and no secret."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.console.secrets import redact_command, without_secrets
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.image_files import combined
from mubench_gen.engines.thinking import read_thinking
from mubench_gen.host.hardware import hardware
from mubench_gen.model import Checkpoint
from mubench_gen.plan.fingerprint import Weights
from mubench_gen.plan.from_manifest import named_files
from mubench_gen.plan.identity import run_id
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.sources import CommandLine
from mubench_gen.scores.protocols.files import load_protocols
from mubench_gen.storage.run_folder import FORMAT
from mubench_gen.tasks.few_shot import Shots
from mubench_gen.tasks.forms import form_of
from mubench_gen.types import OPEN_FORMS, Form, Task

_PACKAGES = (
    "torch",
    "transformers",
    "safetensors",
    "tokenizers",
    "vllm",
    "numpy",
    "pillow",
    "jinja2",
)


def make_manifest(
    plan: Plan, identity: Mapping[str, Any], command: Sequence[str], *, planned: int, whole: int
) -> dict[str, Any]:
    """What the manifest says before anything is asked.

    `planned` are the items that are asked, `whole` those of the run that this is a shard of.
    """
    shard = plan.shard
    part = {} if shard is None else {"shard": {**asdict(shard), "planned_in_all": whole}}
    return {
        "format": FORMAT,
        "id": run_id(plan, identity),
        **part,
        "planned": planned,
        "settings": identity,
        "content": {
            "data": plan.dataset.rows_digest,
            **_image_files(plan.dataset),
            "tasks": {task.name: task.sha256 for task in plan.tasks},
            "prompts": {prompt.name: prompt.sha256 for prompt in plan.prompts},
            "weights": plan.weights.weights,
            "checkpoint": plan.weights.settings,
            **_beside(plan),
        },
        "tasks": {task.name: _facts(task, form_of(task, plan.dataset)) for task in plan.tasks},
        **named_files(plan.settings),
        **_protocols(plan),
        **_aliases(plan),
        "plugin": {
            "name": plan.plugin.name,
            "distribution": plan.plugin.distribution,
            "version": plan.plugin.version,
            "kind": plan.spec.kind,
        },
        "model": {
            "id": plan.spec.name,
            "revision": plan.settings.revision,
            "weights_sha256": plan.weights.weights,
            "trust_remote_code": plan.settings.trust_remote_code,
            "facts": dict(plan.spec.facts),
        },
        "engine": {
            "name": plan.engine if isinstance(plan.spec.source, Checkpoint) else "plugin",
            "arguments": without_secrets(plan.settings.engine_options),
            "deterministic": plan.settings.deterministic,
        },
        "sampling": {
            "temperature": plan.settings.temperature,
            "max_tokens": plan.settings.max_tokens,
            "repeats": plan.settings.repeats,
            **_thinking(plan.settings.thinking),
        },
        "data": {
            "name": plan.dataset.name,
            "revision": plan.dataset.revision,
            "digest": plan.dataset.digest,
            "rows": len(plan.dataset),
            **plan.dataset.facts,
        },
        "image_policy": plan.policy.as_dict(),
        "seed": plan.settings.seed,
        **_examples(plan.shots),
        "sessions": [session(command, plan.secret)],
    }


def _thinking(given: str | None) -> dict[str, Any]:
    """`--thinking`, and the tokens that replies had for it where no limit was set."""
    thinking = read_thinking(given)
    return {} if thinking is None else {"thinking": given, "thinking_tokens": thinking.room}


def _facts(task: Task, form: Form) -> dict[str, str]:
    """What the manifest says of a task."""
    own = {"cluster": task.cluster} if task.cluster else {}
    apart = {"asks": form} if form in OPEN_FORMS else {}
    return {"title": task.title, "group": task.group, **own, **apart}


def _beside(plan: Plan) -> dict[str, Any]:
    """What only some runs have: files that options name, models that a model opens, a judge."""
    return plan.weights.beside() | judge_content(plan.reading)


def judge_content(reading: Weights | None) -> dict[str, Any]:
    """What a manifest's content says of a judge: its code, and what else its readings depend on."""
    if reading is None:
        return {}
    beside = {f"judge_{name}": value for name, value in reading.beside().items()}
    return {"judge": reading.weights, **beside}


def _protocols(plan: Plan) -> dict[str, Any]:
    """The protocols that it was asked by, with the digests of their files."""
    found = {
        one.name: {"sha256": one.sha256, "source": one.file.source}
        for one in load_protocols(plan.settings.protocol)
    }
    return {"protocols": found} if found else {}


def _aliases(plan: Plan) -> dict[str, Any]:
    """The words that replies may name options by, of the tasks that have any."""
    found = {task.name: dict(task.aliases) for task in plan.tasks if task.aliases}
    return {"aliases": found} if found else {}


def _image_files(dataset: Dataset) -> dict[str, Any]:
    """What the manifest says of image files; nothing if the images stand in the rows."""
    files = dataset.image_files
    return {} if files is None else {"images": combined(files)}


def _examples(shots: Shots | None) -> dict[str, Any]:
    """What the manifest says of worked examples."""
    if shots is None:
        return {}
    held_out = shots.held_out
    return {
        "worked_examples": {
            "items": shots.drawn(),
            "held_out": {"images": held_out.images, "items": held_out.items}
            if held_out is not None
            else {"images": 0, "items": 0},
        }
    }


def session(command: Sequence[str], secret: Collection[str] = ()) -> dict[str, Any]:
    """One start of the command: when, how, with which versions, on what.

    `secret`: the options that are secret by their type.
    """
    elsewhere = command.elsewhere if isinstance(command, CommandLine) else {}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": redact_command(command, secret),
        **({"settings_from": elsewhere} if elsewhere else {}),
        "versions": versions(),
        "hardware": hardware(),
    }


@cache  # to read the metadata takes a tenth of a small run
def _installed() -> Mapping[str, str]:
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def versions() -> dict[str, str]:
    """The versions of mubench-gen, Python, and the packages that can change a reply."""
    return {
        "mubench-gen": __version__,
        "python": platform.python_version(),
        **_installed(),
    }
