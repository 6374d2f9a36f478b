"""The settings of a prompt: its file's header, and what a run sets over it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mubench_gen.errors import DefinitionError, SettingError, did_you_mean
from mubench_gen.parser.box_formats import box_format
from mubench_gen.parser.label_styles import restyle, split_style
from mubench_gen.prompts.files import TemplateFile
from mubench_gen.prompts.orders import check_orders
from mubench_gen.prompts.toml_files import first_problem, line_of_key, read_toml
from mubench_gen.types import PerLength, Pooling


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
        "before",
        description="before or after the text: images that neither text nor template places",
    )
    pooling: Pooling = Field(
        "mean",
        description="of a contrastive model's similarities to several images: mean or maximum",
    )
    cloze: PerLength = Field(
        "tokens", description="what the read-out cloze divides log-probabilities by: tokens, …"
    )
    max_tokens: int = Field(64, ge=1, description="longest reply, in tokens")
    ensemble: bool = Field(
        False, description="each line of a caption prompt is a caption; embeddings are averaged"
    )
    asks: Literal["option", "open"] = Field(
        "option", description="option, or open: several options, a number or a text, as form says"
    )
    boxes: str = Field("", description="the format of the boxes that it asks for; empty: none")
    mention: Literal["as-is", "image", "no-image"] = Field(
        "as-is", description="say first that an image is attached, or that none is; as-is: neither"
    )
    hint: Literal["none", "right", "wrong", "random"] = Field(
        "none", description="name an option as the answer: the right one, a wrong one, or either"
    )
    hint_seed: int = Field(0, ge=0, description="seed of which wrong option the hint names")
    shots: int = Field(0, ge=0, le=32, description="worked examples before the question")
    answer: str = Field(
        "{{ label }}", description="what a worked example answers (a template; label, option)"
    )


def read_settings(source: TemplateFile, overrides: dict[str, str]) -> PromptSettings:
    """The settings of a prompt file's header, with `overrides` over them; all of them checked.

    SettingError for an override that is wrong, DefinitionError for what stands in the file.
    """
    header, path = "\n" + source.header, source.path  # one line lower, as in the file
    own = read_toml(header, path, what="the header is no valid TOML")
    if "labels" in overrides:
        default = str(own.get("labels", PromptSettings.model_fields["labels"].default))
        overrides["labels"] = restyle(default, overrides["labels"])
    unknown = [key for key in overrides if key not in PromptSettings.model_fields]
    if unknown:
        near = did_you_mean(unknown[0], PromptSettings.model_fields)
        raise SettingError(f"A prompt has no setting {unknown[0]!r}. {near}")
    try:
        settings = PromptSettings.model_validate({**own, **overrides})
        _check(settings)
    except (ValidationError, SettingError) as error:
        problem = first_problem(error, PromptSettings)
        if problem.key in overrides:
            raise SettingError(
                f"Prompt setting {problem.key}: {problem.text.rstrip('.')}."
            ) from None
        line = line_of_key(header, problem.key)
        raise DefinitionError(
            f"{path}:{line}: {problem.key}: {problem.text.rstrip('.')}."
        ) from None
    return settings


def _check(settings: PromptSettings) -> None:
    """SettingError for settings that do not go together."""
    split_style(settings.labels)
    check_orders(settings.order)
    if settings.boxes:
        box_format(settings.boxes)
    if settings.ensemble and settings.kind != "caption":
        raise SettingError("ensemble = true: only a caption prompt is an ensemble")
    if settings.pooling != "mean" and settings.kind != "caption":
        raise SettingError(
            f"pooling = {settings.pooling}: only a caption prompt, for models that compare "
            "images with texts, pools similarities"
        )
    for key in ("mention", "hint"):
        if getattr(settings, key) not in ("as-is", "none") and settings.kind != "chat":
            raise SettingError(f"{key} = {getattr(settings, key)}: captions say nothing to a model")
    if settings.asks == "open" and (settings.kind != "chat" or settings.boxes):
        raise SettingError("asks = open: only a prompt of a chat, without boxes, has open answers")
    is_open = settings.asks == "open"
    if settings.hint != "none" and (settings.boxes or is_open):
        asked = "boxes" if settings.boxes else "an open answer"
        raise SettingError(f"hint = {settings.hint}: a prompt that asks for {asked} has no options")
    if settings.shots and (settings.kind != "chat" or settings.boxes or is_open):
        what = (
            "captions" if settings.kind != "chat" else "boxes" if settings.boxes else "open answers"
        )
        raise SettingError(
            f"shots = {settings.shots}: worked examples are for prompts that ask a chat model "
            f"for an option; this one is of {what}"
        )
