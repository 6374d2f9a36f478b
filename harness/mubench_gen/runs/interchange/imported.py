"""Logs of other programs → a run folder on which scoring, reports and comparisons work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from mubench_gen.errors import DataError, RunFolderError
from mubench_gen.plan.settings import make_settings
from mubench_gen.runs.interchange.logged_records import PROMPT, keep, make_record
from mubench_gen.runs.interchange.logs import (
    eee,
    inspect_log,
    lm_eval,
    mapped,
    openai_batch,
    vlmevalkit,
)
from mubench_gen.runs.interchange.logs.log import Log, LoggedItem
from mubench_gen.runs.interchange.logs.rows import json_lines
from mubench_gen.runs.results import Run
from mubench_gen.storage.digests import sha256_of
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.records import Record, to_line
from mubench_gen.storage.run_folder import FORMAT, RECORDS, SCORES, settings_hash, write_manifest
from mubench_gen.storage.scratch import Scratch

# In the order in which a file is offered to them.
READERS: Mapping[str, Any] = {
    "inspect": inspect_log,
    "eee": eee,
    "openai-batch": openai_batch,
    "lm-eval": lm_eval,
    "vlmevalkit": vlmevalkit,
}
_Reads = Callable[[Any, Path], bool]
_UNKNOWN = ("prompt's template", "image policy", "weights", "versions of its packages")


@dataclass(frozen=True, slots=True)
class Imported:
    """A run that was made of a log, the number of its items, and what of the log it leaves out."""

    run: Run
    items: int
    left_out: Mapping[str, int]


def import_logs(
    paths: Sequence[Path],
    out: Path,
    *,
    form: str | None = None,
    columns: Mapping[str, str] | None = None,
    model: str | None = None,
    facts: Mapping[str, str] | None = None,
    command: Sequence[str] = (),
) -> Imported:
    """Make a run folder of one evaluation's log, which may be several files.

    `form`: the log's program; by its content where None. `columns`: of `--map`. `model`: its name,
    where the log has none. `facts`: about the model, for `--group`. DataError says at which line a
    log is malformed; nothing is left behind then.
    """
    if out.exists():
        raise RunFolderError(f"--out {out}: exists already; name a new folder.")
    reads = cache(_reads)  # to know a file its whole may have to be read
    files = [file for path in paths for file in _files(path, reads)]
    mapped.check_map(columns or {})
    reader = mapped if columns else READERS[form] if form else _reader(files, reads)
    own = _own(files, reader, reads)
    log = _log(lambda: cast(Log, reader.read(own, columns or {})), model)
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with Scratch(out.absolute(), is_folder=True) as scratch:
            name = model or log.model
            found = _write_records(log, scratch.path, name)
            if not found.items:
                told = "; ".join(f"{n:,} {reason}" for reason, n in log.left_out.items())
                raise DataError(
                    f"{paths[0]}: holds no multiple-choice question with an answer"
                    f"{f' ({told})' if told else ''}."
                )
            write_manifest(scratch.path, _manifest(log, files, name, found, facts or {}, command))
            summary = {**Run(scratch.path).summary(), "run_dir": str(out)}
            write_json(scratch.path / SCORES, summary)
            scratch.become(out.absolute())
    except OSError as error:
        raise RunFolderError(f"--out {out}: cannot be written: {error.strerror}.") from None
    return Imported(Run(out), found.items, dict(log.left_out))


@dataclass(slots=True)
class _Found:
    """What was met while the records were written."""

    items: int = 0
    readouts: set[str] = field(default_factory=set)
    tasks: dict[str, None] = field(default_factory=dict)


def _reads(reader: Any, file: Path) -> bool:
    return bool(reader.reads(file))


def _files(path: Path, reads: _Reads) -> list[Path]:
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.is_file() and one.name[0] != ".")
        known = [one for one in found if any(reads(reader, one) for reader in READERS.values())]
        if not known:
            raise DataError(f"{path}: holds no log that can be read here.")
        return known
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    return [path]


def _reader(files: Sequence[Path], reads: _Reads) -> Any:
    for reader in READERS.values():
        if any(reads(reader, file) for file in files):
            return reader
    for file in files:
        if file.suffix == ".jsonl":
            next(json_lines(file), None)  # a fault in its first line is told as such
    raise DataError(
        f"{files[0]}: is no log that is known here. Name its program with --from "
        f"{'|'.join(READERS)}, or its columns with --map reply=COLUMN,answer=COLUMN,options=A+B+C."
    )


def _own(files: Sequence[Path], reader: Any, reads: _Reads) -> Sequence[Path]:
    """The files that the reader reads; a batch's table of right answers is of any kind."""
    if len(files) == 1 or reader in (mapped, openai_batch):
        return files
    return [file for file in files if reads(reader, file)] or files


def _log(read: Callable[[], Log], model: str | None) -> Log:
    """The log; of one with answers of several models those of `model`, if that is one of them."""
    log = read()
    if model is None:
        return log
    first = next(log.items, None)
    named = first.model if first is not None else ""
    if named and (named == model or any(one.model == model for one in log.items)):
        log = read()
        return replace(log, items=_answers_of(model, log))
    return read()


def _answers_of(model: str, log: Log) -> Iterator[LoggedItem]:
    for one in log.items:
        if one.model == model:
            yield one
        else:
            log.left_out["of another model"] += 1


def _of_one_model(items: Iterator[LoggedItem]) -> Iterator[LoggedItem]:
    """The answers. DataError as soon as two models are met: each is a run of its own."""
    first = ""
    for one in items:
        first = first or one.model
        if one.model and one.model != first:
            raise DataError(
                f"The log has answers of several models ({first}, {one.model} …), which are runs "
                f"of their own. Import one after the other: --model {first}, --model {one.model}."
            )
        yield one


def _write_records(log: Log, folder: Path, model: str) -> _Found:
    found = _Found()
    repeats: Counter[str] = Counter()
    names: dict[str, int] = {}
    with (folder / RECORDS).open("wb") as file:
        for logged in _of_one_model(log.items):
            digests = keep(logged, folder)
            record = make_record(_unique(logged, names), log, model, digests, repeats)
            file.write(to_line(record))
            found.items += 1
            found.readouts.add(record["readout"])
            found.tasks[record["task"]] = None
    return found


def _unique(logged: LoggedItem, names: dict[str, int]) -> LoggedItem:
    """The item under a name of its own: a log may give one to different questions."""
    name, number = logged.name, 1
    asked = hash((logged.question, logged.options, logged.gold))
    while True:
        if names.setdefault(f"{logged.dataset}/{name}/{logged.task}", asked) == asked:
            return replace(logged, name=name)
        number += 1
        name = f"{logged.name}#{number}"


def _manifest(
    log: Log,
    files: Sequence[Path],
    model: str,
    found: _Found,
    facts: Mapping[str, str],
    command: Sequence[str],
) -> dict[str, Any]:
    settings = _settings(log, model, found)
    sampling = {name: value for name, value in log.sampling.items() if value is not None}
    unknown = [
        *log.unknown,
        *_UNKNOWN,
        *(name for name in ("temperature", "max_tokens") if name not in sampling),
    ]
    if not log.version:
        unknown.append("version")
    digests = {file.name: sha256_of(file) for file in files}
    return {
        "format": FORMAT,
        "id": f"{log.program}-{settings_hash({**settings, 'files': digests})}",
        "planned": found.items,
        "imported": {
            "program": log.program,
            "version": log.version or None,
            "files": digests,
            "unknown": unknown,
            "left_out": dict(log.left_out),
        },
        "settings": settings,
        "content": {"data": None, "tasks": {}, "prompts": {}, "weights": None, "checkpoint": None},
        "tasks": {task: {"title": task, "group": "imported"} for task in found.tasks},
        "plugin": {
            "name": log.program,
            "distribution": None,
            "version": log.version or None,
            "kind": "generative",
        },
        "model": {"id": model, "revision": None, "weights_sha256": None, "facts": dict(facts)},
        "engine": {"name": log.program, "arguments": {}, "deterministic": False},
        "sampling": {**sampling, "repeats": 1},
        "data": {"name": log.data or log.program, "revision": None, "digest": None, "rows": None},
        "seed": None,
        "sessions": [
            {
                "started": log.created,
                "command": list(command),
                "versions": {log.program: log.version} if log.version else {},
                "hardware": {},
            }
        ],
    }


def _settings(log: Log, model: str, found: _Found) -> dict[str, Any]:
    settings = make_settings(
        {
            "plugin": log.program,
            "model": model,
            "data": log.data or log.program,
            "prompt": [PROMPT],
            "readout": sorted(found.readouts),
            "max_tokens": log.sampling.get("max_tokens") or None,
        }
    )
    plain = settings.identity()
    return {**plain, "tasks": list(found.tasks), "temperature": log.sampling.get("temperature")}


def verdicts(records: Iterator[Record]) -> dict[str, Counter[str]]:
    """How our reading and the other program's verdict agree, by the rule that decided ours."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        theirs = (record.get("theirs") or {}).get("correct")
        if record["status"] == "error":
            continue
        pair = f"{_word(theirs)} {_word(record['correct'])}"
        found.setdefault(record["rule"] or record["status"], Counter())[pair] += 1
    return found


def _word(right: bool | None) -> str:
    return "unknown" if right is None else "right" if right else "wrong"
