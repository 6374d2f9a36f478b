"""Families that have no plugin of their own: what `--plugin hf` opens by their files alone.

Made as the others in this folder are. `OTHERS` are all of them, by the `model_type` of their
configuration (Granite Vision has that of LLaVA-NeXT). The chat format is one for all, since the
published ones change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .saving import TEXT, TOWER, Made, make_tokenizer, save

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TURNS = ("<|im_start|>", "<|im_end|>")
_IMAGE = {"image_token": "<image>"}
_SQUARE = {"height": 64, "width": 64}


def make_aya_vision() -> Made:
    import transformers as hf

    marks = ("<|START_OF_IMG|>", "<|END_OF_IMG|>", "<|IMG_PATCH|>", "TILE_GLOBAL", "TILE")
    tokenizer = make_tokenizer(*_TURNS, *marks, named=_IMAGE)
    config = hf.AyaVisionConfig(
        vision_config=hf.SiglipVisionConfig(**TOWER, vision_use_head=False),
        text_config=hf.Cohere2Config(vocab_size=len(tokenizer), sliding_window=512, **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>"),
        downsample_factor=2,
    )
    processor = hf.AyaVisionProcessor(
        image_processor=hf.GotOcr2ImageProcessorPil(size=_SQUARE, min_patches=1, max_patches=2),
        tokenizer=tokenizer,
        patch_size=16,
        img_size=64,
        downsample_factor=2,
        chat_template=CHATML,
    )
    return Made(hf.AyaVisionForConditionalGeneration(config), processor)


def make_deepseek_vl() -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(*_TURNS, named=_IMAGE)
    config = hf.DeepseekVLConfig(
        vision_config=hf.SiglipVisionConfig(**TOWER, vision_use_head=False),
        text_config=hf.LlamaConfig(vocab_size=len(tokenizer), **TEXT),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = hf.DeepseekVLProcessor(
        hf.DeepseekVLImageProcessorPil(size=_SQUARE, min_size=14),
        tokenizer,
        chat_template=CHATML,
        num_image_tokens=16,
    )
    return Made(hf.DeepseekVLForConditionalGeneration(config), processor)


def make_vipllava() -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(*_TURNS, named=_IMAGE)
    config = hf.VipLlavaConfig(
        vision_config=hf.CLIPVisionConfig(**TOWER, projection_dim=64),
        text_config=hf.LlamaConfig(vocab_size=len(tokenizer), **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layers=[-1, -2],
        image_seq_length=16,
    )
    processor = hf.LlavaProcessor(
        image_processor=hf.CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size=_SQUARE),
        tokenizer=tokenizer,
        patch_size=16,
        num_additional_image_tokens=1,
        vision_feature_select_strategy="default",
        chat_template=CHATML,
    )
    return Made(hf.VipLlavaForConditionalGeneration(config), processor)


def make_idefics2() -> Made:
    import transformers as hf

    tokenizer = make_tokenizer(
        *_TURNS, "<fake_token_around_image>", "<end_of_utterance>", "<image>"
    )
    perceiver = {
        "hidden_size": 64,
        "resampler_n_latents": 4,
        "resampler_depth": 1,
        "resampler_n_heads": 2,
        "resampler_head_dim": 32,
        "num_key_value_heads": 2,
    }
    config = hf.Idefics2Config(
        vision_config=dict(TOWER),
        text_config={"model_type": "mistral", "vocab_size": len(tokenizer), **TEXT},
        perceiver_config=perceiver,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = hf.Idefics2Processor(
        hf.Idefics2ImageProcessorPil(
            size={"shortest_edge": 32, "longest_edge": 64}, do_image_splitting=False
        ),
        tokenizer,
        image_seq_len=4,
        chat_template=CHATML,
    )
    return Made(hf.Idefics2ForConditionalGeneration(config), processor)


def make_granite_vision() -> Made:
    """Granite Vision 3: LLaVA-NeXT's layout around a Granite, so that no plugin is needed."""
    import transformers as hf

    tokenizer = make_tokenizer(*_TURNS, named=_IMAGE)
    tiles = [[64, 128], [128, 64]]
    config = hf.LlavaNextConfig(
        vision_config=hf.SiglipVisionConfig(**TOWER, vision_use_head=False),
        text_config=hf.GraniteConfig(vocab_size=len(tokenizer), **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=tiles,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    processor = hf.LlavaNextProcessor(
        image_processor=hf.LlavaNextImageProcessorPil(
            size={"shortest_edge": 64}, crop_size=_SQUARE, image_grid_pinpoints=tiles
        ),
        tokenizer=tokenizer,
        patch_size=16,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=CHATML,
    )
    return Made(hf.LlavaNextForConditionalGeneration(config), processor)


def make_ovis2() -> Made:
    import transformers as hf

    marks = ("<IMG_START>", "<IMG_GRID>", "<IMG_COL>", "<IMG_ROW>", "<IMG_END>")
    tokenizer = make_tokenizer(*_TURNS, "<IMG_ATOM>", *marks, named=_IMAGE)
    vision = {**TOWER, "hidden_stride": 1, "vocab_size": 32, "num_visual_indicator_tokens": 5}
    config = hf.Ovis2Config(
        vision_config=vision,
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **TEXT},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_ATOM>"),
        visual_indicator_token_ids=tokenizer.convert_tokens_to_ids(list(marks)),
        vocab_size=len(tokenizer),
        hidden_size=64,
    )
    processor = hf.Ovis2Processor(
        hf.Ovis2ImageProcessorPil(size=_SQUARE, crop_to_patches=False),
        tokenizer,
        image_seq_length=16,
        chat_template=CHATML,
    )
    return Made(hf.Ovis2ForConditionalGeneration(config), processor)


def make_mllama() -> Made:
    """Llama 3.2 Vision: its language model looks at the image across, not among its tokens."""
    import transformers as hf

    tokenizer = make_tokenizer(*_TURNS, "<|python_tag|>", named=_IMAGE)
    vision = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_global_layers": 1,
        "attention_heads": 2,
        "intermediate_size": 128,
        "vision_output_dim": 128,
        "image_size": 64,
        "patch_size": 16,
        "max_num_tiles": 2,
        "intermediate_layers_indices": [0],
        "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
    }
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    text = {"vocab_size": len(tokenizer), "cross_attention_layers": [1], **TEXT}
    config = hf.MllamaConfig(
        vision_config=vision,
        text_config={**text, "rope_parameters": rope},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = hf.MllamaProcessor(
        hf.MllamaImageProcessorPil(size=_SQUARE, max_image_tiles=2),
        tokenizer,
        chat_template=CHATML,
    )
    model = hf.MllamaForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        if name.endswith("_gate"):  # zero before training: no image would show through
            parameter.data.fill_(0.5)
    return Made(model, processor)


def make_janus() -> Made:
    import transformers as hf

    named = {**_IMAGE, "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = make_tokenizer(*_TURNS, named=named)
    vision = {
        **TOWER,
        "mlp_ratio": 2.0,
        "projection_dim": 64,
        "num_image_tokens": 16,
        "depth": 2,
    }
    del vision["intermediate_size"]
    pixels = {
        "base_channels": 32,
        "channel_multiplier": [1, 1],
        "latent_channels": 32,
        "num_embeddings": 32,
        "num_patches": 4,
        "num_res_blocks": 1,
        "projection_dim": 64,
        "image_token_embed_dim": 64,
    }
    config = hf.JanusConfig(
        text_config={"model_type": "llama", "vocab_size": len(tokenizer), **TEXT},
        vision_config=vision,
        vq_config=pixels,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = hf.JanusProcessor(
        hf.JanusImageProcessorPil(size=_SQUARE, min_size=14),
        tokenizer,
        num_image_tokens=16,
        chat_template=CHATML,
    )
    return Made(hf.JanusForConditionalGeneration(config), processor)


OTHERS: Mapping[str, Callable[[], Made]] = {
    "aya_vision": make_aya_vision,
    "deepseek_vl": make_deepseek_vl,
    "granite-vision": make_granite_vision,
    "idefics2": make_idefics2,
    "janus": make_janus,
    "mllama": make_mllama,
    "ovis2": make_ovis2,
    "vipllava": make_vipllava,
}


def make_other(model_type: str, folder: Path) -> Path:
    """The checkpoint of that family in a folder: the same weights every time."""
    return save(OTHERS[model_type], folder)


def make_metaclip_2() -> Made:
    """A contrastive model that no plugin names."""
    import transformers as hf

    tokenizer = make_tokenizer()
    tower = {k: v for k, v in TEXT.items() if k in ("hidden_size", "intermediate_size",
             "num_hidden_layers", "num_attention_heads", "pad_token_id", "bos_token_id",
             "eos_token_id")}  # fmt: skip
    text = {**tower, "vocab_size": len(tokenizer), "max_position_embeddings": 32}
    config = hf.MetaClip2Config(text_config=text, vision_config=dict(TOWER), projection_dim=32)
    images = hf.CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size=_SQUARE)
    return Made(hf.MetaClip2Model(config), hf.CLIPProcessor(images, tokenizer))
