"""Weights that are in memory, mixed and adapted with the bits that `merge` would write."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mubench_gen.errors import UsageError
from mubench_gen.interpolation.merge.arithmetic import Coefficients, InnerProducts
from mubench_gen.interpolation.merge.lora import LoraTensor, adapt_tensors
from mubench_gen.interpolation.merge.tensors import NAMED, Array, chunks

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class _InMemory:
    """A tensor of torch as `merge` reads those of files."""

    tensor: torch.Tensor

    @property
    def dtype(self) -> str:
        name = str(self.tensor.dtype).removeprefix("torch.")
        return NAMED.get(name, name)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    def read(self, first: int, count: int) -> Array:
        import torch

        flat = self.tensor.contiguous().view(-1)[first : first + count]
        found: Array = flat.view(torch.uint8).numpy()
        return found


def with_adapter(
    name: str, base: Mapping[str, torch.Tensor], config: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """The base's tensors, those that the adapter changes in float32. Raises MergeError if it is
    not the adapter's base. `config` is the base's.
    """
    stored = {key: _InMemory(tensor) for key, tensor in base.items()}
    with ExitStack() as files:
        changed = adapt_tensors(name, stored, config, files)
        return {**base, **{key: _whole(one) for key, one in changed.items()}}


def _whole(tensor: LoraTensor) -> torch.Tensor:
    import torch

    kind = np.float64 if tensor.dtype == "F64" else np.float32
    # In the chunks of `merge`: sums of other lengths may be rounded otherwise.
    parts = [tensor.read(first, count).view(kind) for first, count in chunks(tensor)]
    return torch.from_numpy(np.concatenate(parts)).view(tensor.shape)


def mixed(
    how: Coefficients,
    base: torch.Tensor,
    finetuned: torch.Tensor,
    stored: torch.dtype | None = None,
) -> torch.Tensor:
    """Interpolate one tensor, in type `stored`, by default one that holds both exactly; at
    either end the result is the tensor of that end.
    """
    import torch

    stored = stored or torch.promote_types(base.dtype, finetuned.dtype)
    kind = torch.promote_types(torch.promote_types(base.dtype, finetuned.dtype), torch.float32)
    one, other, factor = base.to(kind), finetuned.to(kind), how.finetuned[0]
    if how.give_base or torch.equal(one, other):
        return base
    if how.give_finetuned:
        return finetuned.to(stored)
    if how.of_differences:
        return (one + (other - one) * factor).to(stored)
    return (one * how.base + other * factor).to(stored)


def inner_products(base: torch.Tensor, finetuned: torch.Tensor) -> InnerProducts:
    """Those of a whole tensor, in float64."""
    one, other = base.double().flatten(), finetuned.double().flatten()
    return InnerProducts(
        base=float(one @ one), finetuned=float(other @ other), product=float(one @ other)
    )


def check_names(base: Mapping[str, torch.Tensor], finetuned: Mapping[str, torch.Tensor]) -> None:
    """Check that transformers gave both models the same tensors."""
    unlike = [
        name
        for name in sorted(base.keys() | finetuned.keys())
        if name not in base or name not in finetuned or base[name].shape != finetuned[name].shape
    ]
    if unlike:
        raise UsageError(
            f"transformers makes different models of the two: {len(unlike):,} tensors differ, "
            f"{', '.join(unlike[:5])} the first of them."
        )


def check_finite(name: str, state: Mapping[str, torch.Tensor]) -> None:
    """Refuse NaN and Inf, as `merge` does: such a model would still give answers."""
    for key, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UsageError(
                f"{name}: {key} holds NaN or Inf. Such weights cannot be mixed; leave the tensor "
                "out with --exclude (by its name in the files), or fetch it again."
            )
