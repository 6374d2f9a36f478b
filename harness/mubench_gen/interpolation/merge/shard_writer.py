"""One shard of the base → one shard of each result, a chunk at a time, in a few threads.

Every byte of an input is read once for all α, and memory holds only a few chunks, for any size of
tensors and files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.arithmetic import InnerProducts, checksum
from mubench_gen.interpolation.merge.matching import OutputTensor
from mubench_gen.interpolation.merge.mixture import Preparation, chunks_of
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.merge.safetensors_file import lay_out
from mubench_gen.interpolation.merge.tensor_merge import Chunk, Mixture, merge_chunk
from mubench_gen.interpolation.merge.tensors import SIZES, FileTensor, byte_count
from mubench_gen.storage.json_files import sync
from mubench_gen.storage.user_files import open_regular

_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class FinishedShard:
    """A shard that is written for every α.

    `checksums`: one per result, to recognise its file. `products`: of the merged tensors;
    `identical`: the merged tensors that are equal in all inputs.
    """

    checksums: tuple[int, ...]
    products: Mapping[str, InnerProducts]
    identical: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    """A chunk, or the chunks of a tensor, that every file has."""

    checksums: tuple[int, ...]
    products: InnerProducts
    equal: bool

    def __add__(self, other: _Written) -> _Written:
        return _Written(
            _added(self.checksums, other.checksums),
            self.products + other.products,
            self.equal and other.equal,
        )


@dataclass(frozen=True, slots=True)
class ShardWriter:
    """`names`: of the base and the fine-tunes, for messages. `depths`: see `recipe.block_depths`.

    `progress` is called with numbers of written elements.
    """

    recipe: Recipe
    names: Sequence[str]
    depths: Mapping[str, tuple[int, int]]
    metadata: Mapping[str, str]
    progress: Callable[[int], None]

    def write(self, tensors: Sequence[OutputTensor], files: Sequence[Path]) -> FinishedShard:
        """Write the shard of each α to its file, and flush it to the disk.

        Raises MergeError for NaN or Inf in an input and for a value that the type cannot hold,
        OSError if the disk is full; the files are then incomplete.
        """
        header, starts = layout(tensors, self.metadata)
        written: dict[str, _Written] = {}
        with ExitStack() as stack:
            handles = [_create(file, header, stack) for file in files]
            threads = stack.enter_context(ThreadPoolExecutor(_THREADS, thread_name_prefix="merge"))
            for one in tensors:
                written[one.name] = self._write_tensor(one, starts[one.name], handles, threads)
            list(threads.map(sync, handles, [file.parent for file in files]))
        total = sum(written.values(), _nothing(len(files)))
        merged = {one.name: written[one.name] for one in tensors if one.action == "merged"}
        return FinishedShard(
            checksums=total.checksums,
            products={name: one.products for name, one in merged.items()},
            identical=tuple(name for name, one in merged.items() if one.equal),
        )

    def is_intact(self, tensors: Sequence[OutputTensor], file: Path, expected: int) -> bool:
        """Whether a file is unchanged since it was written, by the checksum of all of it."""
        header, starts = layout(tensors, self.metadata)
        try:
            with open_regular(file) as opened:
                if opened.read(len(header)) != header:
                    return False
                handle = opened.fileno()
                total = 0
                for one in tensors:
                    stored = FileTensor(one.dtype, one.shape, handle, starts[one.name], file)
                    total += sum(
                        checksum(stored.read(*chunk)) for chunk in chunks_of(one, self.recipe)
                    )
                return total % 2**64 == expected
        except (OSError, MergeError):
            return False

    def _write_tensor(
        self,
        tensor: OutputTensor,
        start: int,
        handles: Sequence[int],
        threads: ThreadPoolExecutor,
    ) -> _Written:
        place = self.depths.get(tensor.name)
        mixture = Preparation(tensor, self.recipe, self.names, place, threads).mixture()
        write = partial(self._write_chunk, tensor, mixture, start, handles)
        total = _nothing(len(handles))
        parts = list(chunks_of(tensor, self.recipe))
        for (_, count), written in zip(parts, threads.map(write, parts), strict=True):
            total += written
            self.progress(count)
        for handle in handles:
            _begin_writing(handle, start, byte_count(tensor))
        return total

    def _write_chunk(
        self,
        tensor: OutputTensor,
        mixture: Mixture,
        start: int,
        handles: Sequence[int],
        chunk: Chunk,
    ) -> _Written:
        merged = merge_chunk(tensor, mixture, self.names, chunk)
        at = start + chunk[0] * SIZES[tensor.dtype]
        checksums = []
        for handle, raw in zip(handles, merged.results, strict=True):
            _write_all(handle, raw.data, at)
            checksums.append(checksum(raw))
        return _Written(tuple(checksums), merged.products, merged.equal)


def layout(
    tensors: Sequence[OutputTensor], metadata: Mapping[str, str]
) -> tuple[bytes, dict[str, int]]:
    """The header of a result's shard, and the offset of each tensor."""
    return lay_out(((one.name, one.dtype, one.shape) for one in tensors), metadata)


def _nothing(results: int) -> _Written:
    return _Written((0,) * results, InnerProducts(), equal=True)


def _added(ones: Sequence[int], others: Sequence[int]) -> tuple[int, ...]:
    return tuple((one + other) % 2**64 for one, other in zip(ones, others, strict=True))


def _create(file: Path, header: bytes, stack: ExitStack) -> int:
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    stack.callback(os.close, handle)
    _write_all(handle, memoryview(header), 0)
    return handle


def _write_all(handle: int, left: memoryview, at: int) -> None:
    while left:
        count = os.pwrite(handle, left, at)
        at, left = at + count, left[count:]


def _begin_writing(handle: int, start: int, length: int) -> None:
    """Start writing to the disk while more is computed; Linux would buffer gigabytes otherwise.

    It is only a hint. That written pages leave the cache, as its name says, matters less.
    """
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(handle, start, length, os.POSIX_FADV_DONTNEED)
