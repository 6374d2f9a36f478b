"""What a run folder lives through: kills, damage and disks that fail. Counts, as a table.

    python benchmarks/chaos.py [--kills 200] [--truncations 5000] [--flips 2000] [--faults 60]
        [--resumed 200] [--images 100] [--seed 0] [--only PART] [--folder FOLDER]

Kills: `eval` is killed with -9 as often as that, at moments drawn by the seed, and started again;
when it ends, another run begins. Nothing that was finished may be lost or change, and each run
must end equal, by id, to one that nobody disturbed. Damage: each file of a run folder
(manifest.json, records.jsonl, scores.json, .columns) is cut and has single bits flipped; every
reader must read what was written or say what is wrong, and what it reads must be right; one in
--resumed of them is also resumed. Disk faults: a call to the system (write, fsync, rename, unlink,
mkdir, …) fails as it is made for the n-th time, once or from then on; `eval` and `report` must
end with a message, and the same command, once the disk is well, with an equal run.

Exits with 1 where anything was lost, wrong, or a raw exception. Processes are forked of this one,
which has imported everything: a start takes milliseconds.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Any

from disk_faults import Fault, counted_calls, inject

from mubench_gen.__main__ import FAILED_ITEMS, FINE, USER_MUST_FIX, _run
from mubench_gen.data.demo import write_demo
from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import load_run
from mubench_gen.runs.shown_images import IMAGES
from mubench_gen.storage import columns
from mubench_gen.storage.columns import LEFT_OUT, brief_records
from mubench_gen.storage.records import Record, read_records, to_line
from mubench_gen.storage.run_folder import COLUMNS, MANIFEST, RECORDS, SCORES, read_manifest

_VARY = frozenset({"seconds", "usage"})  # between equal runs
_SLOW = ("--batch-size", "4", "-o", "delay=0.0005")
_PATIENCE = 60.0  # seconds that any process may take
_OURS = frozenset({MANIFEST, RECORDS, SCORES, COLUMNS, IMAGES, ".lock"})
Counts = Counter[str]


class Broken(Exception):
    """A promise that does not hold."""


def check(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


def words(data: Path, folder: Path, *more: str) -> list[str]:
    return ["eval", "--plugin", "echo", "--data", str(data), "--run-dir", str(folder), *more]


def start(command: Sequence[str], told: Path, before: Callable[[], None] | None = None) -> int:
    """The command in a process of its own, forked of this one; its output goes to `told`."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        handle = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.argv = ["mubench-gen", *command]
        if before is not None:
            before()
        code = _run()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(process: int) -> int | None:
    """How it ended; None where it runs."""
    found, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def end(process: int) -> int:
    until = time.monotonic() + _PATIENCE
    while (code := ended(process)) is None:
        if time.monotonic() > until:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise Broken("a process did not end")
        time.sleep(0.002)
    return code


def run(command: Sequence[str], told: Path, before: Callable[[], None] | None = None) -> int:
    return end(start(command, told, before))


def alike(records: Iterator[Record]) -> dict[str, Record]:
    return {r["id"]: {k: v for k, v in r.items() if k not in _VARY} for r in records}


def kills(count: int, drawn: random.Random, data: Path, folder: Path) -> Counts:
    """`eval`, killed again and again."""
    told, counts = folder / "told", Counts()
    run(words(data, folder / "whole", *_SLOW), told)
    whole = alike(read_records(folder / "whole" / RECORDS))
    killed: Path | None = None
    finished: dict[str, Record] = {}
    while counts["kill -9"] < count or killed is not None:
        if killed is None:
            killed, finished = folder / f"killed-{counts['runs ended']}", {}
        process = start(words(data, killed, *_SLOW), told)
        if counts["kill -9"] < count:
            _wait(process, killed / RECORDS, drawn)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        code = end(process)
        check("Traceback" not in told.read_text(), f"a traceback: {told.read_text()}")
        now = alike(read_records(killed / RECORDS))
        lost = [name for name in finished if now.get(name) != finished[name]]
        check(not lost, f"finished and lost: {lost[:3]}")
        finished = now
        if code == -signal.SIGKILL:
            counts["kill -9"] += 1
            continue
        check(code == FINE, f"exit code {code}: {told.read_text()}")
        check(now == whole, "a killed run differs from an undisturbed one")
        left = {path.name for path in killed.iterdir()} - _OURS
        check(not left, f"left behind: {left}")
        counts["runs ended"] += 1
        shutil.rmtree(killed)
        killed = None
    return counts


def _wait(process: int, records: Path, drawn: random.Random) -> None:
    """As it starts, or until some records more are written."""
    if drawn.random() < 0.3:
        time.sleep(drawn.uniform(0, 0.15))
        return
    size = records.stat().st_size if records.exists() else 0
    enough, until = size + drawn.randrange(30_000), time.monotonic() + 2.0
    while (
        time.monotonic() < until
        and os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        if records.exists() and records.stat().st_size > enough:
            time.sleep(drawn.uniform(0, 0.003))
            return
        time.sleep(0.0005)


class Sound:
    """A run folder whose every file is known, and what each reader must find in it."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data, self.folder, self.told = data, folder / "run", folder / "told"
        check(run(words(data, self.folder), self.told) == FINE, "the first run failed")
        list(brief_records(self.folder / RECORDS))
        self.files = {
            name: (self.folder / name).read_bytes() for name in (MANIFEST, RECORDS, SCORES, COLUMNS)
        }
        self.manifest = read_manifest(self.folder)
        self.records = list(read_records(self.folder / RECORDS))
        self.scores = load_run(self.folder).scores
        self.lines = [to_line(record) for record in self.records]

    def restore(self) -> None:
        for name, content in self.files.items():
            if (self.folder / name).read_bytes() != content:
                (self.folder / name).write_bytes(content)

    def read(self, name: str, damaged: bytes) -> str:
        """What reading the folder came to, with this in the place of one of its files."""
        (self.folder / name).write_bytes(damaged)
        try:
            found = load_run(self.folder)
        except RunFolderError as error:
            check(name == MANIFEST, f"{name} damaged, and refused: {error}")
            return "refused with a message"
        for key, value in self.manifest.items():
            check(found.manifest.get(key) == value, f"a wrong manifest: {key}")
        expected = self.left(damaged) if name == RECORDS else self.records
        check(list(found.records()) == expected, "wrong records")
        check(list(map(_brief, found.outcomes())) == list(map(_brief, expected)), "wrong columns")
        if expected == self.records:
            check(found.scores == self.scores, "wrong scores")
        else:
            check(found.scores.n == len(expected), "wrong scores")
        return "read, all right" if expected == self.records else "read, damaged lines left out"

    def left(self, damaged: bytes) -> list[Record]:
        """The records whose lines are whole in the damaged file."""
        whole = set(damaged.splitlines(keepends=True))
        return [r for r, line in zip(self.records, self.lines, strict=True) if line in whole]

    def resume(self, refused: bool) -> None:
        """The same command: it refuses as the readers did, or ends as if nothing had been."""
        code = run(words(self.data, self.folder), self.told)
        said = self.told.read_text()
        check("Traceback" not in said, f"a traceback: {said}")
        check(code == (USER_MUST_FIX if refused else FINE), f"exit code {code}: {said}")
        if not refused:
            found = alike(read_records(self.folder / RECORDS))
            check(found == alike(iter(self.records)), "a resumed run differs")
            check(load_run(self.folder).scores == self.scores, "scores of a resumed run differ")


def _brief(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in LEFT_OUT}


def damage(
    count: int, drawn: random.Random, *, sound: Sound, name: str, cut: bool, resumed: int
) -> Counts:
    counts, content = Counts(), sound.files[name]
    for number in range(count):
        at = drawn.randrange(len(content))
        damaged = bytearray(content[:at] if cut else content)
        if not cut:
            damaged[at] ^= 1 << drawn.randrange(8)
        what = sound.read(name, bytes(damaged))
        counts[what] += 1
        if number % resumed == 0:
            (sound.folder / name).write_bytes(damaged)
            sound.resume(what.startswith("refused"))
            counts["resumed"] += 1
        sound.restore()
    return counts


def faults(count: int, drawn: random.Random, data: Path, folder: Path) -> Counts:
    """`eval` and `report` on a disk that fails."""
    told, counts = folder / "told", Counts()
    report = ["report", str(folder / "whole")]
    made = counted_calls(lambda: run(words(data, folder / "whole"), told), folder / "whole")
    whole = alike(read_records(folder / "whole" / RECORDS))
    (folder / "whole" / COLUMNS).unlink(missing_ok=True)
    read = counted_calls(lambda: run(report, told), folder / "whole")
    for number in range(count):
        reporting = number % 5 == 4
        fault = Fault.drawn(drawn, read if reporting else made)
        faulty = folder / f"faulty-{number}"
        command = words(data, faulty)
        if reporting:
            run(command, told)
            (faulty / COLUMNS).unlink(missing_ok=True)
        spoken = ["report", str(faulty)] if reporting else command
        code = run(spoken, told, partial(inject, fault, faulty))
        said = told.read_text()
        check("Traceback" not in said, f"{fault}: a traceback: {said}")
        check(code in (FINE, USER_MUST_FIX, FAILED_ITEMS), f"{fault}: exit code {code}")
        check(code == FINE or said.strip(), f"{fault}: no message")
        if code == FINE:
            check(alike(read_records(faulty / RECORDS)) == whole, f"{fault}: not all is there")
        check(run(command, told) == FINE, f"{fault}: not resumed: {told.read_text()}")
        check(alike(read_records(faulty / RECORDS)) == whole, f"{fault}: another run")
        counts[f"exit {code}"] += 1
        shutil.rmtree(faulty)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, default in (("kills", 200), ("truncations", 5_000), ("flips", 2_000),
                          ("faults", 60), ("resumed", 200), ("images", 100),
                          ("seed", 0)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="", help="parts whose name holds this")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    columns._WORTH = 1  # the small files of this have columns too
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        return _all(given, Path(scratch))


def _all(given: Any, folder: Path) -> int:
    many, few = folder / "many", folder / "few"
    write_demo(many, images=given.images)
    write_demo(few, images=4)
    for name in ("kills", "damage", "faults"):
        (folder / name).mkdir()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        sys.argv = ["mubench-gen", *words(few, folder / "first")]
        check(_run() == FINE, "the first run failed")  # everything is imported
    left = [one for one in threading.enumerate() if not one.daemon]  # idle ones hold nothing
    check(len(left) == 1, "a thread is left: no process can be forked")
    failed = 0
    sound = Sound(few, folder / "damage")
    parts: dict[str, Callable[[random.Random], Counts]] = {
        "kills": partial(kills, given.kills, data=many, folder=folder / "kills"),
        "disk faults": partial(faults, given.faults, data=few, folder=folder / "faults"),
    }
    for name in sound.files:
        for what, count in (("truncations", given.truncations), ("flips", given.flips)):
            how = {"cut": what == "truncations", "resumed": given.resumed}
            parts[f"{what} of {name}"] = partial(damage, count, sound=sound, name=name, **how)
    for what, part in parts.items():
        if given.only not in what:
            continue
        drawn = random.Random(f"{given.seed} {what}")
        began = time.monotonic()
        try:
            counts = part(drawn)
            told = ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()))
        except Exception as error:  # what this is here to find
            failed += 1
            told = f"BROKEN: {type(error).__name__}: {error}"
            sound.restore()
        print(f"{what:<30} {told}  ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
