"""settings → plan: everything that a run needs, found, opened and checked; nothing asked yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.console.secrets import know_environment, secret_fields, without_secrets
from mubench_gen.data import Dataset, open_dataset
from mubench_gen.data.image_files import combined
from mubench_gen.data.recast import BOXES
from mubench_gen.data.shard import Shard, parse_shard, rows_of
from mubench_gen.engines import (
    check_engine,
    choose_engine,
    open_checkpoint,
)
from mubench_gen.errors import PluginError, SettingError, describe
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.model import Checkpoint, Model, ModelSpec, Runtime, StreamingModel
from mubench_gen.parser.judge import Bench
from mubench_gen.plan.fingerprint import Weights, isolated_model, weigh
from mubench_gen.plan.manifest import session
from mubench_gen.plan.ray_options import Cluster, split_cluster
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.hooks import Isolated
from mubench_gen.plugins.registry import Plugin, Plugins, check_options
from mubench_gen.prompts.render import Prompt, load_prompt
from mubench_gen.scores.metrics import ChosenMetric, choose_metrics
from mubench_gen.storage.run_folder import FORMAT, run_name, settings_hash
from mubench_gen.tasks.few_shot import Shots
from mubench_gen.tasks.matching import (
    answered_by,
    asked_of,
    check_pairs,
    default_prompts,
    with_recasts,
)
from mubench_gen.tasks.samples import tasks_of
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Readout, Task

_PROMPT_KIND = {"generative": "chat", "contrastive": "caption"}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cells of a grid each item is asked in, where it is not all of them.

    `cells[item]`: (prompt, read-out) pairs; `budget` is what they were drawn for, by the seed.
    """

    budget: int
    cells: Mapping[str, frozenset[tuple[str, Readout]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run with everything found, opened and checked, and nothing asked yet.

    `held`: one byte a row of the data, 0 where it is another shard's or held out for worked
    examples; None where all rows are asked.
    `cluster`: where the model is held by Ray's workers; the settings are those without Ray.
    """

    settings: Settings
    plugin: Plugin
    spec: ModelSpec
    engine: str
    model: Model
    dataset: Dataset
    tasks: Sequence[Task]
    prompts: Sequence[Prompt]
    readouts: Sequence[Readout]
    policy: StandardPolicy
    weights: Weights
    judge: Bench | None = None
    metrics: Sequence[ChosenMetric] = ()
    shots: Shots | None = None
    selection: Selection | None = None
    held: bytes | None = None
    cluster: Cluster | None = None

    @property
    def name(self) -> str:
        return run_name(self.plugin.name, self.spec.name)

    @property
    def secret(self) -> frozenset[str]:
        """The plugin's options that are secret by their type, whatever their name."""
        source = self.spec.source
        return frozenset() if isinstance(source, Checkpoint) else secret_fields(source.Options)

    @property
    def shard(self) -> Shard | None:
        """Which part of the run this is; None where it is the whole."""
        given = self.settings.shard
        return None if given is None else parse_shard(given)

    def whole(self) -> Plan:
        """The plan of which this one is a shard."""
        held = _held(None, self.shots)
        return replace(self, held=held, settings=self.settings.model_copy(update={"shard": None}))

    def in_folder(self, folder: Path) -> Plan:
        """The same plan with another run folder."""
        return replace(self, settings=self.settings.model_copy(update={"run_dir": folder}))


def make_plan(
    settings: Settings,
    plugins: Plugins,
    *,
    variants: Sequence[Mapping[str, str]] = ({},),
    weighed: bool = True,
) -> Plan:
    """Find, open and check all that a run needs. UsageError says what is wrong.

    `variants`: each prompt is asked under each of these settings of it, over `prompt_set`.
    `weighed` False: the weights are not looked at, and no key of this plan is that of a run.
    """
    know_environment()
    settings, cluster = split_cluster(settings)
    plugin = plugins.load(settings.plugin)
    spec = plugin.spec(settings.model)
    engine = _engine(spec, settings)
    runtime = runtime_of(spec, settings, variants)
    model = _open_model(plugin, spec, engine, runtime, settings)
    policy = make_policy(settings.image_set, seconds=settings.timeout)
    if settings.control == "blind" and spec.kind == "contrastive":
        raise SettingError(
            "The control 'blind' is for generative models: a contrastive model compares an image "
            "with captions. Use --control shuffled."
        )
    dataset = open_dataset(
        settings.data,
        policy,
        partial=settings.partial,
        licenses=settings.licenses,
        checked=True,
        outside=settings.allow_outside,
    )
    tasks = asked_of(load_tasks(settings.tasks, beside=dataset.path), named=bool(settings.tasks))
    dataset = with_recasts(dataset, tasks)
    tasks = answered_by(spec.kind, tasks_of(tasks, dataset, wanted=settings.tasks))
    prompts = _prompts(settings, default_prompts(tasks, spec.kind), variants)
    _check_kinds(prompts, plugin, spec)
    readouts = _readouts(settings, model, plugin, spec)
    check_pairs(prompts, tasks, readouts)
    shard = None if settings.shard is None else parse_shard(settings.shard)
    shots = _shots(prompts, tasks, dataset, settings)
    return Plan(
        settings=settings,
        plugin=plugin,
        spec=spec,
        engine=engine,
        model=model,
        dataset=dataset,
        tasks=tasks,
        prompts=prompts,
        readouts=readouts,
        policy=policy,
        weights=weigh(plugin, spec, engine, model, settings.revision, settings.options)
        if weighed
        else Weights(None, None),
        judge=open_judge(settings.judge, plugins) if settings.judge is not None else None,
        metrics=choose_metrics(settings.metric, plugins),
        shots=shots,
        held=_held(None if shard is None else rows_of(shard, dataset), shots),
        cluster=cluster,
    )


def open_judge(name: str, plugins: Plugins) -> Bench:
    """The judge of that plugin, not loaded yet."""
    plugin = plugins.load(name)
    if plugin.judge is None:
        raise PluginError(
            f"The plugin {name!r} has no judge: it has no hook mubench_gen_judge (docs/parser.md)."
        )
    with Isolated(f"The judge of the plugin {name!r}"):
        return Bench(plugin.name, plugin.judge(), plugin.digest)


def batch_size(plan: Plan) -> int:
    """The user's, else the model's own: of a streaming model its window."""
    name = "window" if isinstance(plan.model, StreamingModel) else "batch_size"
    with isolated_model(plan.plugin, plan.spec):
        size = plan.settings.batch_size or getattr(plan.model, name)
    if not isinstance(size, int) or size < 1:
        raise PluginError(
            f"The model {plan.spec.name!r} of the plugin {plan.plugin.name!r} has the {name} "
            f"{size!r}; a whole number from 1 on is needed. --batch-size overrides it."
        )
    return size


def close_model(plan: Plan) -> None:
    """Let the model free what it took; where it fails, the run is none the worse."""
    try:
        plan.model.close()
    except (Exception, SystemExit) as error:  # an edge of isolation: one plugin's own code
        log(f"The model {plan.spec.name!r} could not be closed: {describe(error)}")


def model_identity(plan: Plan) -> str:
    """A digest of all that determines a reply beside the request's own content."""
    settings = plan.settings
    parts = {
        "plugin": plan.plugin.name,
        "model": plan.spec.name,
        "revision": settings.revision,
        "weights": plan.weights.weights,
        "checkpoint": plan.weights.settings,
        "options": without_secrets(settings.options, plan.secret),
        "engine": plan.engine if isinstance(plan.spec.source, Checkpoint) else None,
        "dtype": settings.dtype,
        "policy": plan.policy.identity(),
        **({"files": dict(plan.weights.files)} if plan.weights.files else {}),
        **({"deterministic": True} if settings.deterministic else {}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def run_identity(plan: Plan) -> dict[str, Any]:
    """The settings with what they left open filled in."""
    identity = plan.settings.identity(plan.secret)
    data = Path(plan.settings.data)
    plugin = plan.plugin.path
    return {
        **identity,
        "plugin": str(plugin) if plugin else identity["plugin"],
        "model": plan.spec.name,
        "engine": plan.engine,
        "data": str(data.resolve()) if data.exists() else plan.settings.data,
        "tasks": [task.name for task in plan.tasks],
        "prompt": [prompt.name for prompt in plan.prompts],
        "readout": list(plan.readouts),
        **({"budget": plan.selection.budget} if plan.selection is not None else {}),
    }


def run_id(plan: Plan, identity: Mapping[str, Any]) -> str:
    """PLUGIN-MODEL-HASH; of a shard the whole run's with -I-of-N behind it."""
    whole = {name: value for name, value in identity.items() if name != "shard"}
    part = "" if plan.shard is None else f"-{plan.shard.index}-of-{plan.shard.of}"
    return f"{plan.name}-{settings_hash(whole)}{part}"


def make_manifest(
    plan: Plan, identity: Mapping[str, Any], command: Sequence[str], *, planned: int, whole: int
) -> dict[str, Any]:
    """What the manifest says before anything is asked.

    `planned` are the items that are asked, `whole` those of the run that this is a shard of.
    """
    shard = plan.shard
    part = {} if shard is None else {"shard": {**asdict(shard), "planned_in_all": whole}}
    return {
        "format": FORMAT,
        "id": run_id(plan, identity),
        **part,
        "planned": planned,
        "settings": identity,
        "content": {
            "data": plan.dataset.rows_digest,
            **_image_files(plan.dataset),
            "tasks": {task.name: task.sha256 for task in plan.tasks},
            "prompts": {prompt.name: prompt.sha256 for prompt in plan.prompts},
            "weights": plan.weights.weights,
            "checkpoint": plan.weights.settings,
            **_beside(plan),
        },
        "tasks": {task.name: {"title": task.title, "group": task.group} for task in plan.tasks},
        "plugin": {
            "name": plan.plugin.name,
            "distribution": plan.plugin.distribution,
            "version": plan.plugin.version,
            "kind": plan.spec.kind,
        },
        "model": {
            "id": plan.spec.name,
            "revision": plan.settings.revision,
            "weights_sha256": plan.weights.weights,
            "trust_remote_code": plan.settings.trust_remote_code,
            "facts": dict(plan.spec.facts),
        },
        "engine": {
            "name": plan.engine if isinstance(plan.spec.source, Checkpoint) else "plugin",
            "arguments": without_secrets(plan.settings.engine_options),
            "deterministic": plan.settings.deterministic,
        },
        "sampling": {
            "temperature": plan.settings.temperature,
            "max_tokens": plan.settings.max_tokens,
            "repeats": plan.settings.repeats,
        },
        "data": {
            "name": plan.dataset.name,
            "revision": plan.dataset.revision,
            "digest": plan.dataset.digest,
            "rows": len(plan.dataset),
        },
        "image_policy": plan.policy.as_dict(),
        "seed": plan.settings.seed,
        **_examples(plan.shots),
        "sessions": [session(command, plan.secret)],
    }


def _beside(plan: Plan) -> dict[str, Any]:
    """Digests of what not every run has: files that options name, a judge."""
    files = {"files": dict(plan.weights.files)} if plan.weights.files else {}
    return {**files, **({"judge": plan.judge.digest} if plan.judge is not None else {})}


def _image_files(dataset: Dataset) -> dict[str, Any]:
    """What the manifest says of images that are files of their own; nothing of others."""
    files = dataset.image_files
    return {} if files is None else {"images": combined(files)}


def _examples(shots: Shots | None) -> dict[str, Any]:
    """What the manifest says of worked examples."""
    if shots is None:
        return {}
    held = shots.held_out
    return {
        "worked_examples": {
            "items": shots.drawn(),
            "held_out": {"images": held.images, "items": held.items}
            if held is not None
            else {"images": 0, "items": 0},
        }
    }


def open_model(plugin: Plugin, settings: Settings) -> Model:
    """The plugin's model that the settings name, not loaded yet."""
    spec = plugin.spec(settings.model)
    engine = _engine(spec, settings)
    return _open_model(plugin, spec, engine, runtime_of(spec, settings), settings)


def _engine(spec: ModelSpec, settings: Settings) -> str:
    """What runs the model, where it is a checkpoint; a class runs itself, whatever is said."""
    if isinstance(spec.source, Checkpoint):
        return choose_engine(settings.engine, spec.source)
    check_engine(settings.engine or "transformers")
    return settings.engine or "transformers"


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


def _open_model(
    plugin: Plugin, spec: ModelSpec, engine: str, runtime: Runtime, settings: Settings
) -> Model:
    if isinstance(spec.source, Checkpoint):
        check_options(plugin.name, Model, settings.plugin_options)
        return open_checkpoint(engine, spec.source, runtime)
    options = check_options(plugin.name, spec.source, settings.plugin_options)
    with isolated_model(plugin, spec):
        return spec.source(options, runtime)


def _prompts(
    settings: Settings, default: Sequence[str], variants: Sequence[Mapping[str, str]]
) -> Sequence[Prompt]:
    """The prompts asked for, each once; their names are parts of the records' ids."""
    prompts: dict[str, Prompt] = {}
    for variant, name in product(variants, settings.prompt or default):
        prompt = load_prompt(name, {**settings.prompt_set, **variant})
        earlier = prompts.setdefault(prompt.name, prompt)
        if earlier.sha256 != prompt.sha256:
            raise SettingError(
                f"Two different prompts are named {prompt.name!r}: {earlier.path} and "
                f"{prompt.path}. Rename one of the files."
            )
    return list(prompts.values())


def _shots(
    prompts: Sequence[Prompt], tasks: Sequence[Task], dataset: Dataset, settings: Settings
) -> Shots | None:
    """The worked examples, where a prompt shows any."""
    most = max(prompt.settings.shots for prompt in prompts)
    if not most:
        return None
    asking = [task for task in tasks if task.question.split("/")[0] != BOXES]
    shots = Shots(
        asking,
        dataset,
        shots=most,
        limit=settings.limit,
        seed=settings.seed,
        control=settings.control,
    )
    if shots.held_out is not None:
        log(
            f"Worked examples: {shots.held_out.images:,} images are held out for them, by seed; "
            f"their {shots.held_out.items:,} items are not asked."
        )
    return shots


def _held(rows: bytes | None, shots: Shots | None) -> bytes | None:
    """Of a shard's rows those that are not held out for worked examples."""
    if shots is None or shots.held_out is None:
        return rows
    asked = shots.held_out.asked
    return asked if rows is None else bytes(a and b for a, b in zip(rows, asked, strict=True))


def _check_kinds(prompts: Sequence[Prompt], plugin: Plugin, spec: ModelSpec) -> None:
    for prompt in prompts:
        if prompt.settings.kind != _PROMPT_KIND[spec.kind]:
            raise SettingError(
                f"The prompt {prompt.name!r} is a {prompt.settings.kind} prompt; the model "
                f"{spec.name!r} of the plugin {plugin.name!r} is {spec.kind} and takes "
                f"{_PROMPT_KIND[spec.kind]} prompts. `mubench-gen prompts` lists them."
            )


def _readouts(
    settings: Settings, model: Model, plugin: Plugin, spec: ModelSpec
) -> Sequence[Readout]:
    with isolated_model(plugin, spec):
        offered = tuple(model.readouts)
    for readout in settings.readout:
        if readout not in offered:
            raise SettingError(
                f"The read-out {readout!r} is not offered by the plugin {plugin.name!r} here; "
                f"it offers {', '.join(offered)}."
            )
    return settings.readout or offered[:1]
