"""What a data set knows of all its rows without decoding them: names, keys, questions.

All of it is computed by columns, from a few small buffers of each record batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.data.columnar import values
from mubench_gen.data.schema import QUESTION_IS_GIVEN_BY, dataset_name, no_dataset
from mubench_gen.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Index:
    """`repeated[i]`: the key of row i stood before. `questions` counts (data set, name)."""

    repeated: NDArray[np.bool_]
    questions: dict[tuple[str, str], int]


class IndexMaker:
    """Takes the record batches of all files in order, and makes the index of them."""

    def __init__(self) -> None:
        self._keys: list[Any] = []
        self._asked: Counter[tuple[str, int]] = Counter()
        self._bits: dict[str, int] = {}

    def add(self, path: Path, first: int, batch: Any) -> None:
        """`first` is the number of the batch's first row in its file."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if batch.num_rows == 0:
            return
        names = _dataset_names(path, first, batch)
        self._keys.append(
            pc.binary_join_element_wise(
                names, batch.column("image_id").cast(pa.string()), "/", null_handling="replace"
            )
        )
        self._count(names, self._mask(batch.column("questions")))

    def make(self) -> Index:
        import numpy as np

        return Index(
            repeated=_repeated(self._keys) if self._keys else np.zeros(0, dtype=np.bool_),
            questions=self._questions(),
        )

    def _mask(self, questions: Any) -> NDArray[np.int64]:
        """For each row, a bit a question that it has."""
        import numpy as np

        whole = _valid(questions)
        mask = np.zeros(len(questions), dtype=np.int64)
        for i, field in enumerate(questions.type):
            bit = self._bits.setdefault(field.name, len(self._bits))
            mask |= (whole & _given(questions.field(i))).astype(np.int64) << bit
        return mask

    def _count(self, names: Any, mask: NDArray[np.int64]) -> None:
        import numpy as np

        encoded = names.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        pairs = np.stack([encoded.indices.to_numpy().astype(np.int64), mask])
        distinct, counts = np.unique(pairs, axis=1, return_counts=True)
        for (code, bits), n in zip(distinct.T.tolist(), counts.tolist(), strict=True):
            self._asked[texts[code], bits] += n

    def _questions(self) -> dict[tuple[str, str], int]:
        found: Counter[tuple[str, str]] = Counter()
        for (name, bits), n in self._asked.items():
            for question, bit in self._bits.items():
                if bits >> bit & 1:
                    found[name, question] += n
        return dict(sorted(found.items()))


def _dataset_names(path: Path, first: int, batch: Any) -> Any:
    """The column `dataset`, with the names that only the stain gives filled in."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = batch.column("dataset").cast(pa.string())
    if column.null_count == 0 and not pc.any(pc.equal(column, "")).as_py():
        return column
    stains = values(batch.column("stain"))
    found = [dataset_name(name, stains[i]) for i, name in enumerate(values(column))]
    if None in found:
        at = found.index(None)
        problem = no_dataset(column[at].as_py(), stains[at])
        raise DataError(f"{path}, row {first + at + 1}, {problem}")
    return pa.array(found, pa.string())


def _given(cells: Any) -> NDArray[np.bool_]:
    import pyarrow.types as kinds

    valid = _valid(cells)
    if not kinds.is_struct(cells.type):
        return valid
    places = [cells.type.get_field_index(name) for name in QUESTION_IS_GIVEN_BY]
    children = [_valid(cells.field(i)) for i in places if i >= 0]
    if children:
        valid = valid & _any(children)
    return valid


def _any(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    import numpy as np

    found: NDArray[np.bool_] = np.logical_or.reduce(list(masks))
    return found


def _valid(array: Any) -> NDArray[np.bool_]:
    import numpy as np

    if array.null_count == 0:
        return np.ones(len(array), dtype=np.bool_)
    found: NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return found


def _repeated(keys: list[Any]) -> NDArray[np.bool_]:
    """Codes are given in the order of first appearance: a new key's is above all before."""
    import numpy as np
    import pyarrow as pa

    codes = pa.chunked_array(keys).combine_chunks().dictionary_encode()
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.combine_chunks()
    numbers = codes.indices.to_numpy()
    highest = np.maximum.accumulate(numbers)
    found = np.zeros(len(numbers), dtype=np.bool_)
    found[1:] = numbers[1:] <= highest[:-1]
    return found
