"""InternVL3 and InternVL3.5, in the layout of transformers (the ids that end in -hf or -HF).

OpenGVLab's other checkpoints have a layout that needs their own code: --trust-remote-code and a
commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import generative

_intern = partial(
    generative,
    # InternVL3.5 thinks where a system prompt tells it to, Qwen3's template where it may.
    template_arguments={"enable_thinking": False},
    hint="InternVL comes in two layouts: take an id that ends in -hf (InternVL3) or -HF (3.5).",
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        _intern(
            "OpenGVLab/InternVL3-8B-hf",
            "InternVL3 8B: the image in up to 13 tiles; --model takes any InternVL of this layout",
            any_id=True,
            model_types=("internvl",),
            family="InternVL3",
            base="Qwen2.5 7B, InternViT 300M",
            licence="Qwen (as its page says)",
            parameters="7.94B",
        ),
        _intern(
            "OpenGVLab/InternVL3-1B-hf",
            "InternVL3 1B: small enough for a CPU",
            family="InternVL3",
            base="Qwen2.5 0.5B, InternViT 300M",
            licence="Qwen (as its page says)",
            parameters="0.94B",
        ),
        _intern(
            "OpenGVLab/InternVL3_5-8B-HF",
            "InternVL3.5 8B",
            family="InternVL3.5",
            base="Qwen3 8B, InternViT 300M",
            licence="Apache-2.0",
            parameters="8.53B",
        ),
    ]
