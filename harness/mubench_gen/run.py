"""The composition root: the one module that knows all the stages.

task → samples → prompt → request → model → response → answer → record → score
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from mubench_gen.data import Dataset, open_dataset
from mubench_gen.engines import open_checkpoint, weights_digest
from mubench_gen.errors import EngineFault, ImageError, SettingError
from mubench_gen.image import StandardPolicy
from mubench_gen.manifest import hardware, session
from mubench_gen.model import Checkpoint, Model, ModelSpec, Runtime
from mubench_gen.orders import ONE_ORDER, item_orders
from mubench_gen.plugins import Isolated, Plugin, Plugins, check_options
from mubench_gen.progress import Progress, bar, log
from mubench_gen.prompt import Prompt, load_prompt, render
from mubench_gen.recording import Item, Recorder
from mubench_gen.records import AnsweredKeys, RecordFile
from mubench_gen.request import Circumstances, make_request
from mubench_gen.response import failure, respond
from mubench_gen.results import Run
from mubench_gen.runfolder import (
    FORMAT,
    MANIFEST,
    RECORDS,
    choose_folder,
    locked,
    run_name,
    settings_hash,
    settle_manifest,
    write_json,
)
from mubench_gen.samples import count, samples, tasks_of
from mubench_gen.settings import Settings, make_settings
from mubench_gen.task import load_tasks
from mubench_gen.types import Readout, Request, Sample, Task

_DEFAULT_PROMPT = {"generative": "paper", "contrastive": "caption"}
_PROMPT_KIND = {"generative": "chat", "contrastive": "caption"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A run with everything found, opened and checked, and nothing asked yet."""

    settings: Settings
    plugin: Plugin
    spec: ModelSpec
    model: Model
    dataset: Dataset
    tasks: Sequence[Task]
    prompts: Sequence[Prompt]
    readouts: Sequence[Readout]
    policy: StandardPolicy
    weights: str | None

    @property
    def name(self) -> str:
        return run_name(self.plugin.name, self.spec.name)

    def in_folder(self, folder: Path) -> Plan:
        """The same plan with another run folder."""
        return replace(self, settings=self.settings.model_copy(update={"run_dir": folder}))


def evaluate(
    *,
    plugin: str,
    progress: bool = False,
    command: Sequence[str] | None = None,
    plugins: Plugins | None = None,
    **settings: Any,
) -> Run:
    """Evaluate a plugin's model: what `mubench-gen eval` does, with its flags as arguments.

    The same arguments again resume an unfinished run. Raises UsageError for what the user
    must fix; items that failed are in the scores as `n_errors`.
    """
    chosen = make_settings({"plugin": plugin, **settings})
    plan = make_plan(chosen, plugins or Plugins())
    try:
        return run_plan(plan, command or [Path(sys.argv[0]).name, *sys.argv[1:]], progress=progress)
    finally:
        plan.model.close()


def make_plan(settings: Settings, plugins: Plugins) -> Plan:
    """Find, open and check all that a run needs. UsageError says what is wrong."""
    plugin = plugins.load(settings.plugin)
    spec = plugin.spec(settings.model)
    model = _open_model(plugin, spec, settings)
    policy = StandardPolicy()
    if settings.control == "blind" and spec.kind == "contrastive":
        raise SettingError(
            "The control 'blind' is for generative models: a contrastive model compares an image "
            "with captions. Use --control shuffled."
        )
    prompts = [
        load_prompt(name, settings.prompt_set)
        for name in settings.prompt or (_DEFAULT_PROMPT[spec.kind],)
    ]
    _check_kinds(prompts, plugin, spec)
    tasks = load_tasks(settings.tasks)
    dataset = open_dataset(settings.data, policy)
    return Plan(
        settings=settings,
        plugin=plugin,
        spec=spec,
        model=model,
        dataset=dataset,
        tasks=tasks_of(tasks, dataset, named=bool(settings.tasks)),
        prompts=prompts,
        readouts=_readouts(settings, model, plugin),
        policy=policy,
        weights=_weights(plugin, spec),
    )


def run_plan(plan: Plan, command: Sequence[str], *, progress: bool) -> Run:
    """Ask what is not answered yet, and score."""
    settings = plan.settings
    identity = _identity(plan)
    folder = settings.run_dir or choose_folder(
        Path("runs"), f"{plan.name}-{settings_hash(identity)}", fresh=settings.fresh
    )
    with locked(folder):
        run = Run(folder)
        manifest = settle_manifest(folder, _manifest(plan, identity, command))
        reused = [AnsweredKeys.of(path / RECORDS) for path in settings.reuse]
        records = RecordFile(folder / RECORDS)
        title = f"{plan.plugin.name} {plan.spec.name}"
        try:
            with bar(title, manifest["planned"], shown=progress) as shown:
                recorder = Recorder(records, reused, plan.plugin.name, plan.spec.name)
                _ask(plan, recorder, shown, manifest)
        except EngineFault as error:
            log(f"The engine is gone: {error}. The same command goes on from here.")
            raise
        finally:
            records.close()
        run.write_scores()
    return run


def _ask(plan: Plan, recorder: Recorder, progress: Progress, manifest: dict[str, Any]) -> None:
    planned = manifest["planned"]
    requests = recorder.requests(_items(plan, recorder))
    first = next(requests, None)
    if first is not None:
        _load(plan, recorder.folder, manifest)
        size = plan.settings.batch_size or plan.model.batch_size
        batches = respond(
            plan.model, chain([first], requests), batch_size=size, timeout=plan.settings.timeout
        )
        for batch in batches:
            recorder.answered(batch)
            progress.at(recorder.done, planned, recorder.note)
    recorder.flush()
    progress.at(recorder.done, planned, recorder.note)


def _load(plan: Plan, folder: Path, manifest: dict[str, Any]) -> None:
    """Load the model and note in the manifest what it then knows of itself."""
    with Isolated(f"The model {plan.spec.name!r} of the plugin {plan.plugin.name!r}"):
        plan.model.load()
        facts = dict(plan.model.facts)
    manifest["sessions"][-1] |= {"model": facts, "hardware": hardware()}
    write_json(folder / MANIFEST, manifest)


def _items(plan: Plan, recorder: Recorder) -> Iterator[Item]:
    """Every item that is not finished, image by image, with its request or its failure."""
    settings = plan.settings
    circumstances = Circumstances(
        identity=_model_identity(plan),
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
    )
    for sample in _samples(plan):
        for prompt, order in _shown(plan, sample):
            pending = [
                (readout, repeat, item_id)
                for readout in plan.readouts
                for repeat in range(settings.repeats)
                if (item_id := _item_id(sample, prompt, readout, order, repeat)) not in recorder
            ]
            if not pending:
                continue
            rendered = render(prompt, sample, order)
            for readout, repeat, item_id in pending:
                try:
                    request: Request | None = make_request(rendered, readout, repeat, circumstances)
                    error = None
                except ImageError as problem:
                    request, error = None, failure(problem)
                yield Item(item_id, rendered, readout, request, error)


def _samples(plan: Plan) -> Iterator[Sample]:
    settings = plan.settings
    return samples(
        plan.tasks,
        plan.dataset,
        limit=settings.limit,
        seed=settings.seed,
        control=settings.control,
    )


def _shown(plan: Plan, sample: Sample) -> Iterator[tuple[Prompt, tuple[int, ...]]]:
    for prompt in plan.prompts:
        spec = plan.settings.orders or prompt.settings.order
        options = sample.question.options
        for order in item_orders(spec, options, seed=plan.settings.seed, item=sample.id):
            yield prompt, order


def _item_id(
    sample: Sample, prompt: Prompt, readout: Readout, order: tuple[int, ...], repeat: int
) -> str:
    return f"{sample.id}/{prompt.name}/{readout}/{'.'.join(map(str, order))}/{repeat}"


def _planned(plan: Plan) -> int:
    each = len(plan.readouts) * plan.settings.repeats
    specs = [plan.settings.orders or prompt.settings.order for prompt in plan.prompts]
    if all(spec in ONE_ORDER for spec in specs):
        limit = plan.settings.limit
        counts = [count(task, plan.dataset) for task in plan.tasks]
        items = sum(n if limit is None else min(n, limit) for n in counts)
        return items * len(plan.prompts) * each
    return sum(1 for sample in _samples(plan) for _ in _shown(plan, sample)) * each


def _open_model(plugin: Plugin, spec: ModelSpec, settings: Settings) -> Model:
    runtime = Runtime(
        model=spec.name,
        device=settings.device,
        dtype=settings.dtype,
        revision=settings.revision,
        trust_remote_code=settings.trust_remote_code,
        seed=settings.seed,
        batch_size=settings.batch_size,
        engine_options=settings.engine_options,
    )
    if isinstance(spec.source, Checkpoint):
        check_options(plugin.name, Model, settings.plugin_options)
        return open_checkpoint(settings.engine, spec.source, runtime)
    options = check_options(plugin.name, spec.source, settings.plugin_options)
    with Isolated(f"The model {spec.name!r} of the plugin {plugin.name!r}"):
        return spec.source(options, runtime)


def _check_kinds(prompts: Sequence[Prompt], plugin: Plugin, spec: ModelSpec) -> None:
    for prompt in prompts:
        if prompt.settings.kind != _PROMPT_KIND[spec.kind]:
            raise SettingError(
                f"The prompt {prompt.name!r} is a {prompt.settings.kind} prompt; the model "
                f"{spec.name!r} of the plugin {plugin.name!r} is {spec.kind} and takes "
                f"{_PROMPT_KIND[spec.kind]} prompts. `mubench-gen prompts` lists them."
            )


def _readouts(settings: Settings, model: Model, plugin: Plugin) -> Sequence[Readout]:
    for readout in settings.readout:
        if readout not in model.readouts:
            raise SettingError(
                f"The read-out {readout!r} is not offered by the plugin {plugin.name!r} here; "
                f"it offers {', '.join(model.readouts)}."
            )
    return settings.readout or model.readouts[:1]


def _weights(plugin: Plugin, spec: ModelSpec) -> str | None:
    """What stands for the weights: their digest, or the code that a plugin's class is."""
    if isinstance(spec.source, Checkpoint):
        return weights_digest(spec.source.path, spec.source.revision)
    return plugin.digest or f"{plugin.distribution} {plugin.version}"


def _model_identity(plan: Plan) -> str:
    settings = plan.settings
    parts = {
        "plugin": plan.plugin.name,
        "model": plan.spec.name,
        "revision": settings.revision,
        "weights": plan.weights,
        "options": settings.options,
        "engine": settings.engine if isinstance(plan.spec.source, Checkpoint) else None,
        "dtype": settings.dtype,
        "policy": plan.policy.as_dict(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _identity(plan: Plan) -> dict[str, Any]:
    """The settings with what they left open filled in."""
    identity = plan.settings.identity()
    data = Path(plan.settings.data)
    plugin = plan.plugin.path
    return {
        **identity,
        "plugin": str(plugin) if plugin else identity["plugin"],
        "model": plan.spec.name,
        "data": str(data.resolve()) if data.exists() else plan.settings.data,
        "tasks": [task.name for task in plan.tasks],
        "prompt": [prompt.name for prompt in plan.prompts],
        "readout": list(plan.readouts),
    }


def _manifest(plan: Plan, identity: Mapping[str, Any], command: Sequence[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "id": f"{plan.name}-{settings_hash(identity)}",
        "planned": _planned(plan),
        "settings": identity,
        "content": {
            "data": plan.dataset.digest,
            "tasks": {task.name: task.sha256 for task in plan.tasks},
            "prompts": {prompt.name: prompt.sha256 for prompt in plan.prompts},
            "weights": plan.weights,
        },
        "plugin": {
            "name": plan.plugin.name,
            "distribution": plan.plugin.distribution,
            "version": plan.plugin.version,
            "kind": plan.spec.kind,
        },
        "model": {
            "id": plan.spec.name,
            "revision": plan.settings.revision,
            "weights_sha256": plan.weights,
            "trust_remote_code": plan.settings.trust_remote_code,
            "facts": dict(plan.spec.facts),
        },
        "engine": {
            "name": plan.settings.engine if isinstance(plan.spec.source, Checkpoint) else "plugin",
            "arguments": plan.settings.engine_options,
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
        "sessions": [session(command)],
    }
