"""Models whose weights move between a base's and a fine-tune's: loaded once for all α.

`move(alpha)` says where; `load`, which a run calls before its first request, goes there. So a
run that has nothing left to ask loads nothing.
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

from mubench_gen.engines import digest_checkpoint
from mubench_gen.engines.source import read_source
from mubench_gen.engines.transformers.contrastive import TransformersContrastive
from mubench_gen.engines.transformers.generative import TransformersGenerative
from mubench_gen.errors import UsageError
from mubench_gen.interpolation.merge.arithmetic import Coefficients, InnerProducts, coefficients
from mubench_gen.interpolation.merge.checkpoint import find_folder, is_adapter
from mubench_gen.interpolation.merge.inputs import MergeSettings, open_inputs
from mubench_gen.interpolation.merge.merge import merge
from mubench_gen.interpolation.merge.recipe import Recipe, block_depths, spelled
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import user_path

if TYPE_CHECKING:
    import torch

    from mubench_gen.engines.transformers.checkpoint import Family, LoadedCheckpoint


class Ends:
    """The way between two checkpoints. A mixin: the engine's own class stands behind it."""

    finetuned: Checkpoint
    recipe: Recipe
    scratch: Path
    runtime: Runtime
    _checkpoint: Checkpoint
    _digests: tuple[str | None, str | None] | None = None
    _wanted: Decimal | None = Decimal(0)
    _there: tuple[Decimal | None, ...] = ()

    def aim(
        self,
        finetuned: Checkpoint,
        recipe: Recipe,
        scratch: Path,
        digests: tuple[str | None, str | None] | None = None,
    ) -> None:
        """Between which two and how (by method and patterns); `scratch` is for files that an
        engine must read. `digests`: what the two are, where they must be that.
        """
        self.finetuned, self.recipe, self.scratch = finetuned, recipe, scratch
        self._digests, self._there = digests, ()

    def move(self, alpha: Decimal | None) -> None:
        """What the next `load` makes of the weights; None: the base, where it is at no α."""
        self._wanted = alpha

    def load(self) -> None:
        super().load()  # type: ignore[misc]
        if self._there != (self._wanted,):
            self._there = ()  # until it is there, it is nowhere
            self._check_unchanged()
            self._go(self._wanted)
            self._there = (self._wanted,)

    def close(self) -> None:
        self._there = ()
        super().close()  # type: ignore[misc]

    def _go(self, alpha: Decimal | None) -> None:
        raise NotImplementedError

    def _check_unchanged(self) -> None:
        """That the files are still those that the keys of the answers stand for."""
        sides = ((self._checkpoint, self.runtime.revision), (self.finetuned, None))
        for (side, revision), digest in zip(sides, self._digests or (), strict=False):
            if digest_of(side, revision) != digest:
                raise UsageError(
                    f"The weights of {side.path} changed since the sweep began: what it asks from "
                    "here on would be of other weights. Start another with --fresh."
                )

    @property
    def facts(self) -> Mapping[str, Any]:
        """The engine's own, with what is true of weights that no file holds."""
        own: Mapping[str, Any] = super().facts  # type: ignore[misc]
        told = {
            "finetuned": str(self.finetuned.path),
            **{key: value for key, value in self.recipe.as_dict().items() if key != "alphas"},
            "alpha": None if self._wanted is None else spelled(self._wanted),
        }
        return {**own, "weights_sha256": None, "interpolation": told}


def name_of(checkpoint: Checkpoint, revision: str | None = None) -> str:
    """What `merge` calls a checkpoint: a folder, or OWNER/NAME@REVISION."""
    wanted = revision or checkpoint.revision
    if wanted is None or os.path.isdir(user_path(checkpoint.path)):
        return str(checkpoint.path)
    return f"{checkpoint.path}@{wanted}"


def digest_of(checkpoint: Checkpoint, revision: str | None = None) -> str | None:
    """What stands for the weights of a checkpoint; it is fetched where it is not at hand."""
    folder = find_folder(name_of(checkpoint, revision))
    digest = digest_checkpoint(folder)
    if digest is not None and is_adapter(str(folder)):  # its configuration scales it
        return f"{digest.weights}-{digest.settings}"
    return None if digest is None else digest.weights


def one_of(recipe: Recipe, alpha: Decimal | None) -> Recipe:
    """The recipe of one place on the way; None: of the base."""
    if alpha is None:
        return replace(recipe, alphas=(Decimal(0),), method="linear")
    return replace(recipe, alphas=(alpha,))


class _InPlace(Ends):
    """θ ← mix(base, fine-tuned), a tensor at a time, in a model of transformers.

    Memory holds both checkpoints in the precision that they are stored in, beside the model.
    Arithmetic as in `merge`: float32, rounded once to the stored precision.

    A fine-tune that transformers cannot open as it is (an adapter, another layout), or of which
    patterns take a part, is written once as a folder with the base's layout, of the part alone:
    patterns are those of names in files, which transformers' own names are not.
    """

    _opened: LoadedCheckpoint | None
    options: Any
    _states: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]] | None = None
    _adapter = False  # whether the fine-tune is one: it has no precision of its own

    def _family(self) -> Family:
        raise NotImplementedError

    def close(self) -> None:
        self._states = None
        super().close()

    def _go(self, alpha: Decimal | None) -> None:
        import torch

        assert self._opened is not None
        base, finetuned = self._both()
        (at,), method = one_of(self.recipe, alpha).alphas, one_of(self.recipe, alpha).method
        places = block_depths(base)
        with torch.no_grad():
            for name, target in self._opened.model.state_dict().items():
                one, other = base[name], finetuned[name]
                if not one.is_floating_point():
                    target.copy_(other if at == 1 else one)
                    continue
                total = _products(one, other) if method == "slerp" else InnerProducts()
                how = coefficients(method, float(at), count=1, place=places.get(name), total=total)
                target.copy_(mixed(how, one, other, one.dtype if self._adapter else None))

    def _both(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        import torch

        if self._states is None:
            base = self._stored(self._checkpoint, self.runtime)
            with self._readable() as finetuned:
                unrounded = torch.float32 if self._adapter else None
                runtime = _of_finetuned(self.runtime)
                self._states = base, self._stored(finetuned, runtime, unrounded)
            _check_names(*self._states)
            for side, state in zip((self._checkpoint, self.finetuned), self._states, strict=True):
                _check_finite(str(side.path), state)
        return self._states

    def _stored(
        self, checkpoint: Checkpoint, runtime: Runtime, dtype: torch.dtype | None = None
    ) -> dict[str, torch.Tensor]:
        from mubench_gen.engines.transformers.checkpoint import stored_weights

        # What was weighed, where the hub has moved on in the meantime.
        folder = find_folder(name_of(checkpoint, runtime.revision))
        source = read_source(replace(checkpoint, path=folder), runtime)
        return stored_weights(source, self.options, self._family(), dtype or "auto")

    @contextmanager
    def _readable(self) -> Iterator[Checkpoint]:
        """The fine-tune as transformers opens it; what is written for that goes again."""
        whole = MergeSettings(
            base=name_of(self._checkpoint, self.runtime.revision),
            finetuned=(name_of(self.finetuned),),
            recipe=replace(self.recipe, alphas=(Decimal(1),), method="linear"),
            out=self.scratch / "finetuned",
            accept_vocabulary=True,  # checked before, or accepted
            unrounded=True,
        )
        self._adapter = is_adapter(name_of(self.finetuned))
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
    """A CLIP and the like."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        TransformersContrastive.__init__(self, checkpoint, runtime)
        self._checkpoint = checkpoint

    def _family(self) -> Family:
        from mubench_gen.engines.transformers.checkpoint import CONTRASTIVE

        return CONTRASTIVE


class InPlaceGenerative(_InPlace, TransformersGenerative):
    """A chat model that reads images."""

    def _family(self) -> Family:
        from mubench_gen.engines.transformers.checkpoint import GENERATIVE

        return GENERATIVE


def mixed(
    how: Coefficients,
    base: torch.Tensor,
    finetuned: torch.Tensor,
    stored: torch.dtype | None = None,
) -> torch.Tensor:
    """One tensor between two, in `stored`, by default a type that holds both; either end is
    that end itself.
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


def _products(base: torch.Tensor, finetuned: torch.Tensor) -> InnerProducts:
    one, other = base.double().flatten(), finetuned.double().flatten()
    return InnerProducts(
        base=float(one @ one), finetuned=float(other @ other), product=float(one @ other)
    )


def _is_foreign(settings: MergeSettings) -> bool:
    """Whether the fine-tune is an adapter, or of another layout than the base."""
    with ExitStack() as files:
        (side,) = open_inputs(settings, files).finetuned
        return side.adapter or side.converted


def _of_finetuned(runtime: Runtime) -> Runtime:
    """The revision asked for is the base's."""
    return replace(runtime, revision=None)


def _check_names(base: Mapping[str, torch.Tensor], finetuned: Mapping[str, torch.Tensor]) -> None:
    """Both went through one class of transformers: what differs now is the files' fault."""
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
    """As `merge` does: answers of weights with NaN would be answers all the same."""
    for key, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UsageError(
                f"{name}: {key} holds NaN or Inf. Such weights cannot be mixed; leave the tensor "
                "out with --exclude (by its name in the files), or fetch it again."
            )
