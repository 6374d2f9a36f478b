"""What a model in a host costs on a GPU, beside the same model in this process.

    python benchmarks/gpu.py [--tiny] [--keep FOLDER] [--engines transformers vllm]

Needs torch and transformers, a GPU, and no hub: it makes a checkpoint of LLaVA-1.5-7B's size and
one of CLIP ViT-L/14's from their configurations, with random weights (bfloat16, made on the GPU)
and the tokenizers of the models that mubench-gen ships, and asks each 600 questions about 100
images. Where vllm is installed it runs the LLaVA too. `--tiny` takes the shipped models themselves,
on a CPU too.

A line a run: questions a second of the time in which the engine worked, and its share of the wall
time; the most GPU memory that was in use, and how much of it still was after the run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mubench_gen_plugins.tiny import WEIGHTS

IMAGES, QUESTIONS = 100, 600
LOOK = 0.2  # seconds between two looks at the GPU's memory
PATCH, SIDE = 14, 336  # of CLIP ViT-L/14, in pixels
VISION = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": SIDE,
    "patch_size": PATCH,
    "projection_dim": 768,
}
TEXT = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "head_dim": 128,
    "max_position_embeddings": 4096,
    "vocab_size": 32064,
}
CLIP_TEXT = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "vocab_size": 49408,
}


def make_llava(folder: Path) -> None:
    """A LLaVA of 7 billion parameters, with the shipped tokenizer and chat template."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    given = _copied("llava", folder, size=SIDE)
    config = LlavaConfig.from_dict(
        {
            **given,
            "image_seq_length": (SIDE // PATCH) ** 2,
            "vision_config": {**given["vision_config"], **VISION},
            "text_config": {**given["text_config"], **TEXT},
            "vision_feature_layer": -2,
        }
    )
    _save(LlavaForConditionalGeneration, config, folder)


def make_clip(folder: Path) -> None:
    """A CLIP of ViT-L/14's size, with the shipped tokenizer."""
    from transformers import CLIPConfig, CLIPModel

    given = _copied("clip", folder, size=224)
    config = CLIPConfig.from_dict(
        {
            **given,
            "projection_dim": 768,
            "vision_config": {**given["vision_config"], **VISION, "image_size": 224},
            "text_config": {**given["text_config"], **CLIP_TEXT},
        }
    )
    _save(CLIPModel, config, folder)


def _copied(name: str, folder: Path, *, size: int) -> dict[str, Any]:
    """Everything of the shipped model but its weights; returns its configuration."""
    shutil.copytree(WEIGHTS / name, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    path = folder / "processor_config.json"
    processor = json.loads(path.read_text("utf-8"))
    square = {"height": size, "width": size}
    processor["image_processor"] |= {"size": square, "crop_size": square}
    path.write_text(json.dumps(processor), "utf-8")
    found: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return found


def _save(kind: Any, config: Any, folder: Path) -> None:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        model = kind._from_config(config, dtype=torch.bfloat16)
    print(f"{folder.name}: {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    model.save_pretrained(folder)
    del model
    if device == "cuda":
        torch.cuda.empty_cache()


def used() -> float | None:
    """The GPU's memory that is in use, in GiB; None without a GPU."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return sum(map(float, done.stdout.split())) / 1024


@contextmanager
def watched() -> Iterator[dict[str, float | None]]:
    """The most memory that is in use meanwhile, and what is left after, above what was before."""
    before, over = used(), threading.Event()
    found: dict[str, float | None] = {"peak": None, "left": None}

    def look() -> None:
        while not over.wait(LOOK):
            found["peak"] = max(found["peak"] or 0.0, (used() or 0.0) - (before or 0.0))

    thread = threading.Thread(target=look, daemon=True)
    if before is not None:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        if before is not None:
            thread.join()
            found["left"] = (used() or 0.0) - before


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """One run in this process, with the model in a host or here."""
    import mubench_gen

    with watched() as memory:
        began = time.perf_counter()
        run = mubench_gen.evaluate(**given)
        wall = time.perf_counter() - began
    records = list(run.records())
    loaded = sum(record["seconds"] or 0.0 for record in records)
    written = [record for record in records if record["status"] != "error"]
    return {"wall": wall, "engine": loaded, "n": len(written), "of": len(records), **memory}


def compare(name: str, given: dict[str, Any], scratch: Path) -> None:
    """Both ways, each in a process of its own."""
    for way in ("host", "here"):
        own = {**given, "in_process": way == "here", "run_dir": f"{scratch}/{name}-{way}"}
        done = subprocess.run(
            [sys.executable, __file__, "--child", json.dumps(own)],
            stdout=subprocess.PIPE,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{name:<20} {way:<5} {found['n']}/{found['of']} answered  "
            f"{found['wall']:.1f} s with the start  "
            f"{found['n'] / found['engine']:.1f} questions a second of the engine's "
            f"{found['engine']:.1f} s ({found['engine'] / found['wall']:.0%} of the wall)  "
            f"GPU memory at most {_gib(found['peak'])}, left {_gib(found['left'])}",
            flush=True,
        )


def _gib(amount: float | None) -> str:
    return "–" if amount is None else f"{amount:.2f} GiB"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="the shipped models, a few images")
    parser.add_argument("--keep", type=Path, help="where the checkpoints are made and stay")
    parser.add_argument("--engines", nargs="+", help="of the LLaVA [those that are installed]")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(json.loads(arguments.child))))
        return
    print(
        ", ".join(f"{one} {getattr(import_module(one), '__version__', '')}" for one in _packages()),
        flush=True,
    )
    engines = arguments.engines or ["transformers", *(["vllm"] if find_spec("vllm") else [])]
    with tempfile.TemporaryDirectory() as made:
        scratch, models = Path(made), arguments.keep or Path(made)
        data, limit = scratch / "data", {"limit": 2} if arguments.tiny else {}
        images = 6 if arguments.tiny else IMAGES
        subprocess.run(
            [sys.executable, "-m", "mubench_gen", "data", "prepare", "demo", "--images",
             str(images), "--out", str(data)], check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        folders = {"llava": WEIGHTS / "llava", "clip": WEIGHTS / "clip"}
        if not arguments.tiny:
            folders = {"llava": models / "llava-7b", "clip": models / "clip-l14"}
            for name, make in (("llava", make_llava), ("clip", make_clip)):
                if not folders[name].exists():
                    make(folders[name])
        for engine in engines:
            given = {"plugin": "llava", "model": str(folders["llava"]), "engine": engine}
            given |= {"max_tokens": 16, "data": str(data), "max_errors": 0, **limit}
            compare(f"llava {engine}", given, scratch)
        given = {"plugin": "clip", "model": str(folders["clip"]), "data": str(data), **limit}
        compare("clip transformers", given, scratch)


def _packages() -> list[str]:
    return [one for one in ("torch", "transformers", "vllm") if find_spec(one)]


if __name__ == "__main__":
    main()
