"""Opens the model that the settings name, not loaded yet: in a host, or in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mubench_gen.console.masking import know
from mubench_gen.console.secrets import secret_fields, typed_secrets, without_secrets
from mubench_gen.engines import REMOTE, check_engine, choose_engine, open_checkpoint
from mubench_gen.engines.adapters import adapted
from mubench_gen.engines.gguf_checkpoint import gguf_of, useless_options
from mubench_gen.engines.options import CheckpointOptions
from mubench_gen.engines.recognition import recognise
from mubench_gen.errors import SettingError
from mubench_gen.host.card import ModelCard, PluginCard, make_card
from mubench_gen.host.client import HostedModel
from mubench_gen.host.serving import Opened
from mubench_gen.host.setup import HostSetup
from mubench_gen.model import Checkpoint, Model, ModelSpec, Runtime
from mubench_gen.plan.fingerprint import digest_model, isolated_model
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plan.thinking import check_thinking
from mubench_gen.plugins.registry import Plugin, Plugins, check_options
from mubench_gen.prompts.render import load_prompt
from mubench_gen.storage.paths import user_path

# The settings that make a model: runs in which these are equal can share one.
OF_THE_MODEL = {
    "plugin", "model", "options", "engine", "base_url", "deterministic", "thinking", "seed",
    "device", "dtype", "revision", "trust_remote_code", "batch_size", "timeout",
}  # fmt: skip


class _OfCheckpoints:
    """What a checkpoint has in place of a class of its plugin's."""

    Options = CheckpointOptions


@dataclass(slots=True)
class Making:
    """A model that is being made, for the models that it opens meanwhile."""

    inherited: Mapping[str, Any]
    images: int
    entry_points: Iterable[Any] | None
    thinking: str | None = None
    members: list[Any] = field(default_factory=list)


MAKING: ContextVar[Making | None] = ContextVar("MAKING", default=None)
# Of the run, what the models have that a model opens; `thinking` those that heed it.
_INHERITED = ("device", "dtype", "seed", "timeout", "deterministic", "trust_remote_code")


def host_of(
    settings: Settings,
    plugins: Plugins,
    variants: Sequence[Mapping[str, str]] = ({},),
    *,
    opener: str = "mubench_gen.plan.opening:open_hosted",
    **arguments: Any,
) -> HostedModel:
    """The model that the settings name. Its process starts when it is needed.

    `variants` as in `make_plan`. `opener`, `arguments`: another function that opens it, as
    `open_hosted` does, and what it gets beside the settings.
    """
    entry_points = plugins.entry_points
    plain: dict[str, Any] = {
        "given": settings.model_dump(mode="json", include=OF_THE_MODEL),
        "images": images_shown(settings, variants),
        "entry_points": None if entry_points is None else tuple(entry_points),
        **arguments,
    }
    setup = HostSetup(opener, f"the plugin {settings.plugin!r}", plain, settings.load_timeout)
    return HostedModel(setup, in_process=settings.in_process)


def shared_model(
    settings: Settings,
    plugins: Plugins,
    variants: Sequence[Mapping[str, str]],
    models: dict[str, HostedModel],
) -> HostedModel:
    """The model that the settings name; one of `models` where that is made by the same settings."""
    model = host_of(settings, plugins, variants)
    return models.setdefault(repr(model.setup), model)


def open_hosted(
    given: Mapping[str, Any], images: int, entry_points: Iterable[Any] | None
) -> Opened:
    """Open the plugin's model. Runs where the model runs."""
    settings, plugin, spec = found(given, entry_points)
    engine, model = made(plugin, spec, settings, images, entry_points)
    return opened(settings, plugin, spec, engine, model)


def found(
    given: Mapping[str, Any], entry_points: Iterable[Any] | None
) -> tuple[Settings, Plugin, ModelSpec]:
    """The settings again, their plugin and its model."""
    settings = make_settings(given)
    plugin = Plugins(entry_points).load(settings.plugin)
    return settings, plugin, spec_of(plugin, settings)


def spec_of(plugin: Plugin, settings: Settings) -> ModelSpec:
    """The plugin's model that the settings name, with the chat template that they give.

    Of a checkpoint of the kind "auto" its files are read, and those alone.
    """
    spec = plugin.spec(settings.model)
    if not isinstance(spec.source, Checkpoint):
        return spec
    source = spec.source
    options = check_options(
        plugin.name,
        _OfCheckpoints,
        settings.plugin_options,
        useless=useless_options(source, engine=settings.engine, revision=settings.revision),
    )
    if options.chat_template is not None:
        source = replace(source, chat_template=_template(options.chat_template))
    gguf = gguf_of(source, options, engine=settings.engine, revision=settings.revision)
    if gguf is not None:
        return replace(spec, source=gguf.checkpoint, facts={**spec.facts, **gguf.facts})
    engine = choose_engine(settings.engine, source)
    if engine not in REMOTE:
        source = _with_adapter(plugin, settings, replace(source, base=options.base or source.base))
    elif options.base is not None:
        raise SettingError(
            f"-o base={options.base}: the model behind --engine {engine} is opened by its "
            "server, with its base. Leave it out."
        )
    if source.kind == "auto":
        source = recognise(
            source,
            engine=settings.engine,
            revision=settings.revision,
            trusted=settings.trust_remote_code,
        )
    return replace(spec, source=source)


def _with_adapter(plugin: Plugin, settings: Settings, source: Checkpoint) -> Checkpoint:
    """The checkpoint, looked at for whether it is an adapter."""
    listed = any(spec.name == settings.model for spec in plugin.models)
    given = settings.model is not None and not listed
    return adapted(source, settings.revision, fetch=given or source.base is not None)


def _template(file: Path) -> str:
    try:
        return user_path(file).read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingError(f"-o chat_template={file}: it cannot be read: {error}") from None


def opened(
    settings: Settings, plugin: Plugin, spec: ModelSpec, engine: str, model: Model
) -> Opened:
    """The model with its card, for a host."""
    isolated = partial(isolated_model, plugin, spec)
    with isolated():
        card = make_card(
            PluginCard(
                plugin.name, plugin.distribution, plugin.version, plugin.digest, plugin.path
            ),
            spec,
            engine,
            model,
            size=settings.batch_size,
            secret=secret_options(spec),
            secrets=tuple(typed_secrets(getattr(model, "options", None))),
        )
    digest = partial(
        digest_model, plugin, spec, engine, model, settings.revision, settings.model_options
    )
    return Opened(card, model, isolated, digest, partial(_other, plugin, settings))


def _other(plugin: Plugin, settings: Settings, model: str) -> ModelSpec:
    """Another model of the plugin, by its name."""
    return spec_of(plugin, settings.model_copy(update={"model": model}))


def known_card(model: HostedModel, settings: Settings) -> ModelCard:
    """The model's card; values of options that are secret by their type are masked from now on."""
    card = model.card
    without_secrets(settings.plugin_options, card.secret)
    know(*card.secrets)
    return card


def open_model(plugin: Plugin, settings: Settings) -> Model:
    """The plugin's model that the settings name, in this process and not loaded yet."""
    return made(plugin, spec_of(plugin, settings), settings, images_shown(settings), None)[1]


def engine_of(spec: ModelSpec, settings: Settings) -> str:
    """The engine that runs a checkpoint; a model class runs itself, whatever engine is set."""
    if isinstance(spec.source, Checkpoint):
        return choose_engine(settings.engine, spec.source)
    check_engine(settings.engine or "transformers")
    return settings.engine or "transformers"


def runtime_of(spec: ModelSpec, settings: Settings, images: int) -> Runtime:
    """What the settings tell the model; `images` is how many a request shows at most."""
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
        images=images,
        thinking=settings.thinking,
    )


def made(
    plugin: Plugin,
    spec: ModelSpec,
    settings: Settings,
    images: int,
    entry_points: Iterable[Any] | None,
) -> tuple[str, Model]:
    """The engine and the model, not loaded yet; `entry_points` are for models that it opens.

    SettingError for a wrong option of the plugin or the engine.
    """
    engine, runtime = engine_of(spec, settings), runtime_of(spec, settings, images)
    if isinstance(spec.source, Checkpoint):
        check_thinking(spec, settings, ())
        return engine, open_checkpoint(engine, spec.source, runtime)
    options = check_options(plugin.name, spec.source, settings.plugin_options)
    with (
        isolated_model(plugin, spec),
        members_opened(settings, images, entry_points) as members,
    ):
        model = spec.source(options, runtime)
    model.members = tuple(members)
    check_thinking(spec, settings, model.members)
    return engine, model


@contextmanager
def members_opened(
    settings: Settings, images: int, entry_points: Iterable[Any] | None
) -> Iterator[list[Any]]:
    """Collects the models that are opened by `open_model` in the block, with the run's settings."""
    inherited = {name: getattr(settings, name) for name in _INHERITED}
    making = Making(inherited, images, entry_points, settings.thinking)
    outer = MAKING.set(making)
    try:
        yield making.members
    finally:
        MAKING.reset(outer)


def images_shown(settings: Settings, variants: Sequence[Mapping[str, str]] = ({},)) -> int:
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


def secret_options(spec: ModelSpec) -> frozenset[str]:
    """The options of a model that are secret by their type."""
    source = spec.source
    return frozenset() if isinstance(source, Checkpoint) else secret_fields(source.Options)
