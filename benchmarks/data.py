"""How fast the real data opens and reads: files of its size, written to a temporary folder.

python benchmarks/data.py               # seven files, 17,315 rows, 3.5 GB
python benchmarks/data.py --scale 0.1   # a tenth of it
python benchmarks/data.py --folder DIR  # keep the files, or measure those that are there
python benchmarks/data.py --paired 7 --image-bytes 58000  # CPU of 1 GB of images by pyarrow's
python benchmarks/data.py --paired 7 --image-bytes 58000 --parquet  # the same rows in Parquet
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS, SHARDS, IMAGE_BYTES = 17_315, 7, 206_000
BATCH = 100  # rows a record batch, what the library `datasets` writes for images

_OPEN = """
import json, sys, time
def memory(name):
    with open("/proc/self/status") as file:
        return next(int(l.split()[1]) / 1024 for l in file if l.startswith(name))
began = time.perf_counter()
from mubench_gen.data import open_dataset
dataset = open_dataset(sys.argv[1])
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "rows": len(dataset), "resident": memory("VmRSS"),
                  "peak": memory("VmHWM")}))
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scale", type=float, default=1.0)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument(
        "--image-bytes", type=int, default=IMAGE_BYTES, help="of one, on average"
    )
    arguments.add_argument("--paired", type=int, metavar="N", help="only compare CPU, N times")
    arguments.add_argument("--parquet", action="store_true", help="compare CPU in Parquet files")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        if not list(folder.glob("*.arrow")):
            write(folder, int(ROWS * given.scale), given.image_bytes)
        if given.paired:
            compare_cpu(as_parquet(folder) if given.parquet else folder, given.paired)
        else:
            measure(folder)


def write(folder: Path, rows: int, image_bytes: int) -> None:
    """Seven Arrow stream files in the schema of the release, images of random bytes."""
    import pyarrow as pa
    from pyarrow import ipc

    from mubench_gen.data.demo.plan import plan
    from mubench_gen.data.demo.rows import row

    folder.mkdir(parents=True, exist_ok=True)
    generator = random.Random(0)
    schema: Any = None
    for shard in range(SHARDS):
        path = folder / f"ubench-test-{shard:05d}-of-{SHARDS:05d}.arrow"
        indexes = range(rows * shard // SHARDS, rows * (shard + 1) // SHARDS)
        with path.open("wb") as file:
            writer: Any = None
            for first in range(0, len(indexes), BATCH):
                found = [row(plan(1, i)) for i in indexes[first : first + BATCH]]
                for one in found:
                    size = generator.randint(image_bytes // 2, image_bytes * 3 // 2)
                    one["image"] = {"bytes": os.urandom(size), "path": None}
                table = pa.Table.from_pylist(found, schema=schema)
                schema = table.schema
                writer = writer or ipc.new_stream(file, schema)
                writer.write_table(table)
            writer.close()


def as_parquet(folder: Path) -> Path:
    """The same rows in Parquet files, in a folder in that one."""
    from pyarrow import ipc, memory_map, parquet

    inner = folder / "parquet"
    inner.mkdir(exist_ok=True)
    for path in folder.glob("*.arrow"):
        with memory_map(str(path)) as file:
            rows = ipc.open_stream(file).read_all()
            parquet.write_table(rows, inner / f"{path.stem}.parquet", row_group_size=1000)
    return inner


def compare_cpu(folder: Path, times: int) -> None:
    """CPU of the images' bytes row by row, in turns with pyarrow's own values of that column."""
    from mubench_gen.data import open_dataset

    dataset = open_dataset(str(folder))
    pairs = [
        (
            _cpu(lambda: _by_pyarrow(folder)),
            _cpu(lambda: sum(len(i.data) for i in _images(dataset))),
        )
        for _ in range(times)
    ]
    ratios = sorted(ours / theirs for theirs, ours in pairs)
    theirs, ours = (min(column) for column in zip(*pairs, strict=True))
    print(
        f"image bytes of {len(dataset):,} rows, CPU: pyarrow {theirs:.2f} s, here {ours:.2f} s; "
        f"{ratios[len(ratios) // 2]:.2f} × in the median of {times} pairs (goal 2)"
    )


def _by_pyarrow(folder: Path) -> int:
    from pyarrow import ipc, memory_map, parquet

    total = 0
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        with memory_map(str(path)) as file:
            batches = (
                parquet.ParquetFile(file).iter_batches(256, columns=["image"])
                if path.suffix == ".parquet"
                else ipc.open_stream(file)
            )
            for batch in batches:
                column = batch.column("image").field("bytes")
                total += sum(len(value.as_py()) for value in column)
    return total


def _cpu(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def measure(folder: Path) -> None:
    """Print the figures, each beside its goal."""
    size = sum(path.stat().st_size for path in folder.glob("*.arrow"))
    print(f"{size / 1e9:.2f} GB in {len(list(folder.glob('*.arrow')))} files")
    _cat(folder)  # into the page cache, for both alike
    opened = [_opened(folder) for _ in range(3)]
    best = min(opened, key=lambda one: float(one["seconds"]))
    print(f"open, imports included  {best['seconds']:.3f} s (goal 0.5), {best['rows']:,} rows")
    print(f"memory after opening    {best['resident']:.0f} MB, peak {best['peak']:.0f} (goal 150)")
    for state, prepare in (("from the disk", _forget), ("from the page cache", _nothing)):
        rates = []
        for _ in range(3):  # taking turns: other work on the machine meets both
            prepare(folder)
            cat = _cat(folder)
            prepare(folder)
            rates.append((cat, _read(folder)))
        cat, read = max(c for c, _ in rates), max(r for _, r in rates)
        print(
            f"{state}: cat {cat:.2f} GB/s, images in order {read:.2f} GB/s, {read / cat:.2f} of it"
        )
    n, seconds = _enumerate(folder)
    print(f"questions enumerated    {n:,} in {seconds:.2f} s, {n / seconds:,.0f}/s (goal 33,333/s)")


def _opened(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, str(folder)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _nothing(folder: Path) -> None:
    pass


def _forget(folder: Path) -> None:
    """Drop the files from the page cache."""
    for path in folder.glob("*.arrow"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _cat(folder: Path) -> float:
    """GB/s of `cat FILES | wc -c`: what reaches another program."""
    files = sorted(str(path) for path in folder.glob("*.arrow"))
    began = time.perf_counter()
    with subprocess.Popen(["cat", *files], stdout=subprocess.PIPE) as cat:
        subprocess.run(["wc", "-c"], check=True, stdin=cat.stdout, capture_output=True)
    return sum(os.stat(f).st_size for f in files) / 1e9 / (time.perf_counter() - began)


def _read(folder: Path) -> float:
    """GB/s of images, row by row: nothing is hashed or decoded."""
    from mubench_gen.data import open_dataset

    dataset = open_dataset(str(folder))
    began = time.perf_counter()
    total = sum(len(image.data) for image in _images(dataset))
    return total / 1e9 / (time.perf_counter() - began)


def _images(dataset: Any) -> Any:
    for row in dataset:
        yield row.image


def _enumerate(folder: Path) -> tuple[int, float]:
    """Samples of all questions, as a run goes through them, and the seconds it took."""
    from mubench_gen.data import open_dataset
    from mubench_gen.tasks.samples import samples
    from mubench_gen.tasks.task import load_tasks

    tasks = load_tasks(["demo-*", "coarse"])
    dataset = open_dataset(str(folder))
    began = time.perf_counter()
    n = sum(1 for _ in samples(tasks, dataset))
    return n, time.perf_counter() - began


if __name__ == "__main__":
    main()
