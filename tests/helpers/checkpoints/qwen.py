"""Qwen2-VL, Qwen2.5-VL, Qwen3-VL, and InternVL, whose language models are Qwen's."""

from __future__ import annotations

from typing import Any

from .formats import INTERNVL, QWEN3_VL, QWEN_VL
from .saving import TEXT, Made, make_tokenizer

_NAMED = {
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "vision_bos_token": "<|vision_start|>",
    "vision_eos_token": "<|vision_end|>",
}
_TOWER = {"depth": 2, "hidden_size": 64, "num_heads": 2, "spatial_merge_size": 2}


def make_qwen2_vl() -> Made:
    import transformers as hf

    vision = {**_TOWER, "embed_dim": 64, "mlp_ratio": 2, "patch_size": 14}
    return _made_qwen(
        hf.Qwen2VLConfig, hf.Qwen2VLForConditionalGeneration, hf.Qwen2VLProcessor, vision, QWEN_VL
    )


def make_qwen2_5_vl() -> Made:
    import transformers as hf

    vision = {
        **_TOWER,
        "out_hidden_size": 64,
        "intermediate_size": 128,
        "patch_size": 14,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    return _made_qwen(
        hf.Qwen2_5_VLConfig,
        hf.Qwen2_5_VLForConditionalGeneration,
        hf.Qwen2_5_VLProcessor,
        vision,
        QWEN_VL,
    )


def make_qwen3_vl() -> Made:
    import transformers as hf

    vision = {
        **_TOWER,
        "out_hidden_size": 64,
        "intermediate_size": 128,
        "patch_size": 16,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }
    return _made_qwen(
        hf.Qwen3VLConfig, hf.Qwen3VLForConditionalGeneration, hf.Qwen3VLProcessor, vision, QWEN3_VL
    )


def make_internvl() -> Made:
    import transformers as hf

    named = {
        "context_image_token": "<IMG_CONTEXT>",
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "video_token": "<video>",
    }
    tokenizer = make_tokenizer("<|im_start|>", eos="<|im_end|>", named=named)
    config = hf.InternVLConfig(
        vision_config=hf.InternVLVisionConfig(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=[64, 64],
            patch_size=[16, 16],
        ),
        text_config=hf.Qwen2Config(vocab_size=len(tokenizer), **TEXT),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    processor = hf.InternVLProcessor(
        image_processor=hf.GotOcr2ImageProcessorPil(
            size={"height": 64, "width": 64}, crop_to_patches=True, min_patches=1, max_patches=4
        ),
        tokenizer=tokenizer,
        video_processor=hf.InternVLVideoProcessor(size={"height": 64, "width": 64}),
        image_seq_length=4,
        chat_template=INTERNVL,
    )
    return Made(hf.InternVLForConditionalGeneration(config), processor)


def _made_qwen(
    config_class: Any, model_class: Any, processor_class: Any, vision: dict[str, Any], format_: str
) -> Made:
    import transformers as hf

    third = config_class is hf.Qwen3VLConfig
    tokenizer = make_tokenizer("<|im_start|>", eos="<|im_end|>", named=_NAMED)
    rope: dict[str, Any] = {
        "rope_type": "default",
        "mrope_section": [4, 6, 6],
        "rope_theta": 10000.0,
        **({"mrope_interleaved": True} if third else {}),
    }
    config = config_class(
        text_config={
            "vocab_size": len(tokenizer),
            "rope_parameters": rope,
            **({"head_dim": 32} if third else {}),
            **TEXT,
        },
        vision_config={**vision, "temporal_patch_size": 2},
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    )
    patch = vision["patch_size"]
    image_processor = hf.Qwen2VLImageProcessorPil(
        patch_size=patch,
        merge_size=2,
        temporal_patch_size=2,
        size={"shortest_edge": patch**2 * 16, "longest_edge": patch**2 * 64},
    )
    processor = processor_class(
        image_processor=image_processor,
        tokenizer=tokenizer,
        video_processor=(hf.Qwen3VLVideoProcessor if third else hf.Qwen2VLVideoProcessor)(),
        chat_template=format_,
    )
    return Made(model_class(config), processor)
