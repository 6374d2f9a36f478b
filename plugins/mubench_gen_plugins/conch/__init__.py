"""CONCH, a CoCa for pathology. Gated, and opened by its authors' own package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mubench_gen.errors import UsageError
from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.openclip import OpenClip

if TYPE_CHECKING:
    from mubench_gen_plugins.openclip.opened import Opened

HOW = (
    "CONCH is gated and comes with a package of its own. 1. Ask for access at "
    "https://huggingface.co/MahmoodLab/conch, with an institutional address. 2. Type: hf auth "
    "login. 3. Type: pip install 'mubench-gen[conch]' git+https://github.com/mahmoodlab/CONCH.git"
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        ModelSpec(
            "MahmoodLab/conch",
            Conch,
            description="CONCH ViT-B/16 (gated), by its contrastive head",
            facts={
                "family": "CoCa",
                "domain": "pathology",
                "base": "an image and a text model, both trained on pathology",
                "licence": "CC-BY-NC-ND-4.0",
                "parameters": "0.20B",
            },
        )
    ]


class Conch(OpenClip):
    """CONCH as its authors open it, with their tokenizer and preprocessing."""

    def _open(self) -> Opened:
        try:
            from mubench_gen_plugins.conch.checkpoint import open_conch
        except ModuleNotFoundError as error:
            raise UsageError(f"The package {error.name} is not installed. {HOW}") from error
        try:
            return open_conch(self.runtime)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UsageError(f"Cannot open {self.runtime.model}: {reason} {HOW}") from error
