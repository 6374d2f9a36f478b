"""The log-probability of texts as replies, in one forward pass: rows that differ at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mubench_gen.engines.label_tokens import NOT_FINITE
from mubench_gen.errors import ItemError


def sums(
    model: Any, rows: Any, options: Sequence[Sequence[int]], device: Any, dtype: Any
) -> list[float]:
    """The log-probability of each row's option, summed over its tokens.

    `rows`: a batch of one prompt as often as there are options, so that nothing is padded on its
    left; options are padded on the right, which no token before can see.
    """
    import torch

    prompt = rows["input_ids"].shape[1]
    longest = max(map(len, options))
    own = torch.zeros((len(options), longest), dtype=torch.long)
    real = torch.zeros_like(own)
    for row, tokens in enumerate(options):
        own[row, : len(tokens)] = torch.tensor(tokens)
        real[row, : len(tokens)] = 1
    shape = rows["input_ids"].shape
    for name, value in list(rows.items()):
        if getattr(value, "shape", None) == shape:  # ids, mask, and types of tokens, 0 for text
            more = {"input_ids": own, "attention_mask": real}.get(name, torch.zeros_like(own))
            rows[name] = torch.cat([value, more.to(value.dtype)], 1)
    with torch.inference_mode():
        logits = model(**rows.to(device=device, dtype=dtype)).logits[:, prompt - 1 : -1]
    logprobs = torch.log_softmax(logits.float(), dim=-1).cpu()
    chosen = logprobs.gather(2, own[..., None])[..., 0]
    if not chosen[real.bool()].isfinite().all():
        raise ItemError(NOT_FINITE)
    return [float(value) for value in (chosen * real).sum(1)]
