"""The composition root: the one module that knows all the stages.

task → samples → prompt → request → model → response → answer → record → score
"""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Unpack

from mubench_gen.console.notes import note
from mubench_gen.console.progress import Progress, bar, log, waiting
from mubench_gen.errors import RunFolderError, UsageError
from mubench_gen.host.serving import RunSetup
from mubench_gen.inference.batches import Answered
from mubench_gen.inference.breaker import Breaker
from mubench_gen.inference.flow import ask
from mubench_gen.inference.preflight import Preflight, check_doubts, open_preflight
from mubench_gen.inference.request_limit import Allowance, announced
from mubench_gen.model import Checkpoint
from mubench_gen.plan.arguments import RunSettings
from mubench_gen.plan.identity import model_identity, run_id, run_identity
from mubench_gen.plan.items import items_of, planned
from mubench_gen.plan.manifest import make_manifest
from mubench_gen.plan.plan import Plan, make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.runs.recorder import Recorder
from mubench_gen.runs.results import Run, load_run
from mubench_gen.runs.resuming import as_begun, start_or_resume
from mubench_gen.storage.paths import cache_folder
from mubench_gen.storage.record_file import AnsweredKeys, RecordFile
from mubench_gen.storage.run_folder import (
    RECORDS,
    SCORES,
    choose_folder,
    locked,
    refuse_other_weights,
    remove,
    write_manifest,
)
from mubench_gen.types import Request


def evaluate(
    *,
    plugin: str,
    progress: bool = False,
    command: Sequence[str] | None = None,
    plugins: Plugins | None = None,
    **settings: Unpack[RunSettings],
) -> Run:
    """Evaluate a plugin's model: what `mubench-gen eval` does, with its flags as arguments.

    `plugin` is a name or a path; `settings` are those of `RunSettings`. `progress` shows a bar;
    `command` is what the manifest notes as the command; `plugins` are other plugins than the
    installed ones. The same arguments again resume an unfinished run. Raises UsageError for what
    the user must fix; items that failed are in the scores as `n_errors`.
    """
    chosen = make_settings({"plugin": plugin, **settings})
    plan = make_plan(chosen, plugins or Plugins())
    try:
        return run_plan(plan, command or [Path(sys.argv[0]).name, *sys.argv[1:]], progress=progress)
    finally:
        plan.model.close()


def run_plan(plan: Plan, command: Sequence[str], *, progress: bool) -> Run:
    """Ask all that is not answered yet, then score the run."""
    settings = plan.settings
    identity = run_identity(plan)
    wanted = settings.run_dir or Path("runs", run_id(plan, identity))
    folder = choose_folder(wanted, fresh=settings.fresh)
    reused = [AnsweredKeys.from_file(_sound(path) / RECORDS) for path in settings.reuse]
    if settings.repeats > 1 and settings.temperature == 0:
        log(f"At temperature 0 the {settings.repeats} repeats ask the same greedy request again.")
    plan = as_begun(plan, folder)
    with locked(folder), _fewer_collections():
        run = Run(folder, settings.cluster)
        recorded = run.recorded_metrics()
        here = planned(plan)
        whole = here if plan.shard is None else planned(plan.whole())
        made = make_manifest(plan, identity, command, planned=here, whole=whole)
        manifest = start_or_resume(plan, folder, made)
        records = RecordFile(folder / RECORDS)
        title = f"{plan.plugin.name} {plan.spec.name}"
        try:
            with bar(title, manifest["planned"], shown=progress) as shown:
                recorder = Recorder(
                    records, reused, plan.plugin.name, plan.spec.name, judge=plan.judge
                )
                _ask(plan, recorder, shown, manifest)
        finally:
            records.close()
            if plan.judge is not None:
                plan.judge.close()
                note(plan.judge.summary)
        run.write_scores(plan.metrics, recorded)
    return run


def _sound(path: Path) -> Path:
    """The folder of a run whose replies may be reused."""
    run = load_run(path)
    refuse_other_weights(run.dir, run.manifest)
    return run.dir


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Look for cyclic garbage less often, and not among what is there before the run: a run makes
    many short-lived objects and no cycles.

    With the collector off, an item of `echo` took an eighth less CPU.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, before[1], before[2])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def _ask(plan: Plan, recorder: Recorder, progress: Progress, manifest: dict[str, Any]) -> None:
    total = manifest["planned"]
    if plan.settings.preflight:
        check_doubts(manifest["sessions"])
    progress.at(recorder.done, total)  # the rate counts from here
    open_requests = recorder.requests(items_of(plan, recorder))
    first = next(open_requests, None)
    if first is not None:
        remove(recorder.folder / SCORES)  # new answers make them outdated
        allowed = Allowance(chain([first], open_requests), plan.settings.max_requests)
        folder, left = recorder.folder, total - recorder.done
        requests = announced(allowed, left) if plan.model.card.announces else allowed
        asked = _here if plan.cluster is None else _on_cluster
        known = recorder.failed_before if recorder.done else None
        breaker = Breaker(plan.settings.max_errors, known)
        preflight = None
        if plan.settings.preflight:
            preflight = open_preflight(plan, allowed, manifest["sessions"])
            requests = preflight.requests(requests)
        with closing(asked(plan, requests, folder, manifest)) as batches:
            try:
                for batch in batches:
                    _check_files(plan, recorder.folder)
                    own = batch if preflight is None else preflight.own(batch)
                    _note_canary(preflight, folder, manifest)
                    recorder.answered(own)
                    progress.at(recorder.done, total, recorder.note)
                    breaker.check(own)
            finally:
                recorder.flush()
                _note_canary(preflight, folder, manifest)
        if preflight is not None:
            recorder.answered(preflight.released())
        allowed.check()
    recorder.flush()
    progress.at(recorder.done, total, recorder.note)


def _note_canary(preflight: Preflight | None, folder: Path, manifest: dict[str, Any]) -> None:
    if preflight is not None and preflight.told(manifest["sessions"][-1]):
        write_manifest(folder, manifest)


def run_setup(plan: Plan) -> RunSetup:
    """What the model is told of this run."""
    settings = plan.settings
    policy, transform = plan.policy.untransformed(), settings.image_set.get("transform")
    shots = max(prompt.settings.shots for prompt in plan.prompts)
    images = 0 if settings.control == "blind" else plan.images * (1 + shots)
    applied = plan.policy.transform
    identity = None if applied is None else applied.identity()
    return RunSetup(policy, transform, identity, settings.seed, plan.model.alpha, images)


def _here(
    plan: Plan, requests: Iterator[Request | None], folder: Path, manifest: dict[str, Any]
) -> Generator[Answered]:
    """Batches that models on this machine answer."""
    model, settings = plan.model, plan.settings
    with waiting("Loading the model"):
        facts = model.load(run_setup(plan))
    _check_weights(plan, facts)
    _check_files(plan, folder)
    _note_facts(facts, model.hardware, folder, manifest)
    if (kept := _embeddings_folder(plan)) is not None:
        model.keep(kept)
    try:
        yield from ask(model, requests, size=model.card.size, timeout=settings.timeout)
    finally:
        _note_counts(plan, folder, manifest)


def _on_cluster(
    plan: Plan, requests: Iterator[Request | None], folder: Path, manifest: dict[str, Any]
) -> Generator[Answered]:
    """Batches that models in the workers of a Ray cluster answer."""
    from mubench_gen.inference.ray.flow import distribute

    assert plan.cluster is not None

    def opened(facts: Mapping[str, Any], ray: Mapping[str, Any]) -> None:
        _check_weights(plan, facts)
        manifest["sessions"][-1] |= {"ray": dict(ray)}
        _note_facts(facts, {}, folder, manifest)

    def counted(counts: Mapping[str, Any]) -> None:
        if counts:
            manifest["sessions"][-1] |= {"counts": dict(counts)}
            write_manifest(folder, manifest)

    setup = run_setup(plan)
    return distribute(plan, plan.cluster, setup, requests, opened=opened, counted=counted)


def _note_facts(
    facts: Mapping[str, Any],
    hardware: Mapping[str, Any],
    folder: Path,
    manifest: dict[str, Any],
) -> None:
    """Note the loaded model's facts in the manifest, and the hardware that it sees."""
    for earlier in manifest["sessions"][:-1]:
        _check_precision(earlier.get("model", {}), facts, folder)
    manifest["sessions"][-1] |= {"model": dict(facts)}
    manifest["sessions"][-1]["hardware"] |= dict(hardware)
    write_manifest(folder, manifest)


def _check_weights(plan: Plan, facts: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that changed after its digest became a part of the keys."""
    opened, expected = facts.get("weights_sha256"), plan.weights.weights
    own = isinstance(plan.spec.source, Checkpoint)
    if own and opened is not None and expected is not None and opened != expected:
        raise RunFolderError(
            f"The weights of {plan.spec.name} that were opened are not those that this run is "
            "about: the files (or the hub's main branch) changed meanwhile. Try again; a run that "
            "was begun with the others needs --fresh."
        )


def _check_files(plan: Plan, folder: Path) -> None:
    """Refuse answers of a model whose files changed since their digests became a part of the keys:
    it may read them while it is asked."""
    changed = plan.weights.changed_files()
    changed += [] if plan.reading is None else plan.reading.changed_files()
    if changed:
        raise RunFolderError(
            f"{', '.join(changed[:3])}: changed while the run went on, so that it is not known by "
            f"which state the model answers. What was answered before is kept in {folder}: put "
            "back what changed and type the same command again, or give --fresh (or another "
            "--run-dir) for a run of its own."
        )


def _embeddings_folder(plan: Plan) -> Path | None:
    """Where embeddings of images are kept; None where the user or the weights allow none."""
    if not plan.settings.keep_embeddings:
        return None
    if plan.weights.weights is None:
        log("The embeddings are not kept: the model's weights are not known.")
        return None
    precision = plan.model.facts.get("dtype", "")  # "auto" depends on the device
    name = hashlib.sha256(f"{model_identity(plan)}\0{precision}".encode()).hexdigest()[:32]
    return cache_folder() / "embeddings" / name


def _note_counts(plan: Plan, folder: Path, manifest: dict[str, Any]) -> None:
    """Note in the manifest what was encoded or found in caches in this session."""
    if plan.weights.changed_files():
        return  # asking for them keeps the last embeddings, and of which weights is not known
    try:
        counts = plan.model.counts()
    except UsageError as error:  # of the plugin's own code, at the end
        log(f"The model {plan.spec.name!r} does not say what it counted: {error}")
        return
    if counts:
        manifest["sessions"][-1] |= counts
        write_manifest(folder, manifest)


def _check_precision(earlier: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on in another precision: `auto` depends on the device."""
    there, here = earlier.get("dtype"), now.get("dtype")
    if there is not None and here is not None and there != here:
        raise RunFolderError(
            f"{folder} was made in {there}, here the model runs in {here}: one run has "
            f"one precision. Give --dtype {there}, or --fresh for a run of its own."
        )
