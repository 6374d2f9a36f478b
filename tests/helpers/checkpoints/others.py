"""Families that have no plugin of their own: what `--plugin hf` opens by their files alone.

Made as the others in this folder are. `OTHERS` are all of them, by the `model_type` of their
configuration. The chat format is one for all, since the published ones change nothing here.
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


OTHERS: Mapping[str, Callable[[], Made]] = {
    "aya_vision": make_aya_vision,
    "deepseek_vl": make_deepseek_vl,
    "idefics2": make_idefics2,
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
