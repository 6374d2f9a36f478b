"""Models that interpolate their weights between a base and a fine-tune, loaded once for all α.

`move(alpha)` sets the target; `load`, which a run calls before its first request, applies it. So
a run without open requests loads nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
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
from mubench_gen.interpolation.merge.alphas import Alpha, alpha_at, spelled
from mubench_gen.interpolation.merge.arithmetic import InnerProducts, coefficients
from mubench_gen.interpolation.merge.checkpoint import find_folder, is_adapter, read_config
from mubench_gen.interpolation.merge.inputs import MergeSettings, open_inputs
from mubench_gen.interpolation.merge.merge import merge
from mubench_gen.interpolation.merge.recipe import Recipe, block_depths
from mubench_gen.interpolation.sweep.in_memory import inner_products, mixed, with_adapter
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import user_path

if TYPE_CHECKING:
    import torch

    from mubench_gen.engines.transformers.checkpoint import Family, LoadedCheckpoint


class Ends:
    """A mixin that interpolates between two checkpoints; the engine's class comes after it."""

    finetuned: Checkpoint
    recipe: Recipe
    scratch: Path
    runtime: Runtime
    _checkpoint: Checkpoint
    _digests: tuple[str | None, str | None] | None = None
    _wanted: Alpha | None = Decimal(0)
    _there: tuple[Alpha | None, ...] = ()

    def aim(
        self,
        finetuned: Checkpoint,
        recipe: Recipe,
        scratch: Path,
        digests: tuple[str | None, str | None] | None = None,
    ) -> None:
        """Set the fine-tune and how to interpolate (method and patterns). `scratch`: a folder for
        files that an engine must read. `digests`: of the two checkpoints, to be checked.
        """
        self.finetuned, self.recipe, self.scratch = finetuned, recipe, scratch
        self._digests, self._there = digests, ()

    def move(self, alpha: Alpha | None) -> None:
        """Set the α of the next `load`; None stands for the base if no α gives it."""
        self._wanted = alpha

    def load(self) -> None:
        super().load()  # type: ignore[misc]
        if self._there != (self._wanted,):
            self._there = ()  # unknown if the move fails
            self._check_unchanged()
            self._go(self._wanted)
            self._there = (self._wanted,)

    def close(self) -> None:
        self._there = ()
        super().close()  # type: ignore[misc]

    def _go(self, alpha: Alpha | None) -> None:
        raise NotImplementedError

    def _check_unchanged(self) -> None:
        """Check that the files have not changed: the keys of the answers include their digests."""
        sides = ((self._checkpoint, self.runtime.revision), (self.finetuned, None))
        for (side, revision), digest in zip(sides, self._digests or (), strict=False):
            if digest_of(side, revision) != digest:
                raise UsageError(
                    f"The weights of {side.path} changed since the sweep began: what it asks from "
                    "here on would be of other weights. Start another with --fresh."
                )

    @property
    def facts(self) -> Mapping[str, Any]:
        """The engine's facts, corrected for interpolated weights, which no file holds."""
        own: Mapping[str, Any] = super().facts  # type: ignore[misc]
        told = {
            "finetuned": str(self.finetuned.path),
            **{key: value for key, value in self.recipe.as_dict().items() if key != "alphas"},
            "alpha": None if self._wanted is None else spelled(self._wanted),
        }
        return {**own, "weights_sha256": None, "interpolation": told}


def name_of(checkpoint: Checkpoint, revision: str | None = None) -> str:
    """The checkpoint's name for `merge`: a folder, or OWNER/NAME@REVISION."""
    wanted = revision or checkpoint.revision
    if wanted is None or os.path.isdir(user_path(checkpoint.path)):
        return str(checkpoint.path)
    return f"{checkpoint.path}@{wanted}"


def digest_of(checkpoint: Checkpoint, revision: str | None = None) -> str | None:
    """A digest of a checkpoint's weights; fetches the checkpoint if needed."""
    folder = find_folder(name_of(checkpoint, revision))
    digest = digest_files(folder)
    if digest is not None and is_adapter(
        str(folder)
    ):  # an adapter's configuration changes its effect
        return f"{digest.weights}-{digest.settings}"
    return None if digest is None else digest.weights


def one_of(recipe: Recipe, alpha: Alpha | None) -> Recipe:
    """The recipe of one α; None: of the base."""
    if alpha is None:
        return replace(recipe, alphas=(Decimal(0),), method="linear")
    return replace(recipe, alphas=(alpha,))


class _InPlace(Ends):
    """θ ← mix(base, fine-tuned), a tensor at a time, in a model of transformers.

    Memory holds both checkpoints in their stored precision, and the model. The arithmetic is
    that of `merge`: float32, rounded once to the stored precision.

    An adapter is added to the base in memory. If transformers cannot open the fine-tune directly
    (another layout), or patterns select tensors, the selected part is first written as a folder in
    the base's layout, because patterns match the names in files, which differ from transformers'
    names.
    """

    _opened: LoadedCheckpoint | None
    options: Any
    _states: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]] | None = None
    _adapter = False  # whether the fine-tune is an adapter, whose result has the base's precision

    def _family(self) -> Family:
        raise NotImplementedError

    def close(self) -> None:
        self._states = None
        super().close()

    def _go(self, alpha: Alpha | None) -> None:
        import torch

        assert self._opened is not None
        base, finetuned = self._both()
        (wanted,), method = one_of(self.recipe, alpha).alphas, one_of(self.recipe, alpha).method
        places = block_depths(base)
        with torch.no_grad():
            for name, target in self._opened.model.state_dict().items():
                one, other = base[name], finetuned[name]
                at = alpha_at(wanted, name, places.get(name))
                if not one.is_floating_point():
                    target.copy_(other if at == 1 else one)
                    continue
                total = inner_products(one, other) if method == "slerp" else InnerProducts()
                how = coefficients(method, at, place=places.get(name), total=total)
                target.copy_(mixed(how, one, other, one.dtype if self._adapter else None))

    def _both(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        if self._states is None:
            base = self._stored(self._checkpoint, self.runtime)
            self._states = base, self._finetuned(base)
            _check_names(*self._states)
            for side, state in zip((self._checkpoint, self.finetuned), self._states, strict=True):
                _check_finite(str(side.path), state)
        return self._states

    def _finetuned(self, base: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        import torch

        name = name_of(self.finetuned)
        self._adapter = is_adapter(name)
        if self._adapter and not (self.recipe.include or self.recipe.exclude):
            folder = find_folder(name_of(self._checkpoint, self.runtime.revision))
            return with_adapter(name, base, read_config(folder))
        with self._readable() as finetuned:
            unrounded = torch.float32 if self._adapter else None
            return self._stored(finetuned, _of_finetuned(self.runtime), unrounded)

    def _stored(
        self, checkpoint: Checkpoint, runtime: Runtime, dtype: torch.dtype | None = None
    ) -> dict[str, torch.Tensor]:
        from mubench_gen.engines.transformers.checkpoint import stored_weights

        # The revision whose digest was taken, even if the hub has a newer one.
        folder = find_folder(name_of(checkpoint, runtime.revision))
        source = read_source(replace(checkpoint, path=folder), runtime)
        return stored_weights(source, self.options, self._family(), dtype or "auto")

    @contextmanager
    def _readable(self) -> Iterator[Checkpoint]:
        """Yield the fine-tune in a form that transformers opens, and remove temporary files."""
        whole = MergeSettings(
            base=name_of(self._checkpoint, self.runtime.revision),
            finetuned=(name_of(self.finetuned),),
            recipe=replace(self.recipe, alphas=(Decimal(1),), method="linear"),
            out=self.scratch / "finetuned",
            accept_vocabulary=True,  # checked before, or accepted
            unrounded=True,
        )
        if not (self.recipe.include or self.recipe.exclude or _is_foreign(whole)):
            yield self.finetuned
            return
        shutil.rmtree(whole.out, ignore_errors=True)
        merge(whole)
        try:
            yield replace(self.finetuned, path=whole.out)
        finally:
            shutil.rmtree(whole.out, ignore_errors=True)
            with suppress(OSError):
                self.scratch.rmdir()


class InPlaceContrastive(_InPlace, TransformersContrastive):
    """A contrastive model, such as CLIP, whose weights move in place."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        TransformersContrastive.__init__(self, checkpoint, runtime)
        self._checkpoint = checkpoint

    def _family(self) -> Family:
        from mubench_gen.engines.transformers.checkpoint import CONTRASTIVE

        return CONTRASTIVE


class InPlaceGenerative(_InPlace, TransformersGenerative):
    """A chat model that reads images, whose weights move in place."""

    def _family(self) -> Family:
        from mubench_gen.engines.transformers.checkpoint import GENERATIVE

        return GENERATIVE


def _is_foreign(settings: MergeSettings) -> bool:
    """Whether the fine-tune is an adapter, or has another layout than the base."""
    with ExitStack() as files:
        (side,) = open_inputs(settings, files).finetuned
        return side.adapter or side.converted


def _of_finetuned(runtime: Runtime) -> Runtime:
    """The runtime for the fine-tune: without the revision, which is the base's."""
    return replace(runtime, revision=None)


def _check_names(base: Mapping[str, torch.Tensor], finetuned: Mapping[str, torch.Tensor]) -> None:
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


def _check_finite(name: str, state: Mapping[str, torch.Tensor]) -> None:
    """Refuse NaN and Inf, as `merge` does: such a model would still give answers."""
    for key, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UsageError(
                f"{name}: {key} holds NaN or Inf. Such weights cannot be mixed; leave the tensor "
                "out with --exclude (by its name in the files), or fetch it again."
            )
