"""Checks of an export format: what it writes can be read, and tells nothing that is private."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mubench_gen.errors import UsageError
from mubench_gen.report.export import ChosenExport, reported
from mubench_gen.runs.interchange.public import PublicRun
from mubench_gen.runs.results import Run
from mubench_gen.testing.check import NotApplicable, check, few, want
from mubench_gen.testing.subject import Subject

Written = Mapping[str, bytes]  # files by their names; what `write` wrote by ""
_VARIABLE, _SECRET = "MUBENCH_GEN_CONFORMANCE_TOKEN", "canary-of-the-conformance-kit-4711"
_TEXTS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".md", ".txt", ".yaml", ".yml",
                    ".html", ".xml", ".toml", ".tex"})  # fmt: skip


def _written(subject: Subject, runs: Sequence[Run]) -> Written:
    """What the format writes of the runs, as `runs export` gives them: to a stream, or as files."""
    export = subject.thing
    chosen = ChosenExport(export, subject.validated(), subject.loaded_plugin)
    given = reported([PublicRun(run.dir) for run in runs])
    if export.files is None:
        stream = io.BytesIO()
        chosen.write(given, stream)
        return {"": stream.getvalue()}
    with tempfile.TemporaryDirectory(dir=subject.folder) as place:
        chosen.write_files(given, Path(place))
        found = (path for path in Path(place).rglob("*") if path.is_file())
        return {str(path.relative_to(place)): path.read_bytes() for path in sorted(found)}


@check(
    "export",
    reason="a format that fails leaves no file",
    remedy="write bytes to the stream, or files into the folder",
    gate=True,
)
def export_writes(subject: Subject) -> None:
    found = _written(subject, [subject.run])
    want(any(found.values()), "it writes nothing")


@check(
    "export",
    reason="other programs must read what was written",
    remedy="UTF-8 for texts; a whole JSON document, or one a line; `text=False` for what is binary",
)
def export_can_be_read_back(subject: Subject) -> None:
    for name, content in _written(subject, [subject.run]).items():
        suffix = Path(name).suffix
        if suffix in _TEXTS or (not name and subject.thing.text):
            _read(name or "what it writes", suffix, content)


def _read(name: str, suffix: str, content: bytes) -> None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        want(False, f"{name} is no UTF-8 text: {error}")
    want("\0" not in text, f"{name} is a text with a NUL in it")
    if suffix not in ("", ".json", ".jsonl", ".ndjson") or text.lstrip()[:1] not in ("{", "["):
        return
    try:
        json.loads(text)
    except ValueError:
        lines = text.splitlines() if suffix != ".json" else [text]
        for number, line in enumerate(lines, 1):
            try:
                json.loads(line)
            except ValueError as error:
                want(False, f"{name}, line {number}, is no JSON: {error}")


@check(
    "export",
    reason="what is exported is compared and kept under version control",
    remedy="no chance and no time of its own: sort what has no order, take times from the manifest",
)
def export_repeats_itself(subject: Subject) -> None:
    first, second = (_written(subject, [subject.run]) for _ in range(2))
    want(first.keys() == second.keys(), f"written again, its files are {few(second)}")
    texts = [name for name in first if not name or Path(name).suffix in _TEXTS]
    odd = [name or "what it writes" for name in texts if first[name] != second[name]]
    want(not odd, f"written again, {few(odd)} is another")


@check(
    "export",
    reason="exports are published: keys and names of folders must not be in them",
    remedy="take what the runs give; nothing from the environment, run.dir, or the working folder",
)
def export_tells_nothing_private(subject: Subject) -> None:
    with _secret_in_the_environment():
        found = _written(subject, [subject.run])
    private = {
        "a variable of the environment": _SECRET,
        "the run's folder": str(subject.run.dir.parent),
        "the working folder": os.getcwd(),
        "the home folder": str(Path.home()),
    }
    for name, content in found.items():
        for what, text in private.items():
            told = len(text) > 3 and text.encode() in content
            want(not told, f"{name or 'what it writes'} holds {what}: {text}")


@contextmanager
def _secret_in_the_environment() -> Iterator[None]:
    os.environ[_VARIABLE] = _SECRET
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


@check(
    "export",
    reason="a run may have failed items alone, and a report several runs",
    remedy="mind None where nothing was answered; SettingError where several runs cannot be told",
)
def export_takes_any_runs(subject: Subject) -> None:
    for what, runs in (("failed items alone", [subject.failed_run]),
                       ("two runs", [subject.run, subject.failed_run])):  # fmt: skip
        try:
            _written(subject, runs)
        except UsageError as error:
            want("is broken" not in str(error), f"{what}: {error}")


@check(
    "export",
    reason="a run is what was measured: writing it in another form must not change it",
    remedy="write into the stream or the folder that is given, and copy what is changed",
)
def export_keeps_the_run(subject: Subject) -> None:
    if not subject.run.dir.is_dir():
        raise NotApplicable("the run is no folder")
    before = _content(subject.run.dir)
    _written(subject, [subject.run])
    want(_content(subject.run.dir) == before, "the run's folder holds other files after it")


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
