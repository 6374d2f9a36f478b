"""plan → items: all that a run asks, image by image, each with its request."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from mubench_gen.engines.thinking import read_thinking
from mubench_gen.errors import DefinitionError, ImageError, QuestionError, failure
from mubench_gen.plan.identity import model_identity
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.request import RequestContext, make_request
from mubench_gen.prompts.orders import ONE_ORDER, item_orders
from mubench_gen.prompts.oversized import check_size, largest, too_long, unrendered
from mubench_gen.prompts.render import Prompt, render
from mubench_gen.tasks.forms import form_of
from mubench_gen.tasks.matching import fits, readouts_for
from mubench_gen.tasks.samples import count, samples
from mubench_gen.types import Failure, Readout, RenderedPrompt, Request, Sample, WorkedExample


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes one record: a rendered prompt, a read-out, and the request for it.

    `request` is None where it could not be made: `error` then says why.
    """

    id: str
    rendered: RenderedPrompt
    readout: Readout
    request: Request | None
    error: Failure | None


def items_of(plan: Plan, finished: Container[str] = ()) -> Iterator[Item]:
    """Every item that is not finished, image by image, with its request or its failure."""
    settings = plan.settings
    thinking = read_thinking(settings.thinking)
    context = RequestContext(
        identity=model_identity(plan),
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        thinking_tokens=0 if thinking is None else thinking.room,
    )
    for sample in samples_of(plan):
        for prompt, order in _shown(plan, sample):
            pending = [
                (readout, repeat, item_id)
                for readout in _readouts(plan, sample, prompt)
                for repeat in range(settings.repeats)
                if (item_id := record_id(sample.id, prompt.name, readout, order, repeat))
                not in finished
            ]
            if not pending:
                continue
            rendered, unfit = _rendered(plan, prompt, sample, order)
            for readout, repeat, item_id in pending:
                request: Request | None = None
                error = unfit
                try:
                    if unfit is None:
                        request = make_request(rendered, readout, repeat, context)
                except ImageError as problem:
                    error = failure(problem)
                yield Item(item_id, rendered, readout, request, error)


def samples_of(plan: Plan) -> Iterator[Sample]:
    """The samples that the plan asks about."""
    settings = plan.settings
    return samples(
        plan.tasks,
        plan.dataset,
        limit=settings.limit,
        seed=settings.seed,
        control=settings.control,
        row_mask=plan.row_mask,
    )


def planned(plan: Plan) -> int:
    """How many items there are, finished or not, of the run or of its shard."""
    if plan.selection is not None:
        return plan.settings.repeats * sum(
            len(_readouts(plan, sample, prompt))
            for sample in samples_of(plan)
            for prompt, _ in _shown(plan, sample)
        )
    specs = [plan.settings.orders or prompt.settings.order for prompt in plan.prompts]
    if plan.row_mask is None and all(spec in ONE_ORDER for spec in specs):
        limit = plan.settings.limit
        counts = [(form_of(task, plan.dataset), count(task, plan.dataset)) for task in plan.tasks]
        items = sum(
            (n if limit is None else min(n, limit))
            * sum(fits(prompt, form) for prompt in plan.prompts)
            * len(readouts_for(plan.readouts, form))
            for form, n in counts
        )
        return items * plan.settings.repeats
    return plan.settings.repeats * sum(
        len(readouts_for(plan.readouts, sample.question.form))
        for sample in samples_of(plan)
        for _ in _shown(plan, sample)
    )


def _rendered(
    plan: Plan, prompt: Prompt, sample: Sample, order: tuple[int, ...]
) -> tuple[RenderedPrompt, Failure | None]:
    """The prompt, and the failure if it lacks its worked examples or the question is too long."""
    examples: Sequence[WorkedExample] = ()
    lacking: Failure | None = None
    try:
        check_size(sample)
        if prompt.settings.shots and plan.shots is not None:
            spec = plan.settings.orders or prompt.settings.order
            examples = plan.shots.examples_for(sample, prompt.settings.shots, spec)
    except ImageError as problem:
        lacking = failure(problem)
    except QuestionError as problem:
        return unrendered(prompt, sample, order), failure(problem)
    try:
        return render(prompt, sample, order, examples), lacking
    except DefinitionError:
        large = largest(sample, examples)
        if large is None:
            raise
        return unrendered(prompt, sample, order), failure(too_long(large))


def _readouts(plan: Plan, sample: Sample, prompt: Prompt) -> Sequence[Readout]:
    readouts = readouts_for(plan.readouts, sample.question.form)
    if plan.selection is None:
        return readouts
    cells = plan.selection.cells.get(sample.id, frozenset())
    return [readout for readout in readouts if (prompt.name, readout) in cells]


def _shown(plan: Plan, sample: Sample) -> Iterator[tuple[Prompt, tuple[int, ...]]]:
    for prompt in plan.prompts:
        if not fits(prompt, sample.question.form):
            continue
        spec = plan.settings.orders or prompt.settings.order
        options = sample.question.options
        for order in item_orders(spec, options, seed=plan.settings.seed, item=sample.id):
            yield prompt, order


def record_id(item: str, prompt: str, readout: str, order: Sequence[int], repeat: int) -> str:
    """The id of the record of one question, asked in one way; `prompt` is its name."""
    return f"{item}/{prompt}/{readout}/{'.'.join(map(str, order))}/{repeat}"
