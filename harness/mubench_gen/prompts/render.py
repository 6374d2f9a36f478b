"""sample → rendered prompt: a Jinja template and its settings make the messages.

A prompt is one file in `prompts/` (or a path): a TOML header between lines of `+++`, then
the template. Label style, option order, system prompt and image position are settings in
the header that a run may override; the template itself never changes for them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mubench_gen.errors import DefinitionError
from mubench_gen.parser.label_styles import make_labels, split_style
from mubench_gen.prompts.families import is_shipped, member_file
from mubench_gen.prompts.files import (
    OWN,
    SUFFIX,
    TemplateFile,
    TemplateRenderer,
    compiled,
    find,
    included,
    prompt_names,
    read_source,
)
from mubench_gen.prompts.frames import framed_text
from mubench_gen.prompts.image_places import ImageSigns
from mubench_gen.prompts.sandbox import TemplateFault
from mubench_gen.prompts.settings import PromptSettings, read_settings
from mubench_gen.types import (
    Message,
    Question,
    RenderedPrompt,
    RightNumber,
    Sample,
    Task,
    Text,
    WorkedExample,
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A loaded prompt style. `name` carries the overrides; `sha256` digests all of it."""

    name: str
    settings: PromptSettings
    templates: TemplateRenderer
    sources: Mapping[str, TemplateFile]  # of those templates that are files
    sha256: str

    @property
    def path(self) -> Path:
        return self.sources[OWN].path


def load_prompt(name: str, overrides: Mapping[str, str] | None = None) -> Prompt:
    """The prompt of that name, or in that file; `overrides` replace its settings."""
    given = dict(overrides or {})
    own = member_file(name) or read_source(find(name))
    settings = read_settings(own, dict(given))
    shipped = (name in prompt_names() or is_shipped(name)) and not given.keys() & {
        "system",
        "answer",
    }
    texts = {OWN: own.body, "answer": settings.answer}
    if settings.system:
        texts["system"] = settings.system
    others = included(own, texts, shipped=shipped)
    sources = {OWN: own, **others}
    texts |= {other: source.body for other, source in others.items()}
    try:
        templates = compiled(tuple(texts.items()), shipped=shipped)
    except TemplateFault as fault:
        raise _told(sources, fault) from None
    return Prompt(
        name=_full_name(own.path.stem, given),
        settings=settings,
        templates=templates,
        sources=sources,
        sha256=_digest(own, settings, others),
    )


def render(
    prompt: Prompt,
    sample: Sample,
    order: tuple[int, ...],
    examples: Sequence[WorkedExample] = (),
) -> RenderedPrompt:
    """The sample as this prompt shows it, with its options in this order.

    `examples` come before it, each a user's message and the right answer to it.
    """
    places = _places(prompt, sample)
    variables = _variables(prompt, sample, order, places)
    if prompt.settings.kind == "caption":
        messages = _caption_message(prompt, sample, order, variables, places)
    else:
        shown = [message for one in examples for message in _worked(prompt, one)]
        messages = (
            *_system(prompt, variables, places, sample.id),
            *shown,
            _user(prompt, sample, variables, places, framed=True),
        )
    return RenderedPrompt(
        sample=sample,
        prompt=prompt.name,
        prompt_sha256=prompt.sha256,
        messages=messages,
        options=tuple(sample.question.options[i] for i in order),
        labels=variables["labels"],
        order=order,
        gold=-1 if sample.question.right is not None else order.index(sample.question.gold),
        max_tokens=prompt.settings.max_tokens,
        box_format=prompt.settings.boxes,
        pooling=prompt.settings.pooling,
        cloze=prompt.settings.cloze,
    )


def _places(prompt: Prompt, sample: Sample) -> ImageSigns:
    """The signs of the sample's images, which no text that the prompt shows holds."""
    question = sample.question
    texts = [question.text, *question.options, *(one.body for one in prompt.sources.values())]
    if prompt.settings.kind == "caption":
        texts += [t for variant in sample.row.captions.get(question.name, ()) for t in variant]
    return ImageSigns(sample.images, texts)


def _variables(
    prompt: Prompt, sample: Sample, order: tuple[int, ...], places: ImageSigns
) -> dict[str, Any]:
    before, alphabet, after = split_style(prompt.settings.labels)
    labels = make_labels(alphabet, len(order))
    options = (places.signed(sample.question.options[i]) for i in order)
    shown = [
        (label, before + label + after, text, i)
        for i, (label, text) in enumerate(zip(labels, options, strict=True))
    ]
    return {
        **_of_open(sample.question),
        "question": places.signed(sample.question.text),
        "options": shown,
        "labels": labels,
        "task": _task_fields(sample.task),
        "image": places.rest,
        "images": places.each,
    }


def _of_open(question: Question) -> dict[str, str]:
    """What the template of an open answer sees beside the question."""
    if question.right is None:
        return {}
    unit = question.right.unit if isinstance(question.right, RightNumber) else ""
    return {"form": question.form, "unit": unit}


def _system(
    prompt: Prompt, variables: Mapping[str, Any], places: ImageSigns, item: str
) -> tuple[Message, ...]:
    if not prompt.settings.system:
        return ()
    said = places.plain(_run(prompt, "system", variables, item))
    return (Message("system", (Text(said),)),)


def _user(
    prompt: Prompt,
    sample: Sample,
    variables: Mapping[str, Any],
    places: ImageSigns,
    *,
    framed: bool = False,
) -> Message:
    """The user's message; `framed`: with what the settings say before and after the template."""
    text = _run(prompt, OWN, variables, sample.id)
    if framed:
        text = framed_text(text, prompt.settings, sample, variables["options"])
    return Message("user", places.parts(text, before=prompt.settings.image == "before"))


def _worked(prompt: Prompt, example: WorkedExample) -> tuple[Message, Message]:
    sample, order = example.sample, example.order
    places = _places(prompt, sample)
    variables = _variables(prompt, sample, order, places)
    label, _, option, _ = variables["options"][order.index(sample.question.gold)]
    said = _run(prompt, "answer", {**variables, "label": label, "option": option}, sample.id)
    asked = _user(prompt, sample, variables, places)
    return asked, Message("assistant", (Text(places.plain(said)),))


def _caption_message(
    prompt: Prompt,
    sample: Sample,
    order: tuple[int, ...],
    variables: Mapping[str, Any],
    places: ImageSigns,
) -> tuple[Message, ...]:
    texts = []
    captions = sample.row.captions.get(sample.question.name, ())
    for (_, _, option, _), original in zip(variables["options"], order, strict=True):
        variants = {f"caption_{i}": v[original] for i, v in enumerate(captions) if v}
        one = {**variables, **variants, "option": option}
        texts.append(_caption(prompt, one, places, sample.id))
    role: Literal["caption", "captions"] = "captions" if prompt.settings.ensemble else "caption"
    return (Message(role, (*sample.images, *texts)),)


def _caption(prompt: Prompt, variables: Mapping[str, Any], places: ImageSigns, item: str) -> Text:
    """The caption of an option; of an ensemble its captions, one a line, each once."""
    text = places.plain(_run(prompt, OWN, variables, item), "image {}")
    if not prompt.settings.ensemble:
        return Text(text)
    captions = dict.fromkeys(line.strip() for line in text.split("\n") if line.strip())
    if not captions:
        empty = f"the ensemble has no caption of {variables['option']!r}"
        raise _told(prompt.sources, TemplateFault(empty, OWN), f" (item {item})")
    return Text("\n".join(captions))


def _task_fields(task: Task) -> dict[str, Any]:
    return {**task.fields, "name": task.name, "title": task.title, "group": task.group}


def _run(prompt: Prompt, template: str, variables: Mapping[str, Any], item: str) -> str:
    try:
        return prompt.templates.render(template, variables)
    except TemplateFault as fault:
        raise _told(prompt.sources, fault, _seen(fault, variables) + f" (item {item})") from None


def _told(
    sources: Mapping[str, TemplateFile], fault: TemplateFault, note: str = ""
) -> DefinitionError:
    """The error for a fault in a template, with the file that it is in."""
    return sources.get(fault.name, sources[OWN]).fault(fault, note)


def _seen(fault: TemplateFault, variables: Mapping[str, Any]) -> str:
    """A hint that lists a template's variables, if it uses an undefined one."""
    if not fault.message.endswith("is undefined"):
        return ""
    if re.match("'caption_[0-9]+'", fault.message):
        return (
            ": the data has no captions of this question's options. --prompt caption-question "
            "makes them of question and option"
        )
    where = " (caption_0, caption_1 only where the data has them)" if "option" in variables else ""
    if fault.name.endswith(SUFFIX):
        where += "; one that is imported does `with context` alone"
    return f". A template sees {', '.join(variables)}{where}"


def _digest(own: TemplateFile, settings: PromptSettings, others: Mapping[str, TemplateFile]) -> str:
    # Prompts keep the digest that they had before there were these settings.
    unused = {"shots", "answer"} if not settings.shots else set()
    unused |= {"pooling"} if settings.pooling == "mean" else set()
    unused |= {"asks"} if settings.asks == "option" else set()
    unused |= {"cloze"} if settings.cloze == "tokens" else set()
    unused |= {"mention"} if settings.mention == "as-is" else set()
    unused |= {"hint", "hint_seed"} if settings.hint == "none" else set()
    parts = [own.body, settings.model_dump_json(exclude=unused)]
    for name, source in sorted(others.items()):
        parts += [name, source.body]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _full_name(stem: str, overrides: Mapping[str, str]) -> str:
    if not overrides:
        return stem
    short = {
        key: value if len(value) <= 24 else hashlib.sha256(value.encode()).hexdigest()[:8]
        for key, value in sorted(overrides.items())
    }
    return f"{stem}[{','.join(f'{key}={value}' for key, value in short.items())}]"
