"""Idefics3 and SmolVLM: images in tiles that tokens of their own announce."""

from __future__ import annotations

from typing import Any

from .formats import SMOLVLM
from .saving import TEXT, TOWER, Made, make_tokenizer

_SPECIALS = (
    "<|im_start|>",
    "<image>",
    "<fake_token_around_image>",
    "<end_of_utterance>",
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)),
)


def make_idefics3() -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(*_SPECIALS)
    processor = hf.Idefics3Processor(
        image_processor=hf.Idefics3ImageProcessorPil(**_tiles()), **_text(tokenizer)
    )
    return Made(
        hf.Idefics3ForConditionalGeneration(_config(hf.Idefics3Config, tokenizer)), processor
    )


def make_smolvlm() -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(*_SPECIALS)
    processor = hf.SmolVLMProcessor(
        image_processor=hf.SmolVLMImageProcessorPil(**_tiles()),
        video_processor=hf.SmolVLMVideoProcessor(),
        **_text(tokenizer),
    )
    return Made(hf.SmolVLMForConditionalGeneration(_config(hf.SmolVLMConfig, tokenizer)), processor)


def _config(config_class: Any, tokenizer: Any) -> Any:
    return config_class(
        vision_config=TOWER,
        text_config={"model_type": "llama", "vocab_size": len(tokenizer), **TEXT},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )


def _tiles() -> dict[str, Any]:
    return {"size": {"longest_edge": 128}, "max_image_size": {"longest_edge": 64}}


def _text(tokenizer: Any) -> dict[str, Any]:
    tokenizer.image_token = "<image>"
    return {"tokenizer": tokenizer, "image_seq_len": 4, "chat_template": SMOLVLM}
