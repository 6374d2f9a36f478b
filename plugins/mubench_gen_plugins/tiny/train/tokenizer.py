"""A byte-level BPE tokenizer whose vocabulary covers the demo's words as one token each."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
TURN, END, IMAGE = "<|im_start|>", "<|im_end|>", "<image>"


def train_tokenizer(corpus: Iterable[str], specials: list[str], vocabulary: int) -> Tokenizer:
    """Every byte is a token, so any text can be written; merges come from the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def chat_tokenizer(corpus: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """For the LLaVA: turns are marked by special tokens, END ends a reply."""
    tokenizer = train_tokenizer(corpus, [PAD, BOS, EOS, TURN, END, IMAGE], vocabulary)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_max_length=2048,
    )


def caption_tokenizer(
    corpus: Iterable[str], vocabulary: int, max_length: int
) -> PreTrainedTokenizerFast:
    """For the CLIP: BOS … EOS around each caption."""
    # EOS must not be token 2: CLIP pools at the largest id then, which EOS is not here.
    tokenizer = train_tokenizer(corpus, [PAD, BOS, "<unk>", EOS], vocabulary)
    ids = [(BOS, tokenizer.token_to_id(BOS)), (EOS, tokenizer.token_to_id(EOS))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}", special_tokens=ids
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=max_length,
    )
