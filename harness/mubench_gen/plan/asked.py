"""What a plan asks: the prompts, the worked examples, and how a model's answer is read out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from mubench_gen.console.progress import log
from mubench_gen.data.dataset import Dataset
from mubench_gen.errors import SettingError
from mubench_gen.host.card import ModelCard
from mubench_gen.plan.settings import Settings
from mubench_gen.prompts.render import Prompt, load_prompt
from mubench_gen.tasks.few_shot import Shots
from mubench_gen.tasks.forms import form_of
from mubench_gen.types import Readout, Task

_PROMPT_KIND = {"generative": "chat", "contrastive": "caption"}


def prompts_of(
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


def shots_of(
    prompts: Sequence[Prompt], tasks: Sequence[Task], dataset: Dataset, settings: Settings
) -> Shots | None:
    """The worked examples, where a prompt shows any."""
    most = max(prompt.settings.shots for prompt in prompts)
    if not most:
        return None
    asking = [task for task in tasks if form_of(task, dataset) == "option"]
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


def mask_of(rows: bytes | None, shots: Shots | None) -> bytes | None:
    """The mask of the shard's `rows` without those held out for worked examples."""
    if shots is None or shots.held_out is None:
        return rows
    asked = shots.held_out.row_mask
    return asked if rows is None else bytes(a and b for a, b in zip(rows, asked, strict=True))


def check_kinds(prompts: Sequence[Prompt], card: ModelCard) -> None:
    for prompt in prompts:
        if prompt.settings.kind != _PROMPT_KIND[card.spec.kind]:
            raise SettingError(
                f"The prompt {prompt.name!r} is a {prompt.settings.kind} prompt; {card.label} is "
                f"{card.spec.kind} and takes {_PROMPT_KIND[card.spec.kind]} prompts. "
                "`mubench-gen prompts` lists them."
            )


def readouts_of(settings: Settings, card: ModelCard) -> Sequence[Readout]:
    for readout in settings.readout:
        if readout not in card.readouts:
            raise SettingError(
                f"The read-out {readout!r} is not offered by the plugin {card.plugin.name!r} here; "
                f"it offers {', '.join(card.readouts)}.{_why_not(settings, card)}"
            )
    return settings.readout or card.readouts[:1]


def _why_not(settings: Settings, card: ModelCard) -> str:
    """Why a read-out is missing, where `--thinking` is the reason."""
    if settings.thinking in (None, "off"):
        return ""
    return (
        f" With --thinking {settings.thinking} the engine {card.engine} cannot tell where the "
        "thought ends and the answer begins: use --readout parse, or --engine transformers."
    )
