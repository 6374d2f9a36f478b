"""The model that the settings name, opened and not loaded yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mubench_gen.engines import check_engine, choose_engine, open_checkpoint
from mubench_gen.model import Checkpoint, Model, ModelSpec, Runtime
from mubench_gen.plan.fingerprint import isolated_model
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.registry import Plugin, check_options
from mubench_gen.prompts.render import load_prompt


def open_model(plugin: Plugin, settings: Settings) -> Model:
    """The plugin's model that the settings name, not loaded yet."""
    spec = plugin.spec(settings.model)
    engine = engine_of(spec, settings)
    return make_model(plugin, spec, engine, runtime_of(spec, settings), settings)


def engine_of(spec: ModelSpec, settings: Settings) -> str:
    """The engine that runs a checkpoint; a model class runs itself, whatever engine is set."""
    if isinstance(spec.source, Checkpoint):
        return choose_engine(settings.engine, spec.source)
    check_engine(settings.engine or "transformers")
    return settings.engine or "transformers"


def runtime_of(
    spec: ModelSpec, settings: Settings, variants: Sequence[Mapping[str, str]] = ({},)
) -> Runtime:
    """What the settings tell the model; `variants` as in `make_plan`."""
    return Runtime(
        model=spec.name,
        device=settings.device,
        dtype=settings.dtype,
        revision=settings.revision,
        trust_remote_code=settings.trust_remote_code,
        seed=settings.seed,
        batch_size=settings.batch_size,
        engine_options=settings.engine_options,
        base_urls=settings.base_url,
        timeout=settings.timeout,
        deterministic=settings.deterministic,
        images=_images(settings, variants),
    )


def make_model(
    plugin: Plugin, spec: ModelSpec, engine: str, runtime: Runtime, settings: Settings
) -> Model:
    """The model, not loaded yet. SettingError for a wrong option of the plugin or the engine."""
    if isinstance(spec.source, Checkpoint):
        check_options(plugin.name, Model, settings.plugin_options)
        return open_checkpoint(engine, spec.source, runtime)
    options = check_options(plugin.name, spec.source, settings.plugin_options)
    with isolated_model(plugin, spec):
        return spec.source(options, runtime)


def _images(settings: Settings, variants: Sequence[Mapping[str, str]] = ({},)) -> int:
    """How many images a request shows at most: its own and its worked examples'."""
    if settings.control == "blind":
        return 0
    most = 0
    for variant in variants:
        given = {**settings.prompt_set, **variant}
        shots = given.get("shots", "")
        named = [load_prompt(name, given).settings.shots for name in settings.prompt]
        most = max([most, int(shots) if shots.isdecimal() else 0, *named])
    return 1 + most
