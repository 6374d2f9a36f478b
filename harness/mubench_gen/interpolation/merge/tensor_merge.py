"""Reads one chunk of one tensor from each input, and merges it for every α."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.alphas import Alpha, spelled
from mubench_gen.interpolation.merge.arithmetic import (
    Coefficients,
    InnerProducts,
    NotFinite,
    Overflow,
    combine,
    decode,
    inner_products,
    move,
    recode,
)
from mubench_gen.interpolation.merge.matching import OutputTensor
from mubench_gen.interpolation.merge.tensors import LARGEST, TORCH_NAMES, Array

Chunk = tuple[int, int]  # first element, number of elements
Difference = Callable[[Chunk, Sequence[Array]], Array]


@dataclass(frozen=True, slots=True)
class Mixture:
    """How one tensor is merged: the coefficients of each α.

    `difference`: makes one difference from the base of all fine-tunes' numbers of a chunk, to
    which the coefficients then apply.
    """

    ways: Mapping[Alpha, Coefficients]
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class MergedChunk:
    """`results`: the bytes for each α, computed lazily. `equal`: the inputs are equal."""

    results: Iterator[Array]
    products: InnerProducts
    equal: bool


def merge_chunk(
    tensor: OutputTensor, mixture: Mixture, names: Sequence[str], chunk: Chunk
) -> MergedChunk:
    """The chunk for each α. `names`: the inputs', for messages.

    Raises MergeError for NaN or Inf in an input and, from `results`, for a value that the type
    cannot hold.
    """
    inputs = _read(tensor, chunk)
    if tensor.action != "merged":
        sides = (tensor.base, *tensor.finetuned)
        chosen = (
            _stored(tensor, sides[how.give_finetuned].dtype, inputs[how.give_finetuned])
            for how in mixture.ways.values()
        )
        return MergedChunk(chosen, InnerProducts(), equal=False)
    numbers = _decoded(tensor, inputs)
    products = _products(tensor, names, chunk, numbers)
    equal = not products.difference and _are_equal(tensor, inputs)
    if mixture.difference is None or equal:
        results = _results(tensor, mixture.ways, inputs, numbers, equal)
    else:
        difference = _difference(tensor, mixture.difference, chunk, numbers)
        results = _moved(tensor, mixture.ways, inputs, numbers[0], difference)
    return MergedChunk(results, products, equal)


def _are_equal(tensor: OutputTensor, inputs: Sequence[Array]) -> bool:
    """Whether the inputs have the same bits, in the type of the result."""
    same_type = all(one.dtype == tensor.dtype for one in (tensor.base, *tensor.finetuned))
    return same_type and all(np.array_equal(one, inputs[0]) for one in inputs[1:])


def numbers_of(tensor: OutputTensor, chunk: Chunk) -> list[Array]:
    """The chunk's numbers in the base and each fine-tune, as float32 (float64 for F64)."""
    return _decoded(tensor, _read(tensor, chunk))


def products_of(tensor: OutputTensor, names: Sequence[str], chunk: Chunk) -> InnerProducts:
    """Only the chunk's inner products. Raises MergeError for NaN or Inf."""
    return _products(tensor, names, chunk, numbers_of(tensor, chunk))


def _read(tensor: OutputTensor, chunk: Chunk) -> list[Array]:
    base = tensor.base.read(*chunk)
    others = () if tensor.action == "skipped" else tensor.finetuned
    # For a tensor that an adapter does not change, the fine-tune's is the base's.
    return [base, *(base if one is tensor.base else one.read(*chunk) for one in others)]


def _stored(tensor: OutputTensor, dtype: str, raw: Array) -> Array:
    """The bytes of one side in the type of the result."""
    if dtype == tensor.dtype:
        return raw
    with _fitting(tensor, None):
        return recode(raw, dtype, tensor.dtype)


def _decoded(tensor: OutputTensor, inputs: Sequence[Array]) -> list[Array]:
    sides = (tensor.base, *tensor.finetuned)
    numbers = [decode(raw, side.dtype) for raw, side in zip(inputs, sides, strict=True)]
    if any(one.dtype == np.float64 for one in numbers):
        return [one.astype(np.float64, copy=False) for one in numbers]
    return numbers


def _products(
    tensor: OutputTensor, names: Sequence[str], chunk: Chunk, numbers: Sequence[Array]
) -> InnerProducts:
    try:
        return inner_products(numbers[0], numbers[1:])
    except NotFinite as found:
        raise MergeError(
            f"{names[found.source]}: {tensor.name} holds {found.value} (element "
            f"{chunk[0] + found.place:,} of {math.prod(tensor.shape):,}). Weights with NaN or Inf "
            f"cannot be merged; leave the tensor out with --exclude '{tensor.name}', or fetch it "
            "again."
        ) from None


def _results(
    tensor: OutputTensor,
    ways: Mapping[Alpha, Coefficients],
    inputs: Sequence[Array],
    numbers: Sequence[Array],
    equal: bool,
) -> Iterator[Array]:
    for alpha, how in ways.items():
        if tensor.base.dtype == tensor.dtype and (how.give_base or (equal and how.keep_equal)):
            yield inputs[0]
        elif tensor.finetuned[0].dtype == tensor.dtype and how.give_finetuned:
            yield inputs[1]
        else:
            with _fitting(tensor, alpha):
                yield combine(how, numbers[0], numbers[1:], tensor.dtype)


def _difference(
    tensor: OutputTensor, make: Difference, chunk: Chunk, numbers: Sequence[Array]
) -> Array:
    with np.errstate(all="ignore"):  # what overflows here overflows in the result
        return make(chunk, numbers)


def _moved(
    tensor: OutputTensor,
    ways: Mapping[Alpha, Coefficients],
    inputs: Sequence[Array],
    base: Array,
    difference: Array,
) -> Iterator[Array]:
    """The base moved along one difference, for each α."""
    for alpha, how in ways.items():
        if how.give_base and tensor.base.dtype == tensor.dtype:
            yield inputs[0]
        else:
            with _fitting(tensor, alpha):
                yield move(base, difference, how.finetuned[0], tensor.dtype)


@contextmanager
def _fitting(tensor: OutputTensor, alpha: Alpha | None) -> Iterator[None]:
    """Say what is wrong where a value is too large; α None: it is the base's own."""
    try:
        yield
    except Overflow:
        where = "" if alpha is None else f" at α {spelled(alpha)}"
        narrowed = any(one.dtype != tensor.dtype for one in (tensor.base, *tensor.finetuned))
        told = "--store float32 or bfloat16 holds them." if narrowed else "Stay nearer to the base."
        raise MergeError(
            f"{tensor.name}:{where} it has values that {TORCH_NAMES[tensor.dtype]} cannot hold "
            f"(its largest is {LARGEST[tensor.dtype]:g}). {told}"
        ) from None
