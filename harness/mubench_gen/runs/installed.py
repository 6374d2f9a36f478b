"""What a run was made with, against what is installed here: data, tasks, prompts, weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from mubench_gen.data import open_dataset
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.image_files import changes, combined, image_digests, shortened
from mubench_gen.errors import MubenchError
from mubench_gen.plan.fingerprint import Weights
from mubench_gen.plan.from_manifest import settings_of_model
from mubench_gen.plan.judging import open_judge
from mubench_gen.plan.opening import host_of
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.prompts.render import load_prompt
from mubench_gen.runs.results import Run
from mubench_gen.runs.shown_images import read_shown_images
from mubench_gen.storage.digests import digest_or_none
from mubench_gen.storage.records import images_shown, read_records, row_key
from mubench_gen.storage.run_folder import RECORDS
from mubench_gen.tasks.task import load_tasks

Outcome = Literal["holds", "fails", "not checked"]
_SHOWN = 3
_HASHED = re.compile(r"[0-9a-f]{8}")  # what stands for a long value in a prompt's name


def _data(run: Run, _: Plugins) -> tuple[Outcome, str]:
    settings = run.manifest["settings"]
    dataset = open_dataset(
        settings["data"],
        partial=bool(settings.get("partial")),
        licenses=settings.get("licenses") or (),
        outside=bool(settings.get("allow_outside")),
        mapping=settings.get("map"),
    )
    stored = run.manifest["content"].get("data")
    outcome, told = _compared(stored, dataset.rows_digest, settings["data"])
    if outcome == "fails" and dataset.image_files is None and settings.get("control") != "shuffled":
        told += _told_rows(_other_rows(run, dataset))
    return outcome, told


def _other_rows(run: Run, dataset: Dataset) -> Iterator[str]:
    """The rows that were asked about and are gone, or have other images now. Reads all images."""
    shown = {row_key(one): images_shown(one) for one in read_records(run.dir / RECORDS)}
    for row in dataset:
        images = shown.pop(row.key, ())
        if images and [digest_or_none(image) for image in row.images] != list(images):
            yield row.key
    yield from shown


def _told_rows(rows: Iterable[str]) -> str:
    found = sorted(rows)
    asked = "row was" if len(found) == 1 else "rows were"
    return f"; {len(found):,} {asked} asked about other images: {some(found)}" if found else ""


def _images(run: Run, _: Plugins) -> tuple[Outcome, str]:
    stored = read_shown_images(run.dir)
    if not stored:
        return "not checked", "the images stand in the rows, or the run lists none"
    if combined(stored["files"]) != run.manifest["content"].get("images"):
        return "fails", "images.json is not the list that the manifest names"
    folder = Path(stored["folder"])
    if not folder.is_dir():
        return "not checked", f"{folder} is not here"
    known = image_digests(folder, list(stored["files"]))
    now = {name: one.sha256 for name, one in known.items()}
    told = list(changes(stored["files"], now))
    if told:
        gone = {sha256 for name, sha256 in stored["files"].items() if now.get(name) != sha256}
        records = read_records(run.dir / RECORDS)
        rows = {row_key(one) for one in records if not gone.isdisjoint(images_shown(one))}
        listed = "; ".join(shortened(told))
        return "fails", f"{len(told):,} have changed: {listed}{_told_rows(rows)}"
    return "holds", f"{len(known):,} files have the bytes that were shown"


def _tasks(run: Run, _: Plugins) -> tuple[Outcome, str]:
    stored = run.manifest["content"].get("tasks") or {}
    data = None
    with suppress(MubenchError):
        settings = run.manifest["settings"]
        data = open_dataset(settings["data"], partial=True, mapping=settings.get("map"))
    named = (run.manifest.get("named") or {}).get("tasks") or list(stored)
    now = {task.name: task.sha256 for task in load_tasks(named, data)}
    return _all_equal(stored, now)


def _prompts(run: Run, plugins: Plugins) -> tuple[Outcome, str]:
    stored = run.manifest["content"].get("prompts") or {}
    settings = run.manifest["settings"]
    named = (run.manifest.get("named") or {}).get("prompt") or list(stored)
    now = {}
    for name in named:
        plain, _, rest = name.partition("[")
        prompt = load_prompt(plain, settings.get("prompt_set") or {})
        if rest and prompt.name != name:  # of a study: each has settings of its own
            own = dict(pair.partition("=")[::2] for pair in rest.rstrip("]").split(",") if pair)
            if any(map(_HASHED.fullmatch, own.values())):
                return "not checked", f"the settings of {name} are too long for its name"
            prompt = load_prompt(plain, own)
        now[prompt.name] = prompt.sha256
    return _all_equal(stored, now)


def _plugin(run: Run, plugins: Plugins) -> tuple[Outcome, str]:
    stored = run.manifest["plugin"]
    plugin = plugins.load(run.manifest["settings"]["plugin"])
    if stored["version"] == plugin.version:
        return "holds", f"{stored['name']} {plugin.version}"
    return "fails", f"{stored['name']}: {stored['version']} in the run, {plugin.version} here"


def _weights(run: Run, plugins: Plugins) -> tuple[Outcome, str]:
    content = run.manifest["content"]
    if content.get("weights") is None and content.get("checkpoint") is None:
        return "not checked", "the run does not know its weights"
    settings = make_settings(settings_of_model(run.manifest))
    model = host_of(settings, plugins)
    try:
        now = model.digest()
    finally:
        model.close()
    if told := list(Weights.of_manifest(content).differences(now)):
        return "fails", some(told)
    return "holds", _brief(now.weights or now.settings)


def _judge(run: Run, plugins: Plugins) -> tuple[Outcome, str]:
    settings, content = run.manifest["settings"], run.manifest["content"]
    named = {name: settings[name] for name in ("plugin", "judge", "options") if settings.get(name)}
    opened = open_judge(make_settings(named), plugins)
    if opened is None:
        return "not checked", "the run has no judge"
    judge, now = opened
    files, members = content.get("judge_files") or {}, content.get("judge_members") or ()
    stored = Weights(content.get("judge"), None, files, members)
    if told := list(stored.differences(now)):
        return "fails", some(told)
    return "holds", f"{judge.name}: {_brief(now.weights)}"


def _compared(stored: Any, here: Any, name: str) -> tuple[Outcome, str]:
    if stored == here:
        return "holds", f"{name}: {_brief(here)}"
    return "fails", f"{name} differs: {_brief(stored)} in the run, {_brief(here)} here"


def _all_equal(stored: Mapping[str, str], now: Mapping[str, str]) -> tuple[Outcome, str]:
    changed = sorted(name for name in stored if now.get(name) != stored[name])
    if changed:
        return "fails", f"defined otherwise here: {some(changed)}"
    return "holds", f"{len(stored):,} are defined as in the run"


def _brief(digest: Any) -> str:
    return "none" if digest is None else str(digest)[:12]


def some(texts: Sequence[str]) -> str:
    """The first texts, and how many more there are."""
    more = f" and {len(texts) - _SHOWN:,} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


CHECKS: Mapping[str, Callable[[Run, Plugins], tuple[Outcome, str]]] = {
    "data": _data,
    "images": _images,
    "tasks": _tasks,
    "prompts": _prompts,
    "plugin": _plugin,
    "weights": _weights,
    "judge": _judge,
}
