"""What a merge costs: memory, wall beside plain reading and writing, α in one pass, mergekit.

    python benchmarks/merge.py [--large 4] [--small 0.5] [--repeats 3] [--mergekit FOLDER]
    python benchmarks/merge.py --large 0 --small 0 --methods 0.5

Synthetic checkpoints of Llama's layout in bfloat16, made in a scratch folder and removed.
The bars: peak anonymous memory above that after imports at most three times the largest tensor
plus 200 MB; wall at most 1.5 times that of reading both inputs and writing one copy with fsync;
ten α in one pass at most 0.85 of ten single merges, with each input byte read once.
`--methods GB`: the memory and the time of every method with two fine-tunes of that size.
`--mergekit FOLDER`: where `pip install --no-deps --target FOLDER mergekit immutables` put it;
its linear method then runs on the small checkpoint, interleaved, as a process; ours beside it
as a process, too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mubench_gen.interpolation.merge.inputs import MergeSettings
from mubench_gen.interpolation.merge.merge import merge
from mubench_gen.interpolation.merge.methods import METHODS, Sparse
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.merge.safetensors_file import lay_out
from mubench_gen.interpolation.merge.statistics import DOCUMENT, WEIGHTS

TEN = "0.05:0.95:0.1"
VOCABULARY = 32_000
Shapes = list[tuple[str, str, tuple[int, ...]]]


def shapes(gigabytes: float, hidden: int) -> Shapes:
    """Tensors of a Llama of about that size."""
    inner = hidden * 11 // 4
    block = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (hidden, hidden),
        "self_attn.v_proj": (hidden, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    ends = {"model.embed_tokens": (VOCABULARY, hidden), "lm_head": (VOCABULARY, hidden)}
    a_block = sum(2 * math.prod(shape) for shape in block.values())
    layers = max(1, round((1e9 * gigabytes - 4 * VOCABULARY * hidden) / a_block))
    found: Shapes = [(f"{name}.weight", "BF16", shape) for name, shape in ends.items()]
    found.append(("model.norm.weight", "BF16", (hidden,)))
    for layer in range(layers):
        found += [
            (f"model.layers.{layer}.{name}.weight", "BF16", shape) for name, shape in block.items()
        ]
    return found


def write(folder: Path, wanted: Shapes, hidden: int, *, seed: int, moved: float) -> Path:
    """A checkpoint in shards of about 1 GB; a fine-tune of seed's base where `moved` is not 0."""
    folder.mkdir()
    tile = np.random.default_rng(seed).standard_normal(1 << 20).astype(np.float32)
    tile += moved * np.random.default_rng(seed + 1).standard_normal(1 << 20).astype(np.float32)
    content = (tile.view(np.uint32) >> 16).astype(np.uint16)
    parts: list[Shapes] = [[]]
    for one in wanted:
        if sum(2 * math.prod(shape) for _, _, shape in parts[-1]) > 1e9:
            parts.append([])
        parts[-1].append(one)
    files: dict[str, str] = {}
    for number, part in enumerate(parts, start=1):
        file = "model.safetensors"
        if len(parts) > 1:
            file = f"model-{number:05}-of-{len(parts):05}.safetensors"
        header, _ = lay_out(part, {"format": "pt"})
        with (folder / file).open("wb") as out:
            out.write(header)
            for _, _, shape in part:
                left = math.prod(shape)
                while left:
                    out.write(content[:left].tobytes())
                    left -= min(left, content.size)
        files |= {name: file for name, _, _ in part}
    if len(parts) > 1:
        index = {"metadata": {}, "weight_map": files}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": hidden * 11 // 4,
        "num_hidden_layers": len({n.split(".")[2] for n, _, _ in wanted if ".layers." in n}),
        "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 64,
        "vocab_size": VOCABULARY,
        "dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def read_and_copy(sides: list[Path], out: Path) -> None:
    """Read both inputs, write one copy, have it on the disk: the least that a merge must do."""
    out.mkdir()
    buffer = bytearray(1 << 23)
    for path in weights(sides[1]):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    for path in weights(sides[0]):
        with path.open("rb", buffering=0) as file, (out / path.name).open("wb", 0) as copy:
            while count := file.readinto(buffer):
                copy.write(memoryview(buffer)[:count])
            os.fsync(copy.fileno())


def merged(sides: list[Path], out: Path, alpha: str) -> None:
    merge(MergeSettings(str(sides[0]), (str(sides[1]),), make_recipe([alpha]), out))


def anonymous() -> int:
    """Bytes of this process that no file stands behind."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon in /proc/self/status")


def bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(lines[0].split()[1])


class Peak:
    """The most anonymous memory above that at the beginning, looked at every two milliseconds."""

    def __enter__(self) -> Peak:
        self.before = self.most = anonymous()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._done.wait(0.002):
            self.most = max(self.most, anonymous())


def large(scratch: Path, gigabytes: float) -> None:
    wanted = shapes(gigabytes, 2048)
    largest = max(2 * math.prod(shape) for _, _, shape in wanted)
    sides = [write(scratch / n, wanted, 2048, seed=0, moved=m) for n, m in (("a", 0), ("b", 0.05))]
    size = sum(path.stat().st_size for path in weights(sides[0]))
    for name, alpha in (("one α", "0.5"), ("three α", "0.25:0.75:0.25")):
        with Peak() as peak:
            seconds = timed(lambda a=alpha: merged(sides, scratch / "out", a))  # type: ignore[misc]
        shutil.rmtree(scratch / "out")
        print(
            f"{size / 1e9:.2f} GB, {name}: {(peak.most - peak.before) / 1e6:.0f} MB of anonymous "
            f"memory above that after imports (bar {(3 * largest + 200e6) / 1e6:.0f} MB; largest "
            f"tensor {largest / 1e6:.0f} MB), {seconds:.1f} s",
            flush=True,
        )
    for side in sides:
        shutil.rmtree(side)


def by_method(scratch: Path, gigabytes: float) -> None:
    """Each method's memory beside the bar, and its seconds, with two fine-tunes."""
    wanted = shapes(gigabytes, 1024)
    largest = max(2 * math.prod(shape) for _, _, shape in wanted)
    base, *sides = (
        write(scratch / f"side-{seed}", wanted, 1024, seed=0, moved=0.01 * seed)
        for seed in range(3)
    )
    size = sum(path.stat().st_size for path in weights(base))
    bar = (3 * largest + 200e6) / 1e6
    print(f"{size / 1e9:.2f} GB, largest tensor {largest / 1e6:.0f} MB, bar {bar:.0f} MB")
    for method, facts in METHODS.items():
        given = tuple(map(str, sides[: facts.most]))
        statistics = _statistics(scratch, wanted, method) if facts.measured else ()
        sparse = Sparse(density=0.4) if method == "sce" else Sparse()
        recipe = make_recipe(["0.5"], method=method, sparse=sparse)
        cpu = cpu_seconds()
        with Peak() as peak:
            seconds = timed(
                lambda g=given, r=recipe, s=statistics: merge(  # type: ignore[misc]
                    MergeSettings(str(base), g, r, scratch / "out", statistics=s)
                )
            )
        shutil.rmtree(scratch / "out")
        print(
            f"  {method:<16} {len(given)} fine-tunes {(peak.most - peak.before) / 1e6:>5.0f} MB "
            f"{seconds:>6.1f} s, {cpu_seconds() - cpu:.1f} s of CPU",
            flush=True,
        )
    for side in (base, *sides):
        shutil.rmtree(side)


def _statistics(scratch: Path, wanted: Shapes, method: str) -> tuple[Path, ...]:
    """What `mubench-gen measure` would write of each of two fine-tunes, of any numbers."""
    found = []
    for number in range(2):
        folder = scratch / f"{method}-{number}"
        folder.mkdir()
        layers = [
            (name, "F32", shape if method == "fisher" else (shape[-1],) * 2)
            for name, _, shape in wanted
            if method == "fisher" or (len(shape) == 2 and ".layers." in name)
        ]
        header, _ = lay_out(layers, {})
        with (folder / WEIGHTS).open("wb") as out:
            out.write(header)
            for _, _, shape in layers:
                numbers = np.full(shape, 1 + number, np.float32)
                out.write((numbers if method == "fisher" else np.eye(shape[0])).astype("f4").data)
        told: dict[str, object] = {
            "method": method, "model": "", "weights": None, "items": 1, "images": [],
            "failed": 0, "data": {"name": ""}, "tasks": [], "half": {"seed": 0}, "sha256": "",
        }  # fmt: skip
        (folder / DOCUMENT).write_text(json.dumps(told))
        found.append(folder)
    return tuple(found)


def small(scratch: Path, gigabytes: float, repeats: int, mergekit: Path | None) -> None:
    wanted = shapes(gigabytes, 1024)
    sides = [write(scratch / n, wanted, 1024, seed=0, moved=m) for n, m in (("a", 0), ("b", 0.05))]
    size = sum(path.stat().st_size for path in weights(sides[0]))
    out = scratch / "out"
    print(f"{size / 1e9:.2f} GB, {repeats} rounds, interleaved; medians")
    walls: dict[str, list[float]] = {}
    cpus: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, work in _works(sides, out, mergekit, scratch):
            before = cpu_seconds()
            walls.setdefault(name, []).append(timed(work))
            cpus.setdefault(name, []).append(cpu_seconds() - before)
            shutil.rmtree(out)
    for name, seconds in walls.items():
        print(
            f"  {name}: {np.median(seconds):.2f} s, {np.median(cpus[name]):.2f} s of CPU",
            flush=True,
        )
    copy, one = (walls[name] for name in ("read both, write one copy, fsync", "merge, one α"))
    print(f"  merge / copy: {_ratio(one, copy):.2f} (bar 1.5)", flush=True)
    _ten_at_once(sides, out, repeats, size)


def _ten_at_once(sides: list[Path], out: Path, repeats: int, size: int) -> None:
    """In this process, and as the commands that somebody would type."""
    works: dict[str, Callable[[str], object]] = {
        "in one process": lambda alpha: merged(sides, out, alpha),
        "as commands": lambda alpha: command(sides, out, alpha),
    }
    for name, work in works.items():
        ten, singles, shares = [], [], []
        for _ in range(repeats):
            before, cpu = bytes_read(), cpu_seconds()
            ten.append(timed(lambda w=work: w(TEN)))  # type: ignore[misc]
            read, cpu = bytes_read() - before, cpu_seconds() - cpu
            shutil.rmtree(out)
            began = cpu_seconds()
            singles.append(0.0)
            for alpha in make_recipe([TEN]).alphas:
                singles[-1] += timed(lambda w=work, a=alpha: w(str(a)))  # type: ignore[misc]
                shutil.rmtree(out)
            shares.append(cpu / (cpu_seconds() - began))
        print(
            f"  {name}: ten α in one pass {np.median(ten):.2f} s, ten single merges "
            f"{np.median(singles):.2f} s: {_ratio(ten, singles):.2f} (bar 0.85); of CPU "
            f"{np.median(shares):.2f}"
            + (f"; read {read / (2 * size):.3f} of the inputs' bytes" if read > size else ""),
            flush=True,
        )


def command(sides: list[Path], out: Path, alpha: str) -> None:
    arguments = ["merge", *map(str, sides), "--alpha", alpha, "--out", str(out)]
    subprocess.run(
        [sys.executable, "-m", "mubench_gen", *arguments], check=True, capture_output=True
    )


def _works(
    sides: list[Path], out: Path, mergekit: Path | None, scratch: Path
) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "read both, write one copy, fsync", lambda: read_and_copy(sides, out)
    yield "merge, one α", lambda: merged(sides, out, "0.5")
    if mergekit is None:
        return
    yield "mubench-gen merge, as a process", lambda: command(sides, out, "0.5")
    recipe = scratch / "mergekit.yml"
    models = [{"model": str(side), "parameters": {"weight": 0.5}} for side in sides]
    recipe.write_text(json.dumps({"merge_method": "linear", "dtype": "bfloat16", "models": models}))
    run = "import sys; from mergekit.scripts.run_yaml import main; sys.exit(main())"
    path = os.pathsep.join([str(mergekit), *filter(None, [os.environ.get("PYTHONPATH")])])
    yield (
        "mergekit linear, as a process",
        lambda: subprocess.run(
            [sys.executable, "-c", run, str(recipe), str(out), "--no-copy-tokenizer"],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": path},
        ),
    )


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return float(np.median([one / other for one, other in zip(ours, theirs, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--large", type=float, default=4.0, help="GB; 0: leave out")
    parser.add_argument("--small", type=float, default=0.5, help="GB; 0: leave out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mergekit", type=Path)
    parser.add_argument("--methods", type=float, default=0.0, metavar="GB")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="merge-") as name:
        scratch = Path(name)
        needed = 1e9 * max(5.5 * arguments.large, 13 * arguments.small, 4 * arguments.methods)
        if shutil.disk_usage(scratch).free < needed:
            raise SystemExit(f"{scratch}: {needed / 1e9:.0f} GB are needed and not free.")
        if arguments.large:
            large(scratch, arguments.large)
        if arguments.methods:
            by_method(scratch, arguments.methods)
        if arguments.small:
            small(scratch, arguments.small, arguments.repeats, arguments.mergekit)


if __name__ == "__main__":
    main()
