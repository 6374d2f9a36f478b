"""Any checkpoint in transformers' layout, by its id of the hub or its folder; and `--to hf`.

What kind of model it is, and how it is asked, is found in its own files: decision 0053. A family
that has a plugin of its own is better asked through that, which knows more of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen import Export
from mubench_gen.model import Checkpoint, ModelSpec, hookimpl


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        ModelSpec(
            "any",
            Checkpoint("", kind="auto", engines=("vllm", "transformers")),
            description="any model of images and text that transformers or vLLM knows, and any "
            "that embeds both: --model ID or FOLDER",
            any_id=True,
            max_images=None,
        )
    ]


@hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    """Results for a model's page on the hub."""
    from mubench_gen_plugins.exports.huggingface import EXPORT

    return [EXPORT]
