"""Models that interpolate their weights between a base and fine-tunes, loaded once for all α.

`move(stop)` sets the target; `load`, called before the first request, applies it: a run without
open requests loads nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.engines.digest import digest_files
from mubench_gen.engines.source import read_source
from mubench_gen.engines.transformers.contrastive import TransformersContrastive
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import UsageError
from mubench_gen.interpolation.merge.alphas import alpha_at, leaves, spelled
from mubench_gen.interpolation.merge.arithmetic import Coefficients, InnerProducts, coefficients
from mubench_gen.interpolation.merge.checkpoint import find_folder, is_adapter, read_config
from mubench_gen.interpolation.merge.inputs import MergeSettings, open_inputs
from mubench_gen.interpolation.merge.merge import merge
from mubench_gen.interpolation.merge.recipe import Recipe, block_depths
from mubench_gen.interpolation.sweep.stops import Stop
from mubench_gen.interpolation.sweep.weights.in_memory import (
    check_finite,
    check_names,
    inner_products,
    mixed,
    with_adapter,
)
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import user_path

if TYPE_CHECKING:
    import torch

    from mubench_gen.engines.transformers.checkpoint import LoadedCheckpoint
    from mubench_gen.engines.transformers.families import Family


class Ends:
    """A mixin that interpolates between checkpoints; the engine's class comes after it."""

    finetuned: Sequence[Checkpoint]
    scratch: Path
    runtime: Runtime
    _checkpoint: Checkpoint
    _digests: Sequence[str | None] = ()
    _wanted: Stop | None = None
    _there: Stop | None = None

    def aim(
        self, finetuned: Sequence[Checkpoint], scratch: Path, digests: Sequence[str | None] = ()
    ) -> None:
        """Set the fine-tunes. `scratch`: a folder for files that an engine must read. `digests`: of
        the base and the fine-tunes, to be checked.
        """
        self.finetuned, self.scratch = finetuned, scratch
        self._digests, self._there = digests, None

    def move(self, stop: Stop) -> None:
        """Set the weights of the next `load`."""
        self._wanted = stop

    def load(self) -> None:
        super().load()  # type: ignore[misc]
        if self._wanted is not None and self._there != self._wanted:
            self._there = None  # unknown if the move fails
            self._check_unchanged()
            self._go(self._wanted)
            self._there = self._wanted

    def close(self) -> None:
        self._there = None
        super().close()  # type: ignore[misc]

    def _go(self, stop: Stop) -> None:
        raise NotImplementedError

    def _merge(self, stop: Stop, folder: Path, *, unrounded: bool = False) -> None:
        """Write the weights of a stop."""
        merge(
            MergeSettings(
                base=name_of(self._checkpoint, self.runtime.revision),
                finetuned=tuple(name_of(self.finetuned[side]) for side in stop.sides),
                recipe=stop.recipe,
                out=folder,
                accept_vocabulary=True,  # checked before, or accepted
                unrounded=unrounded,
            )
        )

    def _check_unchanged(self) -> None:
        """Check that the files have not changed: the keys of the answers include their digests."""
        others = ((one, None) for one in self.finetuned)
        sides = ((self._checkpoint, self.runtime.revision), *others)
        for (side, revision), digest in zip(sides, self._digests, strict=False):
            if digest_of(side, revision) != digest:
                raise UsageError(
                    f"The weights of {side.path} changed since the sweep began: what it asks from "
                    "here on would be of other weights. Start another with --fresh."
                )

    @property
    def facts(self) -> Mapping[str, Any]:
        """The engine's facts, corrected for interpolated weights, which no file holds."""
        own: Mapping[str, Any] = super().facts  # type: ignore[misc]
        stop = self._wanted
        if stop is None:
            return own
        paths = [str(self.finetuned[side].path) for side in stop.sides]
        told = {
            "finetuned": paths[0] if len(paths) == 1 else paths,
            **{key: value for key, value in stop.recipe.as_dict().items() if key != "alphas"},
            "alpha": spelled(stop.alpha),
        }
        return {**own, "weights_sha256": None, "interpolation": told}


def name_of(checkpoint: Checkpoint, revision: str | None = None) -> str:
    """The checkpoint's name for `merge`: a folder, or OWNER/NAME@REVISION."""
    wanted = revision or checkpoint.revision
    if wanted is None or user_path(checkpoint.path).is_dir():
        return str(checkpoint.path)
    return f"{checkpoint.path}@{wanted}"


def digest_of(checkpoint: Checkpoint, revision: str | None = None) -> str | None:
    """A digest of a checkpoint's weights; fetches the checkpoint if needed."""
    folder = find_folder(name_of(checkpoint, revision))
    digest = digest_files(folder)
    if digest is None:
        return None
    configured = is_adapter(str(folder))  # an adapter's configuration changes its effect
    return f"{digest.weights}-{digest.settings}" if configured else digest.weights


# Methods that need nothing of a tensor but the two models' values.
_IN_MEMORY = ("linear", "slerp", "lines", "task-arithmetic")


class _InPlace(Ends):
    """Weights of a model of transformers that change in place.

    By the methods between two models θ ← mix(base, fine-tuned), a tensor at a time: memory then
    holds both checkpoints in their stored precision, and the model. The arithmetic is that of
    `merge`: float32, rounded once to the stored precision. An adapter is added to the base in
    memory. If transformers cannot open the fine-tune directly (another layout), or patterns select
    tensors, the selected part is first written as a folder in the base's layout, because patterns
    match the names in files, which differ from transformers' names.

    By all other methods, and from several fine-tunes, `merge` writes a folder, which is read.
    """

    _opened: LoadedCheckpoint | None
    options: Any
    _base: dict[str, torch.Tensor] | None = None
    _other: tuple[Recipe, dict[str, torch.Tensor]] | None = None  # by its patterns
    _adapter = False  # whether the fine-tune is an adapter, whose result has the base's precision

    def _family(self) -> Family:
        raise NotImplementedError

    def close(self) -> None:
        self._base = self._other = None
        super().close()

    def _go(self, stop: Stop) -> None:
        if stop.end == "base":
            self._copy(self._base_weights())
        elif stop.recipe.method in _IN_MEMORY and not stop.recipe.each and len(self.finetuned) == 1:
            self._mix(stop)
        else:
            self._base = self._other = None  # memory holds one more model at a time
            with self._as_folder(stop) as made:
                self._copy(self._stored(made, _of_finetuned(self.runtime)))

    def _copy(self, weights: Mapping[str, torch.Tensor]) -> None:
        import torch

        assert self._opened is not None
        state = self._opened.model.state_dict()
        check_names(state, weights)
        with torch.no_grad():
            for name, target in state.items():
                target.copy_(weights[name])

    def _mix(self, stop: Stop) -> None:
        import torch

        assert self._opened is not None
        base, finetuned = self._base_weights(), self._finetuned(stop)
        method, places = stop.recipe.method, block_depths(base)
        with torch.no_grad():
            for name, target in self._opened.model.state_dict().items():
                one, other = base[name], finetuned[name]
                at = alpha_at(stop.alpha, name, places.get(name))
                if not one.is_floating_point():
                    target.copy_(other if at == 1 else one)
                    continue
                how = Coefficients.of_base(1)
                if not leaves(stop.alpha, name):
                    total = inner_products(one, other) if method == "slerp" else InnerProducts()
                    how = coefficients(method, at, place=places.get(name), total=total)
                target.copy_(mixed(how, one, other, one.dtype if self._adapter else None))

    def _base_weights(self) -> dict[str, torch.Tensor]:
        if self._base is None:
            self._base = self._stored(self._checkpoint, self.runtime)
            check_finite(str(self._checkpoint.path), self._base)
        return self._base

    def _finetuned(self, stop: Stop) -> dict[str, torch.Tensor]:
        """The fine-tune's weights, and the base's where patterns leave them."""
        whole = replace(stop.recipe, alphas=(Decimal(1),), method="linear")
        if self._other is None or self._other[0] != whole:
            base = self._base_weights()
            self._other = whole, self._read(replace(stop, recipe=whole), base)
            check_names(base, self._other[1])
            check_finite(str(self.finetuned[0].path), self._other[1])
        return self._other[1]

    def _read(self, whole: Stop, base: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        import torch

        name, patterns = name_of(self.finetuned[0]), whole.recipe.include or whole.recipe.exclude
        self._adapter = is_adapter(name)
        if self._adapter and not patterns:
            folder = find_folder(name_of(self._checkpoint, self.runtime.revision))
            return with_adapter(name, base, read_config(folder))
        unrounded = torch.float32 if self._adapter else None
        runtime = _of_finetuned(self.runtime)
        if not patterns and not self._is_foreign(whole):
            return self._stored(self.finetuned[0], runtime, unrounded)
        with self._as_folder(whole, unrounded=True) as made:
            return self._stored(made, runtime, unrounded)

    def _is_foreign(self, whole: Stop) -> bool:
        """Whether the fine-tune is an adapter, or has another layout than the base."""
        base = name_of(self._checkpoint, self.runtime.revision)
        name = name_of(self.finetuned[0])
        wanted = MergeSettings(base, (name,), whole.recipe, self.scratch, accept_vocabulary=True)
        with ExitStack() as files:
            (side,) = open_inputs(wanted, files).finetuned
            return side.adapter or side.converted

    def _stored(
        self, checkpoint: Checkpoint, runtime: Runtime, dtype: torch.dtype | None = None
    ) -> dict[str, torch.Tensor]:
        from mubench_gen.engines.transformers.checkpoint import stored_weights

        # The revision whose digest was taken, even if the hub has a newer one.
        folder = find_folder(name_of(checkpoint, runtime.revision))
        source = read_source(replace(checkpoint, path=folder), runtime)
        return stored_weights(source, self.options, self._family(), dtype or "auto")

    @contextmanager
    def _as_folder(self, stop: Stop, *, unrounded: bool = False) -> Iterator[Checkpoint]:
        """Yield a stop's weights as a folder, which is then removed."""
        folder = self.scratch / stop.folder
        shutil.rmtree(folder, ignore_errors=True)
        self._merge(stop, folder, unrounded=unrounded)
        try:
            yield replace(self._checkpoint, path=folder, revision=None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                self.scratch.rmdir()


class InPlaceContrastive(_InPlace, TransformersContrastive):
    """A contrastive model, such as CLIP, whose weights move in place."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        TransformersContrastive.__init__(self, checkpoint, runtime)
        self._checkpoint = checkpoint

    def _family(self) -> Family:
        from mubench_gen.engines.transformers.families import CONTRASTIVE

        return CONTRASTIVE


class InPlaceGenerative(_InPlace, TransformersGenerative):
    """A chat model that reads images, whose weights move in place."""

    def _family(self) -> Family:
        from mubench_gen.engines.transformers.families import GENERATIVE

        return GENERATIVE


def _of_finetuned(runtime: Runtime) -> Runtime:
    """The runtime for the fine-tune: without the revision, which is the base's."""
    return replace(runtime, revision=None)
