"""How one tensor is merged by a recipe: what has to be known of all of it comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.alphas import Alpha, alpha_at, leaves
from mubench_gen.interpolation.merge.arithmetic import Coefficients, InnerProducts, coefficients
from mubench_gen.interpolation.merge.by_angle import karcher_weights, products, stock_ratio
from mubench_gen.interpolation.merge.by_statistics import (
    by_regmean,
    fisher_difference,
    matrix_of,
    regmean_factors,
    weighted_mean,
)
from mubench_gen.interpolation.merge.consensus import (
    elected,
    elected_by_size,
    largest,
    weighted_sum,
)
from mubench_gen.interpolation.merge.matching import OutputTensor
from mubench_gen.interpolation.merge.methods import METHODS, Sparse
from mubench_gen.interpolation.merge.recipe import MEANS, Recipe
from mubench_gen.interpolation.merge.sparsified import (
    Draws,
    Span,
    drawn,
    drawn_by_rank,
    kept_ranks,
    ranks_of_largest,
    ranks_of_middle,
    ratios,
    row_length,
    unpacked,
)
from mubench_gen.interpolation.merge.tensor_merge import (
    Difference,
    Mixture,
    numbers_of,
    products_of,
)
from mubench_gen.interpolation.merge.tensors import CHUNK, Array, chunks

_DRAWN_TOGETHER = 1 << 16  # elements; what a seed draws depends on it
_AHEAD = 16  # chunks whose results wait in memory

Pick = Callable[[Span, int, Array], Array]
Numbers = Sequence[Array]  # of a chunk: the base's, then each fine-tune's


@dataclass(frozen=True, slots=True)
class Preparation:
    """What one tensor is prepared with. `place`: its block's number and how many there are."""

    tensor: OutputTensor
    recipe: Recipe
    names: Sequence[str]
    place: tuple[int, int] | None
    threads: ThreadPoolExecutor

    def mixture(self) -> Mixture:
        """The tensor's mixture for every α. Reads the tensor where the method asks for it."""
        facts = METHODS[self.recipe.method]
        if self.tensor.action != "merged":
            return Mixture({alpha: self._left(self._at(alpha)) for alpha in self.recipe.alphas})
        if facts.consensus is not None:
            return Mixture(self._added(), self._difference())
        way, name = self._by_angle() or self._by_share(), self.tensor.name
        base = Coefficients.of_base(len(self.tensor.finetuned))
        return Mixture(
            {alpha: base if leaves(alpha, name) else way(alpha) for alpha in self.recipe.alphas}
        )

    def _at(self, alpha: Alpha) -> float:
        return alpha_at(alpha, self.tensor.name, self.place)

    def _left(self, alpha: float) -> Coefficients:
        """For a tensor that is not merged: the base's, unless the whole result is the fine-tune."""
        tensor = self.tensor
        count = len(tensor.finetuned)
        alike = count == 1 and tensor.finetuned[0].dtype == tensor.dtype
        ends = METHODS[self.recipe.method].consensus is None
        if tensor.action == "copied" and alpha == 1 and alike and ends:
            return Coefficients((1.0,), 0.0)
        return Coefficients.of_base(count)

    def _added(self) -> dict[Alpha, Coefficients]:
        return {
            alpha: Coefficients((self._at(alpha),), of_differences=True)
            for alpha in self.recipe.alphas
        }

    def _by_share(self) -> Callable[[Alpha], Coefficients]:
        total = InnerProducts()
        if self.recipe.method == "slerp":
            measured = partial(products_of, self.tensor, self.names)
            total = sum(self.threads.map(measured, chunks(self.tensor)), total)
        weights, of_base = self._weights(), alpha_at(self.recipe.base_weight, *self._where)
        return lambda alpha: coefficients(
            self.recipe.method, self._at(alpha),
            weights=weights, of_base=of_base, place=self.place, total=total,
        )  # fmt: skip

    @property
    def _where(self) -> tuple[str, tuple[int, int] | None]:
        return self.tensor.name, self.place

    def _weights(self) -> tuple[float, ...]:
        found = self.recipe.weights_at(*self._where, len(self.tensor.finetuned))
        total = sum(found) + alpha_at(self.recipe.base_weight, *self._where)
        if self.recipe.method in MEANS and not total:
            raise MergeError(f"{self.tensor.name}: the sum of the weights is 0. Give others.")
        return found

    def _settings(self) -> list[Sparse]:
        """The settings of each fine-tune."""
        count = len(self.tensor.finetuned)
        return [self.recipe.sparse_at(number, *self._where) for number in range(count)]

    def _by_angle(self) -> Callable[[Alpha], Coefficients] | None:
        method, count = self.recipe.method, len(self.tensor.finetuned)
        if method not in ("model-stock", "karcher"):
            return None
        gram = np.zeros((count + 1, count + 1))
        for part in self._over_chunks(lambda _, base, *finetuned: products(base, finetuned)):
            gram += part
        if method == "model-stock":
            share = stock_ratio(gram) / count
            return lambda alpha: Coefficients(
                (self._at(alpha) * share,) * count, of_differences=True
            )
        return partial(self._karcher, gram)

    def _karcher(self, gram: Array, alpha: Alpha) -> Coefficients:
        count, at = len(self.tensor.finetuned), self._at(alpha)
        if at == 0 or (at == 1 and count == 1):
            return Coefficients((at,) * count, 1 - at)
        base, *others = karcher_weights(gram, (1 - at, *(at / count for _ in range(count))))
        return Coefficients(tuple(others), base)

    def _difference(self) -> Difference:
        """What makes one difference of all fine-tunes' in a chunk."""
        facts = METHODS[self.recipe.method]
        choice, consensus = facts.choice, facts.consensus
        if consensus == "weighted":
            return self._weighted()
        weights = self._weights()
        if facts.measured:
            return self._by_statistics(str(consensus), weights)
        joins: dict[str, Callable[[Numbers], Array]] = {
            "sum": partial(weighted_sum, weights=weights),
            "elected": partial(elected, weights=weights),
            "largest": largest,
        }
        join = joins[str(consensus)]
        if choice in ("random", "ranked"):
            return partial(_joined, join, self._drawing())
        if choice is None:
            return partial(_joined, join, _whole)
        kept = [self._kept(number, one) for number, one in enumerate(self._settings())]
        return partial(_joined, join, partial(_masked, kept))

    def _by_statistics(self, method: str, weights: Sequence[float]) -> Difference:
        """Fisher-weighted, or RegMean; the mean of a tensor of which nothing was measured."""
        measured = self.tensor.statistics
        if not measured:
            return partial(_joined, partial(weighted_mean, weights=weights), _whole)
        if method == "regmean":
            factors = regmean_factors(map(matrix_of, measured))
            return partial(_joined, partial(by_regmean, factors=factors), _whole)
        return partial(fisher_difference, measured, weights)

    def _drawing(self) -> Pick:
        settings, row = self._settings(), row_length(self.tensor.shape)
        scaled = settings[0].rescale == "chance"
        draws = [
            Draws.of(one.seed or 0, self.tensor.name, number) for number, one in enumerate(settings)
        ]

        def draw(span: Span, number: int, difference: Array) -> Array:
            density, epsilon = settings[number].density, settings[number].epsilon
            assert density is not None
            uniform = draws[number].at(span)
            if epsilon is None:
                return drawn(difference, density, uniform, scaled=scaled)
            return drawn_by_rank(difference, row, density, epsilon, uniform, scaled=scaled)

        return self._by_sum(draw) if settings[0].rescale == "sum" else draw

    def _by_sum(self, pick: Pick) -> Pick:
        """What is picked, scaled to the former sum of the tensor's magnitudes, as in mergekit."""

        def sums(span: Span, base: Array, *finetuned: Array) -> Array:
            found = []
            for number, one in enumerate(finetuned):
                sides = one - base, pick(span, number, one - base)
                found.append([np.abs(side).sum(dtype=np.float64) for side in sides])
            return np.array(found)

        total = sum(self._over_chunks(sums), np.zeros((len(self.tensor.finetuned), 2)))
        factors = ratios(total)
        return lambda span, number, difference: (
            pick(span, number, difference) * difference.dtype.type(factors[number])
        )

    def _kept(self, number: int, settings: Sparse) -> Array:
        """The packed bits of the elements of one fine-tune that count, by their magnitude."""

        def score(_: Span, base: Array, *finetuned: Array) -> Array:
            found: Array = np.abs(finetuned[number] - base)
            return found

        scores = self._gathered(score)
        assert settings.density is not None
        if settings.gamma is None:
            ranks = ranks_of_largest(scores.size, settings.density)
        else:
            ranks = ranks_of_middle(scores.size, settings.density, settings.gamma)
        return kept_ranks(scores, ranks, self._over_chunks(score))

    def _weighted(self) -> Difference:
        """SCE: where fine-tunes vary most, weighted by what each changes there."""

        def score(_: Span, base: Array, *finetuned: Array) -> Array:
            found: Array = np.var(np.stack([one - base for one in finetuned]), axis=0)
            return found

        count, density = len(self.tensor.finetuned), self._settings()[0].density
        assert density is not None
        pick: Pick = _whole
        if density < 1:
            scores = self._gathered(score)
            wanted = int(np.count_nonzero(scores) * density)
            bits = kept_ranks(scores, (scores.size - wanted, scores.size), self._over_chunks(score))
            pick = partial(_masked, [bits] * count)

        def squares(span: Span, base: Array, *finetuned: Array) -> Array:
            kept = (pick(span, number, one - base) for number, one in enumerate(finetuned))
            return np.array([float(np.dot(one, one)) for one in kept])

        weights = sum(self._over_chunks(squares), np.zeros(count))
        total = float(weights.sum())
        shares = weights / total if total else np.full(count, 1 / count)
        return partial(_joined, partial(elected_by_size, weights=[*map(float, shares)]), pick)

    def _gathered(self, score: Callable[..., Array]) -> Array:
        """The scores of all elements: the memory of one tensor in float32."""
        parts = list(chunks(self.tensor))
        kind = np.float64 if self.tensor.dtype == "F64" else np.float32
        found = np.empty(sum(count for _, count in parts), kind)
        for (first, count), part in zip(parts, self._over_chunks(score), strict=True):
            found[first : first + count] = part
        return found

    def _over_chunks(self, function: Callable[..., Array]) -> Iterator[Array]:
        """A function of each chunk's place and numbers, in threads, a few chunks ahead."""

        def compute(span: Span) -> Array:
            return function(span, *numbers_of(self.tensor, span))

        parts = chunks_of(self.tensor, self.recipe)
        while ahead := list(islice(parts, _AHEAD)):
            yield from self.threads.map(compute, ahead)


def chunks_of(tensor: OutputTensor, recipe: Recipe) -> Iterator[Span]:
    """The chunks in which the tensor is merged: whole rows where the method needs them."""
    facts = METHODS[recipe.method]
    by_rows = facts.choice == "ranked" or (facts.consensus == "regmean" and tensor.statistics)
    rows = tensor.action == "merged" and by_rows
    size = CHUNK if facts.choice not in ("random", "ranked") else _DRAWN_TOGETHER
    return chunks(tensor, row_length(tensor.shape) if rows else 1, size)


def _whole(_span: Span, _number: int, difference: Array) -> Array:
    return difference


def _masked(kept: Sequence[Array], span: Span, number: int, difference: Array) -> Array:
    return np.where(unpacked(kept[number], span), difference, 0)


def _joined(
    join: Callable[[Sequence[Array]], Array], pick: Pick, span: Span, numbers: Numbers
) -> Array:
    base, *finetuned = numbers
    return join([pick(span, number, one - base) for number, one in enumerate(finetuned)])
