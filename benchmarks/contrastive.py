"""A contrastive run against the official way, and the encoders' share of its CPU.

    python benchmarks/contrastive.py [--images 500]

The official way asks one image and one question at a time: the image is read and encoded
again for every question, and so are the captions. Both ways answer the same questions of
generated data by the plugin `tiny`'s CLIP, each in a process of its own on all the cores,
the imports done before the clock starts. The bars: at least 8 times fewer seconds; with one
thread, at least 85 % of the run's CPU in the encoders (the model's processor and its network).
The tiny model is so small that reading and decoding an image costs more than half of encoding
it, so the share is also measured with a CLIP ViT-B/32 of random weights, on fewer images.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from mubench_gen import run
from mubench_gen.engines import open_checkpoint
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plan import plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins

MODEL = {"plugin": "tiny", "model": "clip", "device": "cpu"}
PLUGINS = Plugins(
    [EntryPoint(n, f"mubench_gen_plugins.{n}", "mubench_gen") for n in ("clip", "tiny")]
)
TOKENS = ("pad", "bos", "eos")
BASE_IMAGES = 48


def official(data: Path) -> dict[str, float]:
    """One image and one question at a time."""
    import torch
    import transformers
    from PIL import Image

    path = _checkpoint().path
    model: Any = transformers.CLIPModel.from_pretrained(path, dtype=torch.float32).eval()
    processor: Any = transformers.CLIPProcessor.from_pretrained(path)
    rows = [json.loads(line) for line in (data / "rows.jsonl").read_text().splitlines()]
    right = items = 0
    began = time.perf_counter()
    for row in rows:
        for name, question in row["questions"].items():
            picture = Image.open(data / row["image"]["path"]).convert("RGB")
            captions = row["captions"][f"{name}_1"]["options"]
            inputs = processor(text=captions, images=picture, return_tensors="pt", padding=True)
            with torch.inference_mode():
                scores = model(**inputs).logits_per_image[0]
            right += int(scores.argmax()) == question["answer_idx"]
            items += 1
    return {"seconds": time.perf_counter() - began, "items": items, "accuracy": right / items}


def ours(data: Path) -> dict[str, float]:
    """The whole run: plan, keys, answers, records on the disk, scores."""
    return _run(data, {})


def share(data: Path) -> dict[str, float]:
    """The same with one thread, so that the model's thread is all that encodes."""
    return _run(data, {"engine.threads": "1"})


def base(data: Path) -> dict[str, float]:
    """The share, with a network of the usual size."""
    import torch
    import transformers

    source = _checkpoint()
    processor: Any = transformers.CLIPProcessor.from_pretrained(source.path)
    tokens = processor.tokenizer
    named = {f"{name}_token_id": getattr(tokens, f"{name}_token_id") for name in TOKENS}
    config = transformers.CLIPConfig(text_config=named)
    model: Any = transformers.CLIPModel(config).to(torch.bfloat16)
    images: Any = transformers.CLIPImageProcessorPil()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        transformers.CLIPProcessor(images, tokens).save_pretrained(folder)
        return _run(data, {"engine.threads": "1"}, plugin="clip", model=folder)


def _checkpoint() -> Checkpoint:
    source = PLUGINS.load("tiny").spec("clip").source
    assert isinstance(source, Checkpoint)
    return source


def _run(data: Path, options: dict[str, str], **model: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        given = {"data": data, "options": options, "run_dir": folder}
        settings = make_settings({**MODEL, **given, **model})
        began, cpu = time.perf_counter(), time.process_time()
        planned = plan.make_plan(settings, PLUGINS)
        encoders = _timed_encoders(planned.model)
        done = run.run_plan(planned, ["contrastive.py"], progress=False)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        pooled = done.scores.pooled
        return {
            "seconds": seconds,
            "items": pooled.n,
            "accuracy": pooled.accuracy or 0.0,
            "cpu": cpu,
            "encoders": encoders[0] / cpu,
        }


def _warmed(way: Callable[[Path], dict[str, float]]) -> Callable[[Path], dict[str, float]]:
    """Imports what a model needs, and sets how torch's threads wait, by opening one."""
    model = open_checkpoint("transformers", _checkpoint(), Runtime("clip", device="cpu"))
    model.load()
    model.close()
    return way


def _timed_encoders(model: Any) -> list[float]:
    """The CPU seconds that the encoders take in their thread."""
    spent = [0.0]

    def timed(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(inputs: Any) -> Any:
            began = time.thread_time()
            try:
                return encode(inputs)
            finally:
                spent[0] += time.thread_time() - began

        return call

    model.embed_images = timed(model.embed_images)
    model.embed_texts = timed(model.embed_texts)
    return spent


WAYS: dict[str, Callable[[Path], dict[str, float]]] = {
    "official": official, "ours": ours, "share": share, "base": base,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        way, data = arguments.child
        print(json.dumps(_warmed(WAYS[way])(Path(data))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        data, few = Path(scratch) / "data", Path(scratch) / "few"
        _generate(data, arguments.images)
        _generate(few, BASE_IMAGES)
        found = {way: _measured(way, few if way == "base" else data) for way in WAYS}
    for way in ("official", "ours"):
        print(
            f"{way:>8}: {found[way]['seconds']:6.2f} s for {found[way]['items']:,.0f} items, "
            f"accuracy {found[way]['accuracy']:.4f}"
        )
    print(f"{found['official']['seconds'] / found['ours']['seconds']:.1f} times fewer seconds")
    for way, model in (("share", "tiny"), ("base", "ViT-B/32")):
        print(
            f"{model}, one thread: {found[way]['cpu']:.2f} s of CPU for {found[way]['items']:,.0f} "
            f"items, {found[way]['encoders']:.0%} of it in the encoders"
        )


def _generate(folder: Path, images: int) -> None:
    command = [sys.executable, "-m", "mubench_gen", "data", "prepare", "demo"]
    size = ["--images", str(images), "--out", str(folder)]
    subprocess.run([*command, *size], check=True, capture_output=True)


def _measured(way: str, data: Path) -> dict[str, float]:
    finished = subprocess.run(
        [sys.executable, __file__, "--child", way, str(data)], check=True, capture_output=True
    )
    measured: dict[str, float] = json.loads(finished.stdout)
    return measured


if __name__ == "__main__":
    main()
