"""sample → rendered prompt: a Jinja template and its settings make the messages.

A prompt is one file in `prompts/` (or a path): a TOML header between lines of `+++`, then
the template. Label style, option order, system prompt and image position are settings in
the header that a run may override; the template itself never changes for them.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import Template, TemplateError, TemplateSyntaxError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mubench_gen import packaged as packages
from mubench_gen.boxes import box_format
from mubench_gen.definitions import first_problem, known_files, line_of_key, read_toml
from mubench_gen.errors import DefinitionError, SettingError, did_you_mean
from mubench_gen.labels import make_labels, restyle, split_style
from mubench_gen.orders import check_orders
from mubench_gen.places import is_file
from mubench_gen.sandbox import MAX_TEXT, PromptEnvironment, new_context
from mubench_gen.types import Image, Message, RenderedPrompt, Sample, Task, Text, WorkedExample

SUFFIX = ".j2"
_FENCE = "+++"


class PromptSettings(BaseModel):
    """What a prompt's header says and a run may override (`--prompt-set key=value`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field("", description="what the style is, in a line")
    source: str = Field("", description="where the wording comes from")
    kind: Literal["chat", "caption"] = Field(
        "chat", description="chat (generative models) or caption (contrastive models)"
    )
    labels: str = Field("A)", description="label style: A) a. (1) i, or a bare A, a, 1, i")
    order: str = Field("given", description="given, reversed, shuffled, cyclic:K, random:K, all")
    system: str = Field("", description="system prompt (a template too); empty for none")
    image: Literal["before", "after"] = Field(
        "before", description="image before or after the text"
    )
    max_tokens: int = Field(64, ge=1, description="longest reply, in tokens")
    ensemble: bool = Field(
        False, description="each line of a caption prompt is a caption; embeddings are averaged"
    )
    boxes: str = Field("", description="the format of the boxes that it asks for; empty: none")
    shots: int = Field(0, ge=0, le=32, description="worked examples before the question")
    answer: str = Field(
        "{{ label }}", description="what a worked example answers (a template; label, option)"
    )


@dataclass(frozen=True, slots=True)
class Prompt:
    """A loaded prompt style. `name` carries the overrides; `sha256` digests all of it."""

    name: str
    path: Path
    settings: PromptSettings
    template: Template
    system: Template | None
    answer: Template
    sha256: str
    first_line: int  # of the template in its file


@dataclass(slots=True)  # not frozen, which makes it dear to make; the sandbox keeps it as it is
class ShownOption:
    """An option as a template sees it: `{{ option.marker }} {{ option.text }}`."""

    label: str
    marker: str
    text: str
    index: int


@lru_cache(maxsize=1)
def environment() -> PromptEnvironment:
    return PromptEnvironment(ShownOption)


def prompt_names() -> dict[str, Path]:
    """The shipped prompts, by name."""
    return known_files("prompts", SUFFIX)


def load_prompt(name: str, overrides: Mapping[str, str] | None = None) -> Prompt:
    """The prompt of that name, or in that file; `overrides` replace its settings."""
    path = _find(name)
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path}: cannot be read as UTF-8 text: {error}.") from None
    header, body, first_line = _split_header(source, path)
    settings = _settings(header, path, dict(overrides or {}))
    unused = {"shots", "answer"} if not settings.shots else None  # runs without keep their digest
    content = body + "\0" + settings.model_dump_json(exclude=unused)
    return Prompt(
        name=_full_name(path.stem, overrides or {}),
        path=path,
        settings=settings,
        template=_compile(body, path, first_line),
        system=_compile(settings.system, path, None, "system") if settings.system else None,
        answer=_compile(settings.answer, path, None, "answer"),
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        first_line=first_line,
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
    variables = _variables(prompt, sample, order)
    if prompt.settings.kind == "caption":
        messages = _caption_message(prompt, sample, order, variables)
    else:
        shown = [message for one in examples for message in _worked(prompt, one)]
        messages = (*_system(prompt, variables), *shown, _user(prompt, sample, variables))
    return RenderedPrompt(
        sample=sample,
        prompt=prompt.name,
        prompt_sha256=prompt.sha256,
        messages=messages,
        options=tuple(sample.question.options[i] for i in order),
        labels=variables["labels"],
        order=order,
        gold=order.index(sample.question.gold),
        max_tokens=prompt.settings.max_tokens,
        box_format=prompt.settings.boxes,
    )


def _variables(prompt: Prompt, sample: Sample, order: tuple[int, ...]) -> dict[str, Any]:
    before, alphabet, after = split_style(prompt.settings.labels)
    labels = make_labels(alphabet, len(order))
    options = (sample.question.options[i] for i in order)
    shown = [
        ShownOption(label, before + label + after, text, i)
        for i, (label, text) in enumerate(zip(labels, options, strict=True))
    ]
    return {
        "question": sample.question.text,
        "options": shown,
        "labels": labels,
        "task": _task_fields(sample.task),
    }


def _system(prompt: Prompt, variables: Mapping[str, Any]) -> tuple[Message, ...]:
    if prompt.system is None:
        return ()
    return (Message("system", (Text(_run(prompt, prompt.system, variables)),)),)


def _user(prompt: Prompt, sample: Sample, variables: Mapping[str, Any]) -> Message:
    text = Text(_run(prompt, prompt.template, variables))
    if sample.image is None:
        return Message("user", (text,))
    before = prompt.settings.image == "before"
    return Message("user", (sample.image, text) if before else (text, sample.image))


def _worked(prompt: Prompt, example: WorkedExample) -> tuple[Message, Message]:
    sample, order = example.sample, example.order
    variables = _variables(prompt, sample, order)
    right = variables["options"][order.index(sample.question.gold)]
    said = _run(prompt, prompt.answer, {**variables, "label": right.label, "option": right.text})
    return _user(prompt, sample, variables), Message("assistant", (Text(said),))


def _caption_message(
    prompt: Prompt, sample: Sample, order: tuple[int, ...], variables: Mapping[str, Any]
) -> tuple[Message, ...]:
    texts = []
    captions = sample.row.captions.get(sample.question.name, ())
    for option, original in zip(variables["options"], order, strict=True):
        variants = {f"caption_{i}": v[original] for i, v in enumerate(captions) if v}
        one = {**variables, **variants, "option": option.text}
        texts.append(_caption(prompt, one))
    image: tuple[Image, ...] = (sample.image,) if sample.image is not None else ()
    role: Literal["caption", "captions"] = "captions" if prompt.settings.ensemble else "caption"
    return (Message(role, image + tuple(texts)),)


def _caption(prompt: Prompt, variables: Mapping[str, Any]) -> Text:
    """The caption of an option; of an ensemble its captions, one a line, each once."""
    text = _run(prompt, prompt.template, variables)
    if not prompt.settings.ensemble:
        return Text(text)
    captions = dict.fromkeys(line.strip() for line in text.split("\n") if line.strip())
    if not captions:
        empty = f"the ensemble has no caption of {variables['option']!r}"
        raise _fault(prompt, prompt.template, None, empty)
    return Text("\n".join(captions))


def _task_fields(task: Task) -> dict[str, Any]:
    return {**task.fields, "name": task.name, "title": task.title, "group": task.group}


def _run(prompt: Prompt, template: Template, variables: Mapping[str, Any]) -> str:
    pieces, length = [], 0
    context = new_context(template, variables)
    try:
        for piece in template.root_render_func(context):
            length += len(piece)
            if length > MAX_TEXT:
                raise TemplateError(f"the prompt grows beyond {MAX_TEXT:,} characters")
            pieces.append(piece)
        text = "".join(pieces).removesuffix("\n")
        if not text.isascii():
            text.encode()  # raises where a lone surrogate was written, which no record can hold
    except RecursionError:
        raise _fault(prompt, template, None, "a macro calls itself without end") from None
    except Exception:  # a template's code may raise whatever its data makes it raise
        error = _in_template_lines()
        line = _line_in_template(error, template)
        raise _fault(prompt, template, line, _template_message(error, variables)) from None
    return text


def _fault(prompt: Prompt, template: Template, line: int | None, message: str) -> DefinitionError:
    setting = {id(prompt.system): "system", id(prompt.answer): "answer"}.get(id(template), "")
    return _template_error(prompt.path, line, message, prompt.first_line, setting)


def _in_template_lines() -> Exception:
    """The exception being handled, its traceback in lines of the template."""
    try:
        environment().handle_exception()
    except Exception as error:
        return error


def _template_message(error: Exception, variables: Mapping[str, Any]) -> str:
    message = f"{error}"
    if message.endswith("is undefined"):
        message += f". A template sees {', '.join(k for k in variables)}"
        if "option" in variables:
            message += " (caption_0, caption_1 only where the data has them)"
    return message


def _line_in_template(error: Exception, template: Template) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == (template.filename or "<template>"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _full_name(stem: str, overrides: Mapping[str, str]) -> str:
    if not overrides:
        return stem
    short = {
        key: value if len(value) <= 24 else hashlib.sha256(value.encode()).hexdigest()[:8]
        for key, value in sorted(overrides.items())
    }
    return f"{stem}[{','.join(f'{key}={value}' for key, value in short.items())}]"


def _find(name: str) -> Path:
    known = prompt_names()
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if is_file(path):
        return path
    if path.suffix == SUFFIX or "/" in name:
        raise DefinitionError(f"There is no prompt file {name!r}.")
    packaged = packages.find("prompts", SUFFIX, name)
    if packaged is not None:
        return packaged
    near = did_you_mean(name, [*known, *packages.names("prompts", SUFFIX)])
    raise DefinitionError(
        f"There is no prompt {name!r}. {near} "
        "`mubench-gen prompts` lists them; a path to a .j2 file works too."
    )


def _split_header(source: str, path: Path) -> tuple[str, str, int]:
    lines = source.split("\n")
    if lines[0].strip() != _FENCE:
        return "", source.removesuffix("\n"), 1
    for i, line in enumerate(lines[1:], start=1):
        if line.strip() == _FENCE:
            return "\n".join(lines[1:i]), "\n".join(lines[i + 1 :]).removesuffix("\n"), i + 2
    raise DefinitionError(f"{path}:1: the header opens with {_FENCE} and is never closed.")


def _settings(header: str, path: Path, overrides: dict[str, str]) -> PromptSettings:
    try:
        own = read_toml("\n" + header)  # one line lower, as in the file
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{path}: the header is no valid TOML: {error}.") from None
    if "labels" in overrides:
        default = str(own.get("labels", PromptSettings.model_fields["labels"].default))
        overrides["labels"] = restyle(default, overrides["labels"])
    unknown = [key for key in overrides if key not in PromptSettings.model_fields]
    if unknown:
        near = did_you_mean(unknown[0], PromptSettings.model_fields)
        raise SettingError(f"A prompt has no setting {unknown[0]!r}. {near}")
    try:
        settings = PromptSettings.model_validate({**own, **overrides})
        split_style(settings.labels)
        check_orders(settings.order)
        if settings.boxes:
            box_format(settings.boxes)
        if settings.ensemble and settings.kind != "caption":
            raise SettingError("ensemble = true: only a caption prompt is an ensemble")
        if settings.shots and (settings.kind != "chat" or settings.boxes):
            what = "captions" if settings.kind != "chat" else "boxes"
            raise SettingError(
                f"shots = {settings.shots}: worked examples are for prompts that ask a chat model "
                f"for an option; this one is of {what}"
            )
    except (ValidationError, SettingError) as error:
        problem = first_problem(error, PromptSettings)
        if problem.key in overrides:
            raise SettingError(
                f"Prompt setting {problem.key}: {problem.text.rstrip('.')}."
            ) from None
        line = line_of_key("\n" + header, problem.key)
        raise DefinitionError(
            f"{path}:{line}: {problem.key}: {problem.text.rstrip('.')}."
        ) from None
    return settings


@lru_cache(maxsize=512)  # the variants of a study share their templates
def _compile(source: str, path: Path, first_line: int | None, setting: str = "") -> Template:
    """`first_line` of the template in its file; `setting`: the setting that it is instead."""
    try:
        return environment().from_string(source)
    except TemplateSyntaxError as error:
        line, message = error.lineno, error.message or str(error)
    except (RecursionError, SyntaxError):  # SyntaxError: Python's, of the code Jinja made
        line, message = None, "the template is nested too deeply"
    raise _template_error(path, line, message, first_line, setting)


def _template_error(
    path: Path, line: int | None, message: str, first_line: int | None, setting: str
) -> DefinitionError:
    message = message.rstrip(".")
    if setting or first_line is None:
        return DefinitionError(f"{path}: {setting}: {message}.")
    where = f"{path}:{line + first_line - 1}" if line is not None else f"{path}"
    return DefinitionError(f"{where}: {message}.")
