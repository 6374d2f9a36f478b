"""What to type where a checkpoint fails each question: from the words of transformers and vLLM."""

from __future__ import annotations

import re

_Known = tuple[tuple[str, str], ...]
_OF_FILES: _Known = (
    (
        r"image (features and image )?tokens? (do(es)? )?n.{0,5}match|image placeholder|"
        r"placeholder token|number of images? (does|do) ?n.t match|images in the text|"
        r"Expected there to be \d+ (prompt|image)",
        "The prompt has no place for the image: the chat template writes no image token, or "
        "another than config.json and the tokenizer name. Type: -o chat_template=FILE (a Jinja "
        "template that writes the image token).",
    ),
    (
        r"chat template",
        "Type: -o chat_template=FILE (a Jinja template for this model), or take its "
        "instruction-tuned version.",
    ),
    (
        r"'NoneType'|patch_size|vision_feature_select_strategy",
        "Its processor lacks a value, of old checkpoints mostly patch_size and "
        "vision_feature_select_strategy: write them into processor_config.json, as vision_config "
        "and config.json have them, or take a newer --revision.",
    ),
    (
        r"image size .{0,40} (doesn't|does not) match|size mismatch|shapes? cannot be multiplied",
        "Its processor's sizes (preprocessor_config.json) are not those of vision_config in "
        "config.json: both belong to one version of one model. Check the folder, or --revision.",
    ),
    (
        r"out of memory|device's memory",
        "Type: --dtype bfloat16, another --device, or take a smaller or quantised model.",
    ),
)
_OF_PROMPTS: _Known = (
    (
        r"context (\d|length|window|size)|longer than the model|max_model_len",
        "Type: --prompt plain (a short one) or fewer --prompt-set shots=N; a longer context is "
        "-o engine.max_model_len=N with vLLM, and an option of a server's own start.",
    ),
)


def advice(words: str, *, is_remote: bool = False) -> str:
    """What to type where a model's engine fails with these words; empty where that is not known.

    `is_remote`: the checkpoint's files are a server's, where no flag of a run changes them.
    """
    for pattern, told in _OF_PROMPTS if is_remote else _OF_PROMPTS + _OF_FILES:
        if re.search(pattern, words, re.IGNORECASE):
            return told
    return ""
