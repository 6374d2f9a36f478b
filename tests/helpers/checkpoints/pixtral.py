"""Pixtral, which is a LLaVA with a tower of its own, and Mistral Small 3 with the same tower."""

from __future__ import annotations

from typing import Any

from .formats import PIXTRAL
from .saving import TEXT, Made, make_tokenizer


def make_pixtral() -> Made:
    import transformers as hf

    tokenizer = _tokenizer()
    config = hf.LlavaConfig(
        vision_config=_tower(),
        text_config=hf.MistralConfig(vocab_size=len(tokenizer), head_dim=32, **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        image_seq_length=1,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    return Made(hf.LlavaForConditionalGeneration(config), _processor(tokenizer, merge=1))


def make_mistral3() -> Made:
    import transformers as hf

    tokenizer = _tokenizer()
    config = hf.Mistral3Config(
        vision_config=_tower(),
        text_config=hf.MistralConfig(vocab_size=len(tokenizer), head_dim=32, **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        spatial_merge_size=2,
        vision_feature_layer=-1,
    )
    return Made(hf.Mistral3ForConditionalGeneration(config), _processor(tokenizer, merge=2))


def _tokenizer() -> Any:
    return make_tokenizer(
        "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
        "[IMG]", "[IMG_BREAK]", "[IMG_END]",
        begins=True,
    )  # fmt: skip


def _tower() -> Any:
    import transformers as hf

    return hf.PixtralVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=8,
        hidden_act="silu",
    )


def _processor(tokenizer: Any, *, merge: int) -> Any:
    import transformers as hf

    return hf.PixtralProcessor(
        image_processor=hf.PixtralImageProcessorPil(
            size={"longest_edge": 64}, patch_size={"height": 8, "width": 8}
        ),
        tokenizer=tokenizer,
        patch_size=8,
        spatial_merge_size=merge,
        chat_template=PIXTRAL,
    )
