"""The settings of a run as a user meets them, by heading: what makes the flags, their help and the
page of the settings. Their types, defaults and rules are in `settings.py`, which is slower to
import than a help text may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_TYPES = {"N": int, "S": float, "T": float, "DIR": Path, "RUN": Path}  # of a value, by its metavar


@dataclass(frozen=True, slots=True)
class Option:
    """The flag of a setting. Without a metavar it is a switch; `many`: it may be repeated;
    `off`: the switch turns off what is on by default (`--no-NAME`)."""

    metavar: str
    help: str
    many: bool = False
    off: bool = False

    @property
    def type(self) -> type:
        return _TYPES.get(self.metavar, str)


HEADINGS = {
    "The model": {
        "plugin": Option("NAME", "Model plugin: a name or a .py file.", many=True),
        "model": Option("NAME", "Which of the plugin's models. [its first]"),
        "options": Option("K=V", "Option of the plugin; engine.K=V: of the engine.", many=True),
        "device": Option("NAME", "auto, cpu, cuda, cuda:1, mps. [auto]"),
        "dtype": Option(
            "NAME",
            "Precision of the weights: auto (bfloat16 on CUDA, else float32), float32, bfloat16, "
            "float16. [auto]",
        ),
        "revision": Option("REV", "The checkpoint's revision on the hub."),
        "trust_remote_code": Option("", "Run the checkpoint's code; needs a 40-digit --revision."),
    },
    "The questions": {
        "data": Option(
            "NAME|PATH",
            "demo, ubench, a path, or hf:OWNER/NAME[:CONFIG][/SPLIT][@REVISION]. [demo]",
        ),
        "map": Option(
            "K=V",
            "How a table of another form is read: question=COLUMN, options=, answer=, image=, "
            "answer_as=text|letter|index0|index1, … (docs/howto/any-benchmark.md).",
            many=True,
        ),
        "partial": Option("", "Leave out files and rows of the data that are missing or damaged."),
        "allow_outside": Option("", "Show images that lie outside of the data's folder."),
        "licenses": Option(
            "NAMES", "Rows under these licences alone: commercial, CC-BY*, …", many=True
        ),
        "tasks": Option("NAMES", "Names, groups, tags, globs, files. [all]", many=True),
        "limit": Option("N", "Items per task, a seeded sample. [all]"),
        "shard": Option("I/N", "The I-th of N parts, by image; `data join` makes one run of them."),
        "protocol": Option(
            "NAMES",
            "Ask and count as these protocols do: paper-compat, olmo-eval, microvqa-owner, …",
            many=True,
        ),
        "prompt": Option("NAMES", "Prompt styles. [paper, or caption]", many=True),
        "prompt_set": Option(
            "K=V", "A setting of the prompts: labels, system, image, …", many=True
        ),
        "image_set": Option(
            "K=V",
            "Microscope files: range=percentile:1:99, z=max, t=last, channels=0:green+1:red, "
            "level=2, region=0:0:900:900, scene=1; policy=auto|standard; limits: max_pixels, "
            "max_bytes. Any: transform=grayscale. [auto]",
            many=True,
        ),
        "orders": Option(
            "ORDERS", "Orders of the options: given, reversed, shuffled, cyclic:K, random:K, all."
        ),
        "control": Option(
            "NAME",
            "blind: no image; shuffled: another item's; mean: the data's mean image; noise.",
        ),
    },
    "The answers": {
        "readout": Option(
            "NAMES",
            "parse, choice, logprob, cloze; several at once with commas. [the model's first]",
            many=True,
        ),
        "temperature": Option("T", "0 is greedy. [0]"),
        "max_tokens": Option(
            "N", "Longest reply, thoughts included. [the prompt's own, and room for --thinking]"
        ),
        "thinking": Option(
            "on|off|N", "Whether the model thinks before it answers; N: for N tokens at most."
        ),
        "repeats": Option("N", "How often each request is asked. [1]"),
        "seed": Option("N", "Seed of everything that is drawn. [0]"),
        "judge": Option("NAME", "Plugin whose judge reads what no rule of the parser could."),
        "metric": Option(
            "NAMES", "Further scores: unanswered, grit, a plugin's, PLUGIN:METRIC.", many=True
        ),
        "cluster": Option(
            "FIELDS",
            "What was drawn together, for the intervals: slide, donor, well, … or two: "
            "slide,prompt. [image]",
            many=True,
        ),
    },
    "The engine": {
        "engine": Option(
            "NAME",
            "What runs a checkpoint: transformers, vllm, vllm-server, sglang-server, llama-server, "
            "server; ray. [the model's]",
        ),
        "base_url": Option(
            "URL",
            "The server to ask (--engine server), up to /v1: http://127.0.0.1:8000/v1",
            many=True,
        ),
        "ray_address": Option(
            "ADDR", "The cluster of --engine ray: HOST:PORT or auto. [one started here]"
        ),
        "batch_size": Option("N", "Requests (or images) per batch. [the model's]"),
        "timeout": Option(
            "S", "Seconds that one call of the model, or one request, may take. [600]"
        ),
        "load_timeout": Option("S", "Seconds that opening and loading the model may take. [3600]"),
        "in_process": Option(
            "", "Run the model in this process, for a debugger: nothing ends it where it hangs."
        ),
        "max_errors": Option(
            "N",
            "Stop, resumable, where N requests in a row fail with one cause; 0: never. "
            "[the first 20, later 50]",
        ),
        "preflight": Option(
            "",
            "Ask all items at once, without asking one by each read-out first (and of a server "
            "whether it answers each image for itself).",
            off=True,
        ),
        "max_requests": Option("N", "Stop, resumable, after N requests. [none]"),
        "deterministic": Option(
            "", "All that the engine offers for reproducible replies, at the price of speed."
        ),
        "keep_embeddings": Option(
            "", "Contrastive models: encode an image once for all runs (kept in the cache folder)."
        ),
    },
    "The run": {
        "run_dir": Option("DIR", "The run's folder. [runs/ID]"),
        "fresh": Option("", "Start another run of the same settings."),
        "reuse": Option("RUN", "Take replies to equal requests from this run.", many=True),
    },
}
OPTIONS = {name: option for options in HEADINGS.values() for name, option in options.items()}
