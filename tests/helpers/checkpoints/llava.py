"""LLaVA 1.5, NeXT and OneVision, and LLaVA-Med as it is converted to LLaVA's layout."""

from __future__ import annotations

from typing import Any

from .formats import LLAVA_NEXT_MISTRAL, LLAVA_ONEVISION
from .saving import TEXT, TOWER, TOWER_NAMES, Made, make_tokenizer

_IMAGE = {"image_token": "<image>"}
_TILES = [[64, 128], [128, 64], [128, 128]]


def make_llava() -> Made:
    """LLaVA 1.5, as an older revision has it: without a chat template."""
    return _made_llava("LlamaConfig")


def make_llava_med() -> Made:
    return _made_llava("MistralConfig")


def make_llava_next() -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(begins=True, named=_IMAGE)
    config = hf.LlavaNextConfig(
        vision_config=hf.CLIPVisionConfig(**TOWER, projection_dim=64),
        text_config=hf.MistralConfig(vocab_size=len(tokenizer), sliding_window=None, **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=_TILES,
        **_last_layer("default"),
    )
    processor = hf.LlavaNextProcessor(
        image_processor=hf.LlavaNextImageProcessorPil(
            size={"shortest_edge": 64},
            crop_size={"height": 64, "width": 64},
            image_grid_pinpoints=_TILES,
        ),
        tokenizer=tokenizer,
        num_additional_image_tokens=1,
        chat_template=LLAVA_NEXT_MISTRAL,
        **_patches("default"),
    )
    return Made(hf.LlavaNextForConditionalGeneration(config), processor, TOWER_NAMES)


def make_llava_onevision() -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(
        "<|im_start|>", eos="<|im_end|>", named={**_IMAGE, "video_token": "<video>"}
    )
    config = hf.LlavaOnevisionConfig(
        vision_config=hf.SiglipVisionConfig(**TOWER),
        text_config=hf.Qwen2Config(vocab_size=len(tokenizer), **TEXT),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=_TILES,
        **_last_layer("full"),
    )
    processor = hf.LlavaOnevisionProcessor(
        image_processor=hf.LlavaOnevisionImageProcessorPil(
            size={"height": 64, "width": 64}, image_grid_pinpoints=_TILES
        ),
        tokenizer=tokenizer,
        video_processor=hf.LlavaOnevisionVideoProcessor(),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=LLAVA_ONEVISION,
    )
    return Made(hf.LlavaOnevisionForConditionalGeneration(config), processor, TOWER_NAMES)


def _made_llava(text_config: str) -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(begins=True, named=_IMAGE)
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**TOWER, projection_dim=64),
        text_config=getattr(hf, text_config)(vocab_size=len(tokenizer), **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
        **_last_layer("default"),
    )
    processor = hf.LlavaProcessor(
        image_processor=hf.CLIPImageProcessorPil(
            size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}
        ),
        tokenizer=tokenizer,
        num_additional_image_tokens=1,
        **_patches("default"),
    )
    return Made(hf.LlavaForConditionalGeneration(config), processor, TOWER_NAMES)


def _last_layer(strategy: str) -> dict[str, Any]:
    return {"vision_feature_layer": -1, "vision_feature_select_strategy": strategy}


def _patches(strategy: str) -> dict[str, Any]:
    return {"patch_size": 16, "vision_feature_select_strategy": strategy}
