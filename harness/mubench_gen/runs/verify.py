"""Whether a run holds: its files, the scores of its records, and what it was made with.

A check holds, fails, or is not made because what it needs is not here; each says what it found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.errors import MubenchError, describe
from mubench_gen.parser.judge import is_judged
from mubench_gen.plugins.registry import Plugins
from mubench_gen.runs.installed import CHECKS, Outcome, some
from mubench_gen.runs.kept_images import IMAGES
from mubench_gen.runs.rescore import rescore
from mubench_gen.runs.results import Run
from mubench_gen.scores.localization import is_box_record
from mubench_gen.scores.open_answers import is_open_record, judged
from mubench_gen.storage.digests import sha256_of
from mubench_gen.storage.index import hashed
from mubench_gen.storage.json_files import is_sealed
from mubench_gen.storage.records import Pass, Record, stored_lines
from mubench_gen.storage.run_folder import MANIFEST, RECORDS, SCORES, settings_hash
from mubench_gen.storage.user_files import read_json
from mubench_gen.types import Answer

_ROUNDED = 1e-9


@dataclass(frozen=True, slots=True)
class VerifiedPart:
    """What was looked at, how it came out, and what was found."""

    name: str
    outcome: Outcome
    found: str

    def as_dict(self) -> dict[str, str]:
        return {"check": self.name, "outcome": self.outcome, "found": self.found}

    @property
    def fails(self) -> bool:
        return self.outcome == "fails"


def verify(run: Run, *, here: bool = True) -> Iterator[VerifiedPart]:
    """All checks of a run, one after the other.

    `here`: also whether data, tasks, prompts, weights and plugin are those that are installed
    here. An imported run has none of these.
    """
    yield _manifest(run)
    yield from _records(run)
    yield _scores(run)
    yield _readings(run)
    if kept := sorted((run.dir / IMAGES).glob("*")):
        changed = [path.name for path in kept if sha256_of(path) != path.stem]
        told = f"do not fit their digests: {some(changed)}" if changed else "fit their digests"
        yield VerifiedPart("kept images", "fails" if changed else "holds", f"{len(kept):,} {told}")
    if not here or "imported" in run.manifest:
        return
    plugins = Plugins()
    for name, check in CHECKS.items():
        if name == "judge" and not run.manifest["settings"].get("judge"):
            continue
        try:
            yield VerifiedPart(name, *check(run, plugins))
        except MubenchError as error:
            told = describe(error).partition("\n")[0]
            yield VerifiedPart(name, "not checked", f"not to be had here: {told}")


def _manifest(run: Run) -> VerifiedPart:
    stored = read_json(run.dir / MANIFEST)
    if "crc" not in stored:
        return VerifiedPart("manifest", "fails", "it has no checksum: it was changed by hand")
    sealed = is_sealed(stored)  # a wrong checksum is refused where the run is opened
    expected = settings_hash({k: v for k, v in stored["settings"].items() if k != "shard"})
    known = "imported" in stored or "packed" in stored or f"-{expected}" in stored["id"]
    if not sealed or not known:
        return VerifiedPart("manifest", "fails", f"its id {stored['id']} does not fit its settings")
    return VerifiedPart("manifest", "holds", "fits its checksum")


def _records(run: Run) -> Iterator[VerifiedPart]:
    found = Pass()
    count, ids, faults = 0, set[int](), list[str]()
    for stored in stored_lines(run.dir / RECORDS, found):
        count += 1
        ids.add(hashed(stored.record["id"]))
        faults += [f"{stored.record['id']}: {fault}" for fault in _faults(stored.record, run)]
    size = (run.dir / RECORDS).stat().st_size if (run.dir / RECORDS).exists() else 0
    torn = size > found.end
    if found.damaged or torn:
        told = f"{found.damaged + torn:,} lines are damaged: they do not fit their checksums"
        yield VerifiedPart("records", "fails", told)
    else:
        yield VerifiedPart("records", "holds", f"{count:,} lines fit their checksums")
    if faults:
        yield VerifiedPart("contents", "fails", some(faults))
    else:
        yield VerifiedPart("contents", "holds", "the records fit each other and the manifest")
    planned = int(run.manifest["planned"])
    told = f"{len(ids):,} of {planned:,} planned items are there"
    yield VerifiedPart("items", "holds" if len(ids) == planned else "fails", told)


def _faults(record: Record, run: Run) -> Iterator[str]:
    """What in a record contradicts itself or the manifest."""
    content, manifest = run.manifest["content"], run.manifest
    names = (record["plugin"], record["model"])
    if names != (manifest["plugin"]["name"], manifest["model"]["id"]):
        yield f"is of {' '.join(map(str, names))}"
    prompt = (content.get("prompts") or {}).get(record["prompt"])
    if prompt is not None and prompt != record["prompt_sha256"]:
        yield f"was asked with another prompt {record['prompt']!r}"
    failed = record["status"] == "error"
    if failed and (record["choice"], record["correct"]) != (None, None):
        yield "failed and has an answer"
    if failed or is_box_record(record):
        return
    if is_open_record(record):
        yield from _open_faults(record)
        return
    if record["correct"] != (record["choice"] == record["gold"]):
        yield "`correct` does not fit the choice and the right answer"
    if (record["status"] == "answered") != (record["choice"] is not None):
        yield f"has the status {record['status']} and the choice {record['choice']}"
    if record["choice"] is not None and not 0 <= record["choice"] < len(record["options"]):
        yield "chooses an option that it does not have"


def _open_faults(record: Record) -> Iterator[str]:
    """What contradicts itself in the record of an open answer."""
    found, is_answered = record["open"]["found"], record["status"] == "answered"
    if record["choice"] is not None:
        yield "has an open answer and chooses an option"
    if is_answered != (found is not None):
        yield f"has the status {record['status']} and the answer {found!r:.40}"
    answer = Answer(record["status"])
    if not is_judged(record["rule"]) and (
        record["correct"] != judged(answer, record["open"], found).correct
    ):
        yield "`correct` does not fit the answer and the right one"


def _scores(run: Run) -> VerifiedPart:
    try:
        stored = read_json(run.dir / SCORES)
    except (OSError, ValueError) as error:
        return VerifiedPart("scores", "fails", f"{SCORES} cannot be read: {error}")
    if not isinstance(stored, dict):
        return VerifiedPart("scores", "fails", f"{SCORES} holds no JSON object")
    again = run.summary()
    exact = _versions(run) == {__version__}  # an older version's scores have fewer fields
    differing = [
        part
        for part in ("scores", "controls", "planned", "complete")
        if not _equal(stored.get(part), again[part], exact=exact)
    ]
    for key, now in again.get("metrics", {}).items():
        if "unavailable" not in now and not _equal(
            _plain(stored.get("metrics", {}).get(key)), _plain(now), exact=exact
        ):
            differing.append(f"the metric {key}")
    if differing:
        told = f"{SCORES} differs from the scores of the records in: {', '.join(differing)}"
        return VerifiedPart("scores", "fails", told)
    return VerifiedPart("scores", "holds", "computed again from the records: equal")


def _readings(run: Run) -> VerifiedPart:
    """Today's parser reads as the run's did; another version may read better."""
    changed = [change for change in rescore(run).changes if change.matters]
    versions = _versions(run)
    if not changed:
        return VerifiedPart("answers", "holds", "read again from the replies: equal")
    told = f"{len(changed):,} replies are read differently by version {__version__}"
    if versions == {__version__} and "imported" not in run.manifest:
        return VerifiedPart(
            "answers", "fails", f"{told}, which made the run: {changed[0].before['id']}"
        )
    made = ", ".join(sorted(map(str, versions)))
    return VerifiedPart("answers", "not checked", f"{told}; the run was made by {made}")


def _versions(run: Run) -> set[Any]:
    return {session.get("versions", {}).get("mubench-gen") for session in run.manifest["sessions"]}


def _plain(document: Any) -> Any:
    return json.loads(json.dumps(document, default=str))


def _equal(stored: Any, again: Any, *, exact: bool) -> bool:
    """Equal as JSON; floats to the last digits, which another machine may round otherwise.

    `exact`: there may be no field that was not stored.
    """
    if isinstance(stored, dict) and isinstance(again, Mapping):
        fits = stored.keys() == again.keys() if exact else stored and stored.keys() <= again.keys()
        return bool(fits) and all(_equal(v, again[k], exact=exact) for k, v in stored.items())
    if isinstance(stored, list) and isinstance(again, (list, tuple)):
        pairs = zip(stored, again, strict=False)
        return len(stored) == len(again) and all(_equal(*pair, exact=exact) for pair in pairs)
    if isinstance(stored, float) or isinstance(again, float):
        numbers = isinstance(stored, (int, float)) and isinstance(again, (int, float))
        return numbers and abs(stored - again) <= _ROUNDED
    return bool(stored == again)
