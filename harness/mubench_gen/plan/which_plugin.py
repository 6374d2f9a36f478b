"""The plugin of a checkpoint that is given without one: the plugin for its family, else `hf`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mubench_gen.engines.gguf_checkpoint import is_gguf
from mubench_gen.engines.small_files import read_small_files
from mubench_gen.errors import PluginError
from mubench_gen.model import ModelSpec
from mubench_gen.plugins.entry_points import found_once
from mubench_gen.plugins.listing import OWN
from mubench_gen.plugins.registry import Plugins

GENERIC = "hf"
_MODELS = ("generative", "contrastive")


@found_once()
def plugin_of(
    model: str, revision: str | None, plugins: Plugins, *, base: str | None = None
) -> str:
    """The name of the plugin that opens the hub id or folder `model`.

    A plugin that lists the model by its name comes first, then one that declares its family
    (`ModelSpec.model_types`), then the generic one. Only plugins that come with the harness are
    looked at: another's would have to be imported here. `base`: that of an adapter, where it is
    given. Raises UsageError if the model is not to be had, or is no checkpoint.
    """
    offered = list(_offered(plugins))
    for name, specs in offered:
        if any(spec.name == model for spec in specs):
            return name
    if is_gguf(model, revision):
        return GENERIC
    families = read_small_files(model, revision, base=base).families
    for family in families:
        for name, specs in offered:
            if any(family in spec.model_types for spec in specs):
                return name
    return GENERIC


def _offered(plugins: Plugins) -> Iterator[tuple[str, Sequence[ModelSpec]]]:
    """Our own plugins and their models; one that cannot be imported has none."""
    for listed in plugins.list():
        own = listed.distribution == OWN and listed.state == "ok"
        if own and any(kind in listed.kind for kind in _MODELS):
            try:
                yield listed.name, plugins.load(listed.name).models
            except PluginError:
                continue
