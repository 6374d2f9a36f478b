"""How fast the driver appends records, as durable as a run's: what a cluster can feed.

    python benchmarks/append.py [--records 50000] [--batches 16 64 256 1024] [--indexed 3000000]
        [--folder DIR]

Appends records of the size of a real run's (made by `echo` on generated data, keys and ids made
their own) to a records file: serialised, checksummed, written, and on the disk (fsync) batch by
batch, indexed as they are. Then the whole way of an answer through the recorder, parsed and made
into a record first, and the index alone, with more keys. `--folder` puts the files on the disk
that is to be measured. The bar: 5,000 records a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from memory import anonymous_mb

from mubench_gen.plan.items import items_of
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.runs.recorder import Recorder
from mubench_gen.storage.index import DiskTable, hashed
from mubench_gen.storage.record_file import RecordFile
from mubench_gen.storage.records import Record, read_records
from mubench_gen.types import Request, Response

IMAGES = 50
_SOUGHT = 100_000  # keys


def templates(folder: Path) -> tuple[Path, list[Record]]:
    """Generated data, and the records of a run on it."""
    command = [sys.executable, "-m", "mubench_gen"]
    data, run = folder / "data", folder / "run"
    made = ["data", "prepare", "demo", "--images", str(IMAGES), "--out", str(data)]
    subprocess.run([*command, *made], check=True, capture_output=True)
    asked = ["eval", "--plugin", "echo", "--data", str(data), "--run-dir", str(run)]
    subprocess.run([*command, *asked], check=True, capture_output=True)
    return data, list(read_records(run / "records.jsonl"))


def numbered(records: list[Record], count: int) -> Iterator[Record]:
    """`count` records, each with an id and a key of its own."""
    for number in range(count):
        record = records[number % len(records)]
        yield {**record, "id": f"{record['id']}{number}", "key": f"{number:032x}"}


def append(records: list[Record], count: int, batch: int, path: Path) -> dict[str, float]:
    """Append in batches; the records are made before the clock starts."""
    file = RecordFile(path)
    source = numbered(records, count)
    wall = cpu = 0.0
    while chunk := list(islice(source, batch)):
        began, spent = time.perf_counter(), time.process_time()
        file.append(chunk)
        wall += time.perf_counter() - began
        cpu += time.process_time() - spent
    file.close()
    size = path.stat().st_size
    path.unlink()
    return {"a_second": count / wall, "cpu_ms": 1000 * cpu / count, "bytes": size / count}


def record(data: Path, count: int, batch: int, path: Path) -> dict[str, float]:
    """Render, key, answer at once, parse, record and append: all that a run does but ask."""
    repeats = max(1, count // (6 * IMAGES))
    given = {"plugin": "echo", "data": str(data), "repeats": repeats, "prompt": "letter"}
    plan = make_plan(make_settings(given), Plugins())
    file = RecordFile(path)
    recorder = Recorder(file, (), "echo", "echo")
    began, spent = time.perf_counter(), time.process_time()
    waiting: list[Request] = []
    for request in recorder.requests(items_of(plan, recorder)):
        if request is not None:
            waiting.append(request)
        if len(waiting) == batch:
            recorder.answered([(one, Response(reply="B")) for one in waiting])
            waiting = []
    recorder.answered([(one, Response(reply="B")) for one in waiting])
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    made = recorder.done
    file.close()
    path.unlink()
    return {"a_second": made / wall, "cpu_ms": 1000 * cpu / made}


def index(count: int, folder: Path) -> dict[str, float]:
    """Keys put, and as many looked for that are not there: CPU of each, memory, disk."""
    table = DiskTable(folder)
    before = anonymous_mb()
    spent = time.process_time()
    for number in range(count):
        table.put(hashed(f"{number:032x}"), number)
    put, held = time.process_time() - spent, anonymous_mb() - before
    spent = time.process_time()
    for number in range(count, count + _SOUGHT):
        assert table.get(hashed(f"{number:032x}")) is None
    found = time.process_time() - spent
    return {
        "records": count,
        "held_mb": held,
        "put_ms": 1000 * put / count,
        "looked_up_ms": 1000 * found / _SOUGHT,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256, 1024])
    parser.add_argument("--indexed", type=int, default=3_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch)
        data, records = templates(folder)
        found = {}
        for batch in arguments.batches:
            found[batch] = append(records, arguments.records, batch, folder / "records.jsonl")
        whole = record(data, arguments.records, 256, folder / "records.jsonl")
        indexed = index(arguments.indexed, folder)
    if arguments.json:
        print(json.dumps({"append": found, "record": whole, "index": indexed}))
        return
    for batch, figures in found.items():
        print(
            f"append, {batch:>5} a batch  {figures['a_second']:>9,.0f} records/s  "
            f"{figures['cpu_ms']:.4f} ms CPU a record  {figures['bytes']:,.0f} bytes a record"
        )
    print(
        f"render to disk, 256      {whole['a_second']:>9,.0f} records/s  "
        f"{whole['cpu_ms']:.4f} ms CPU a record"
    )
    print(
        f"index of {indexed['records']:,.0f} records   {indexed['held_mb']:.1f} MB in memory at "
        f"most, {indexed['put_ms']:.4f} ms CPU a record, {indexed['looked_up_ms']:.4f} a look"
    )


if __name__ == "__main__":
    main()
