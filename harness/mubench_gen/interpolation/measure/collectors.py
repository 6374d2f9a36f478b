"""Collects the diagonal of the Fisher matrix, or the Gram matrices of linear layers' inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

_LEAST = 1e-8  # a probability below which an option adds nothing


class Fisher:
    """The mean over items of the expected square of the gradient of log p(option), the options
    drawn by the model's own probabilities (Matena & Raffel 2022, arXiv 2111.09832): exact, since
    all options of an item are gone through.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._weights = dict(model.named_parameters())
        self._sums = {
            name: torch.zeros_like(weight, dtype=torch.float32)
            for name, weight in self._weights.items()
        }
        self._items = 0

    def mask(self, tokens: torch.Tensor | None) -> None:
        """Padding has no gradient: nothing is to be left out."""

    def add(self, log_probabilities: Callable[[], torch.Tensor]) -> None:
        """Count one item."""
        with torch.enable_grad():
            found = log_probabilities()
            shares = found.detach().exp()
            likely = [place for place, share in enumerate(shares) if share > _LEAST]
            for place in likely:
                gradients = torch.autograd.grad(
                    found[place], list(self._weights.values()),
                    retain_graph=place != likely[-1], allow_unused=True,
                )  # fmt: skip
                for total, gradient in zip(self._sums.values(), gradients, strict=True):
                    if gradient is not None:
                        total.addcmul_(gradient.float(), gradient.float(), value=shares[place])
        self._items += 1

    def result(self) -> Mapping[str, torch.Tensor]:
        """By the parameters' names, in float32 and of their shapes."""
        return {name: total / max(1, self._items) for name, total in self._sums.items()}


class Gram:
    """The mean of x·xᵀ over the inputs x of each linear layer (Jin et al. 2023, arXiv
    2212.09849); padding is left out.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._tokens: torch.Tensor | None = None
        self._sums: dict[str, torch.Tensor] = {}
        self._counts: dict[str, int] = {}
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(self._hook(f"{name}.weight"))

    def mask(self, tokens: torch.Tensor | None) -> None:
        """Which tokens of the next forward pass count, (rows, tokens); None: all of them."""
        self._tokens = tokens

    def add(self, log_probabilities: Callable[[], torch.Tensor]) -> None:
        """Count one item."""
        with torch.no_grad():
            log_probabilities()

    def _hook(self, name: str) -> Callable[[Any, Any], None]:
        def count(_: Any, inputs: Any) -> None:
            (found, *_others) = inputs
            if self._tokens is not None and found.shape[:-1] == self._tokens.shape:
                found = found[self._tokens.to(found.device).bool()]
            rows = found.detach().float().reshape(-1, found.shape[-1])
            product = rows.T @ rows
            self._sums[name] = self._sums[name] + product if name in self._sums else product
            self._counts[name] = self._counts.get(name, 0) + len(rows)

        return count

    def result(self) -> Mapping[str, torch.Tensor]:
        """By the names of the layers' weights: (inputs, inputs), in float32."""
        return {name: total / self._counts[name] for name, total in self._sums.items()}


COLLECTORS: Mapping[str, type[Fisher] | type[Gram]] = {"fisher": Fisher, "regmean": Gram}
