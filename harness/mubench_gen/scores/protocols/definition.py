"""What a protocol's file says: how a benchmark is asked, how replies are read, what is counted."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mubench_gen.errors import SettingError
from mubench_gen.prompts.orders import check_orders
from mubench_gen.types import Readout

ALL = "all"  # the number that each protocol has: all that it counts, pooled


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asking(_Part):
    """How models of one kind are asked. What is not set is no part of the protocol."""

    prompt: tuple[str, ...] = Field(
        (), description="prompt styles; of several, a question counts once under each; none: any"
    )
    prompt_set: dict[str, str] = Field(
        default_factory=dict, description="settings of the prompts: labels, image, system, …"
    )
    readout: tuple[Readout, ...] = Field((), description="how answers are taken")
    orders: str | None = Field(None, description="orders of the options, as for --orders")
    temperature: float | None = Field(None, ge=0, allow_inf_nan=False)
    max_tokens: int | None = Field(None, ge=1, description="longest reply")
    repeats: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=0)

    @field_validator("prompt_set", mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: str(one).lower() if isinstance(one, bool) else str(one)
            for key, one in value.items()
        }

    @field_validator("orders")
    @classmethod
    def _known_orders(cls, orders: str | None) -> str | None:
        try:
            check_orders(orders or "given")
        except SettingError as error:
            raise ValueError(str(error).removeprefix("order = ")) from None
        return orders


class Ours(_Part):
    """The reading that the run has stored: that of `mubench_gen.parse_answer`."""

    rule: Literal["ours"]


class LetterOrOption(_Part):
    """Right if the gold option with its letter is in the reply, or this begins with the letter."""

    rule: Literal["letter-or-option"]
    strip: bool = Field(False, description="whether white space around the reply is taken away")


class Phrase(_Part):
    """The option that the group of a regular expression names."""

    rule: Literal["regex"]
    pattern: str = Field(description="with one group, as Python's `re.search` reads it")
    group: Literal["letter", "number", "label", "option"] = Field(
        description="what the group holds: A, B, …; 1, 2, …; the label as shown; the option's text"
    )
    take: Literal["first", "last"] = Field("first", description="of several places")

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"{pattern!r} has {groups} groups; one is needed")
        return pattern


class AnswerLine(_Part):
    """The letter behind the last marker that is followed by one."""

    rule: Literal["answer-line"]
    marker: str = Field(description="the word before the colon, in any case: ANSWER")
    otherwise: Literal["none", "last-capital"] = Field(
        "none", description="where no marker has a letter: no answer, or the last capital letter"
    )


class FirstLetter(_Part):
    """The option whose letter is the reply's first character."""

    rule: Literal["first-letter"]
    strip: bool = True


class Exact(_Part):
    """The option whose label or text is the whole reply."""

    rule: Literal["exact"]
    of: tuple[Literal["label", "option"], ...] = ("label",)
    ignore_case: bool = False


class OneLetterOrText(_Part):
    """The only letter among the reply's words, else the only option whose text is in it."""

    rule: Literal["one-letter-or-text"]
    signs: str = Field("", description="characters that are read as spaces")
    refusals: tuple[str, ...] = Field((), description="a reply with one of these has no answer")


Rule = Ours | LetterOrOption | Phrase | AnswerLine | FirstLetter | Exact | OneLetterOrText
Parser = Annotated[Rule, Field(discriminator="rule")]


class Chosen(_Part):
    """Some of the items; an empty list is all. "!NAME" stands for all others, * for any text."""

    groups: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


class Number(Chosen):
    """A number that the protocol reports."""

    title: str = Field("", description="what the source calls it")
    metric: Literal["accuracy", "macro-f1", "auc"] = Field(
        "accuracy",
        description="accuracy; the mean over the options' places of their F1; or the area under "
        "the ROC curve of all options' probabilities together",
    )
    over: Literal["items", "datasets", "tasks", "domains"] = Field(
        "items", description="items: pooled; else the mean over these, each with equal weight"
    )


class Data(_Part):
    """The data that the source used."""

    name: str
    revision: str | None = None


class ProtocolFile(_Part):
    """The keys of a protocol's file."""

    title: str = Field(description="what it is, in a line")
    benchmark: str = Field(description="the benchmark that it is for; empty: any")
    source: str = Field(description="where it stands: a paper; repository@commit and files")
    read: date | None = Field(None, description="the day on which the source was read")
    licence: str = Field("", description="the licence of the source's prompts")
    deviations: tuple[str, ...] = Field(
        (), description="what this harness does in another way, or the source doesn't say"
    )
    data: Data | None = None
    generative: Asking | None = Field(None, description="none: it asks no generative models")
    contrastive: Asking | None = Field(None, description="none: it asks no contrastive models")
    parser: Parser = Field(Ours(rule="ours"), description="how replies are read")
    exclude: Chosen = Field(
        default=Chosen(), description='items that no number counts; "!NAME": all but these'
    )
    domains: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="data sets by domain, for a mean over domains"
    )
    numbers: dict[str, Number] = Field(default_factory=dict, description="what it reports, by name")

    @model_validator(mode="after")
    def _sound(self) -> ProtocolFile:
        if self.generative is None and self.contrastive is None:
            raise ValueError("it asks no kind of model: add [generative] or [contrastive]")
        if ALL in self.numbers:
            raise ValueError(f"the number {ALL!r} is there in any case: rename numbers.{ALL}")
        if not self.domains and any(one.over == "domains" for one in self.numbers.values()):
            raise ValueError('a number is over = "domains", and there is no [domains]')
        return self
