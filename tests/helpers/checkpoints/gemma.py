"""Gemma 3, which MedGemma is too, and PaliGemma."""

from __future__ import annotations

from .formats import GEMMA3
from .saving import TEXT, TOWER, TOWER_NAMES, Made, make_tokenizer

_HEAD = {"head_dim": 32}
_LINES = ("\n", "\n\n", "\n\n\n", "\n\n\n\n")


def make_gemma3() -> Made:
    import transformers as hf

    named = {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }
    tokenizer = make_tokenizer(
        "<start_of_turn>",
        "<end_of_turn>",
        bos="<bos>",
        eos="<eos>",
        begins=True,
        named=named,
        lines=_LINES,
    )
    token = tokenizer.convert_tokens_to_ids
    config = hf.Gemma3Config(
        vision_config=hf.SiglipVisionConfig(**TOWER, vision_use_head=False),
        text_config=hf.Gemma3TextConfig(
            vocab_size=len(tokenizer),
            query_pre_attn_scalar=32,
            sliding_window=512,
            layer_types=["sliding_attention", "full_attention"],
            **_HEAD,
            **TEXT,
        ),
        mm_tokens_per_image=4,
        boi_token_index=token("<start_of_image>"),
        eoi_token_index=token("<end_of_image>"),
        image_token_index=token("<image_soft_token>"),
    )
    processor = hf.Gemma3Processor(
        image_processor=hf.Gemma3ImageProcessorPil(size={"height": 64, "width": 64}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=GEMMA3,
    )
    model = hf.Gemma3ForConditionalGeneration(config)
    # All zero before training: no image would show through.
    model.model.multi_modal_projector.mm_input_projection_weight.data.normal_(std=0.1)
    return Made(model, processor, TOWER_NAMES)


def make_paligemma() -> Made:
    """PaliGemma, which has no chat template."""
    import transformers as hf

    tokenizer = make_tokenizer(
        bos="<bos>", eos="<eos>", begins=True, named={"image_token": "<image>"}, lines=_LINES
    )
    images = hf.SiglipImageProcessorPil(size={"height": 64, "width": 64})
    images.image_seq_length = 16
    processor = hf.PaliGemmaProcessor(image_processor=images, tokenizer=tokenizer)
    config = hf.PaliGemmaConfig(
        vision_config=hf.SiglipVisionConfig(**TOWER, vision_use_head=False, projection_dim=64),
        # The processor adds the tokens of places and outlines.
        text_config=hf.GemmaConfig(vocab_size=len(tokenizer), **_HEAD, **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=64,
        hidden_size=64,
    )
    return Made(hf.PaliGemmaForConditionalGeneration(config), processor, TOWER_NAMES)
