"""settings → plan: everything that a run needs, found, opened and checked; nothing asked yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mubench_gen.console.progress import waiting
from mubench_gen.console.secrets import know_environment
from mubench_gen.data import default_policy, open_dataset
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.recast import BOXES, WHICH_BOX
from mubench_gen.data.shard import Shard, parse_shard, rows_of
from mubench_gen.errors import SettingError
from mubench_gen.host.card import PluginCard
from mubench_gen.host.client import HostedModel
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.model import ModelSpec
from mubench_gen.parser.judge import JudgeCaller
from mubench_gen.plan.asked import check_kinds, mask_of, prompts_of, readouts_of, shots_of
from mubench_gen.plan.clusters import check_clusters
from mubench_gen.plan.fingerprint import Weights
from mubench_gen.plan.judging import open_judge
from mubench_gen.plan.opening import known_card, shared_model
from mubench_gen.plan.protocol import by_protocol
from mubench_gen.plan.ray_options import Cluster, split_cluster
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.prompts.render import Prompt
from mubench_gen.scores.metrics import ChosenMetric, choose_metrics
from mubench_gen.storage.digests import watched
from mubench_gen.storage.run_folder import run_name
from mubench_gen.tasks.few_shot import Shots
from mubench_gen.tasks.forms import check_declared
from mubench_gen.tasks.matching import (
    answerable_tasks,
    check_first,
    check_images,
    check_pairs,
    default_prompts,
    tasks_for,
    tasks_to_ask,
    with_recasts,
)
from mubench_gen.tasks.samples import samples, tasks_of
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Readout, Task

OpenedData = dict[str, tuple[Dataset, list[Task]]]  # by what opened them


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cells of an ablation's grid each item is asked in, if not in all of them.

    `cells[item]`: (prompt, read-out) pairs; `budget` is what they were drawn for, by the seed.
    """

    budget: int
    cells: Mapping[str, frozenset[tuple[str, Readout]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run with everything found, opened and checked, and nothing asked yet.

    `row_mask`: one byte per row of the data, 0 if it is another shard's or held out for worked
    examples; None if all rows are asked. `images`: how many a question shows at most.
    `cluster`: set if Ray's workers run the model; the settings are then those without Ray.
    `reading`: the digests of what the judge's readings depend on.
    """

    settings: Settings
    plugin: PluginCard
    spec: ModelSpec
    engine: str
    model: HostedModel
    dataset: Dataset
    tasks: Sequence[Task]
    prompts: Sequence[Prompt]
    readouts: Sequence[Readout]
    policy: StandardPolicy
    weights: Weights
    judge: JudgeCaller | None = None
    reading: Weights | None = None
    metrics: Sequence[ChosenMetric] = ()
    shots: Shots | None = None
    selection: Selection | None = None
    row_mask: bytes | None = None
    images: int = 1
    cluster: Cluster | None = None

    @property
    def name(self) -> str:
        return run_name(self.plugin.name, self.spec.name)

    @property
    def secret(self) -> frozenset[str]:
        """The options that are secret by their type, whatever their name."""
        return self.model.card.secret | (self.judge.secret if self.judge else frozenset())

    @property
    def shard(self) -> Shard | None:
        """Which part of the run this is; None if it is the whole run."""
        given = self.settings.shard
        return None if given is None else parse_shard(given)

    def whole(self) -> Plan:
        """The plan of which this one is a shard."""
        row_mask = mask_of(None, self.shots)
        return replace(
            self, row_mask=row_mask, settings=self.settings.model_copy(update={"shard": None})
        )

    def with_policy(self, policy: StandardPolicy) -> Plan:
        """The same plan, its images shown by another policy."""
        dataset = with_recasts(open_data(self.settings, policy), self.tasks)
        shots = shots_of(self.prompts, self.tasks, dataset, self.settings)
        label, control = self.model.card.label, self.settings.control
        images = check_images(self.tasks, dataset, self.spec, label, control)
        return replace(self, policy=policy, dataset=dataset, shots=shots, images=images)

    def in_folder(self, folder: Path, *, most: int | None = None) -> Plan:
        """The same plan with another run folder, and at most so many requests."""
        changed = {"run_dir": folder} | ({} if most is None else {"max_requests": most})
        return replace(self, settings=self.settings.model_copy(update=changed))


def make_plan(
    settings: Settings,
    plugins: Plugins,
    *,
    variants: Sequence[Mapping[str, str]] = ({},),
    with_weights: bool = True,
    models: dict[str, HostedModel] | None = None,
    opened: OpenedData | None = None,
) -> Plan:
    """Find, open and check all that a run needs. UsageError says what is wrong.

    `variants`: each prompt is asked under each of these settings of it, over `prompt_set`.
    `with_weights` False: the weights are not digested, and the plan's keys are not a run's.
    `models`: those of other plans, which this one shares where the settings make the same model.
    `opened`: likewise the data.
    """
    know_environment()
    settings, cluster = split_cluster(by_protocol(settings, None))
    model = shared_model(settings, plugins, variants, {} if models is None else models)
    model.begin()  # its process starts meanwhile
    try:
        data = {} if opened is None else opened
        return _planned(settings, cluster, model, plugins, variants, with_weights, data)
    except BaseException:
        model.close()
        raise


def _planned(
    settings: Settings,
    cluster: Cluster | None,
    model: HostedModel,
    plugins: Plugins,
    variants: Sequence[Mapping[str, str]],
    with_weights: bool,
    opened: OpenedData,
) -> Plan:
    """The plan of a run whose model is this one."""
    judge, reading = open_judge(settings, plugins) or (None, None)
    with watched() as read:
        policy = policy_of(settings, default_policy(settings.data), plugins)
    with waiting(f"Opening the plugin {settings.plugin}"):
        card = known_card(model, settings)
    spec = card.spec
    settings = by_protocol(settings, spec.kind)
    if settings.control == "blind" and spec.kind == "contrastive":
        raise SettingError(
            "The control 'blind' is for generative models: a contrastive model compares an image "
            "with captions. Use --control shuffled."
        )
    dataset, tasks = _data_and_tasks(settings, policy, opened)
    tasks = answerable_tasks(spec.kind, tasks_of(tasks, dataset, wanted=settings.tasks), dataset)
    _check_boxes_stay(tasks, policy)
    default = () if settings.prompt else default_prompts(tasks, spec.kind, dataset)
    prompts = prompts_of(settings, default, variants)
    check_kinds(prompts, card)
    readouts = readouts_of(settings, card)
    tasks = tasks_for(prompts, tasks, dataset, named=bool(settings.tasks))
    check_declared(tasks, dataset)
    check_pairs(prompts, tasks, readouts, dataset)
    check_first(prompts, tasks, dataset)
    images = check_images(tasks, dataset, spec, card.label, settings.control)
    shard = None if settings.shard is None else parse_shard(settings.shard)
    shots = shots_of(prompts, tasks, dataset, settings)
    row_mask = mask_of(None if shard is None else rows_of(shard, dataset), shots)
    asked = samples(tasks, dataset, limit=settings.limit, seed=settings.seed, row_mask=row_mask)
    check_clusters(settings.cluster, tasks, asked)
    with waiting("Computing the digest of the weights"):
        weights = model.digest() if with_weights else Weights(None, None)
        weights = replace(weights, read={**weights.read, **read})
    return Plan(
        settings=settings,
        plugin=card.plugin,
        spec=spec,
        engine=card.engine,
        model=model,
        dataset=dataset,
        tasks=tasks,
        prompts=prompts,
        readouts=readouts,
        policy=policy,
        weights=weights,
        judge=judge,
        reading=reading,
        metrics=choose_metrics(settings.metric, plugins),
        shots=shots,
        row_mask=row_mask,
        images=images,
        cluster=cluster,
    )


def _data_and_tasks(
    settings: Settings, policy: StandardPolicy, opened: OpenedData
) -> tuple[Dataset, list[Task]]:
    """The data set and the tasks that it may be asked; those of `opened` where the settings open
    the same. A transform comes last of all that is done to an image, so that data opened without
    it are the same data."""
    plain = policy.untransformed()
    of_data = ("data", "partial", "licenses", "allow_outside", "map", "tasks")
    asked = repr([plain, *(getattr(settings, name) for name in of_data)])
    if asked not in opened:
        with waiting(f"Reading the data {settings.data}"):
            dataset = open_data(settings, plain)
        tasks = tasks_to_ask(load_tasks(settings.tasks, dataset), named=bool(settings.tasks))
        opened[asked] = with_recasts(dataset, tasks), tasks
    dataset, tasks = opened[asked]
    return dataset.shown_by(policy), tasks


def policy_of(settings: Settings, default: str, plugins: Plugins | None = None) -> StandardPolicy:
    """The image policy of these settings; of the family `default` where they name none."""
    return make_policy(
        settings.image_set,
        seconds=settings.timeout,
        seed=settings.seed,
        plugins=plugins,
        default=default,
    )


def open_data(settings: Settings, policy: StandardPolicy) -> Dataset:
    """The data set of these settings, its images shown by that policy."""
    return open_dataset(
        settings.data,
        policy,
        partial=settings.partial,
        licenses=settings.licenses,
        checked=True,
        outside=settings.allow_outside,
        mapping=settings.map,
    )


def _check_boxes_stay(tasks: Sequence[Task], policy: StandardPolicy) -> None:
    """Refuse tasks with boxes, which are in pixels of the file, if a transform moves pixels."""
    if policy.transform is None or not policy.moves_pixels:
        return
    boxed = [task.name for task in tasks if task.question.split("/")[0] in (BOXES, WHICH_BOX)]
    if boxed:
        raise SettingError(
            f"The transform {policy.transform.transform.name!r} moves pixels, and the "
            f"tasks {', '.join(boxed)} have boxes at places of the file. Leave these tasks out "
            "(--tasks), or take a transform that leaves everything where it is."
        )
