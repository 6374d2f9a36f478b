"""BiomedCLIP under its own name: `openclip` with its hub id. Needs the extra `openclip`."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.openclip import biomedclip


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [biomedclip()]
