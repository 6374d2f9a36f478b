"""Reads a LoRA adapter's configuration: the scale of B·A, and whether α can scale it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from mubench_gen.engines.adapters import initialised_by
from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.files import ADAPTER

_NESTED = re.compile(r"\)[*+{]|\\\d")  # a repeated group, or a reference back to one
_LONGEST = 200  # characters of a module's name that patterns are matched against


def lora_scaling(config: Mapping[str, Any], module: str, rank: int) -> float:
    """The scale of B·A by PEFT's rule, patterns first."""
    alpha = config.get("lora_alpha", 8)
    for pattern, value in _patterns(config).items():
        if fits_module(pattern, module):
            alpha = value
            break
    return _factor(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def fits_module(pattern: str, module: str) -> bool:
    """PEFT's rule for a pattern of modules: a regular expression at the name's end.

    The adapter's author chose it, so patterns that could run for ever are refused.
    """
    if module.endswith(pattern) and module.removesuffix(pattern)[-1:] in ("", "."):
        return True
    if len(module) > _LONGEST or len(re.findall(r"[*+{]", pattern)) > 3 or _NESTED.search(pattern):
        raise MergeError(
            f"The adapter's pattern {pattern[:100]!r} of modules is too complex: name the modules."
        )
    try:
        return re.fullmatch(rf"(.*\.)?({pattern})", module) is not None
    except (re.error, OverflowError, RecursionError):
        raise MergeError(
            f"The adapter's pattern {pattern[:100]!r} of modules is not a regular expression."
        ) from None


def _patterns(config: Mapping[str, Any]) -> Mapping[str, Any]:
    patterns = config.get("alpha_pattern") or {}
    if not isinstance(patterns, dict):
        raise MergeError(f"{ADAPTER}: alpha_pattern is not an object of patterns and numbers.")
    return patterns


def _factor(alpha: Any) -> float:
    try:
        number = float(alpha) if isinstance(alpha, (int, float)) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MergeError(f"{ADAPTER}: lora_alpha (or one of alpha_pattern) is {alpha!r:.50}.")
    return number


def scaled_config(config: Mapping[str, Any], alpha: float) -> dict[str, Any]:
    """The configuration of an adapter with α times its effect, without unset fields."""
    return {
        **{name: value for name, value in config.items() if value is not None and value != {}},
        "lora_alpha": alpha * _factor(config.get("lora_alpha", 8)),
        "alpha_pattern": {key: alpha * _factor(one) for key, one in _patterns(config).items()},
    }


def require_plain_lora(name: str, config: Mapping[str, Any]) -> None:
    """Raise MergeError if the adapter's effect is not only s·B·A, so that α cannot scale it."""
    kind = str(config.get("peft_type", "LORA")).upper()
    if kind != "LORA":
        raise MergeError(f"{name}: is a PEFT adapter of the kind {kind}; only LoRA scales by α.")
    whole = config.get("modules_to_save")
    if whole:
        named = ", ".join(map(str, whole)) if isinstance(whole, list) else whole
        raise MergeError(
            f"{name}: the adapter also trains whole modules (modules_to_save: "
            f"{named}), which lora_alpha does not scale. Have PEFT merge it "
            "into its base (merge_and_unload, save_pretrained) and give that folder."
        )
    for key, plain in (("bias", "none"), ("use_dora", False), ("lora_bias", False),
                       ("trainable_token_indices", None), ("layer_replication", None),
                       ("use_qalora", False), ("alora_invocation_tokens", None)):  # fmt: skip
        if config.get(key, plain) not in (plain, None, False):
            raise MergeError(
                f"{name}: the adapter has {key} = {config[key]!r}, whose effect α does not "
                "scale. Have PEFT merge it into its base and give that folder."
            )
    initialised = initialised_by(config)
    if initialised is not None:
        raise MergeError(
            f"{name}: the adapter was initialised by {initialised!r}, which changes the base: "
            "added to the published base it gives another model. Save it with PEFT's conversion "
            "to plain LoRA first."
        )
