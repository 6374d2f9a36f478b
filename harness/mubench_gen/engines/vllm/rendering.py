"""Asks as a chat template and its tokenizer render them. No vLLM here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jinja2

from mubench_gen.engines.label_tokens import label_tokens
from mubench_gen.engines.option_tokens import continued
from mubench_gen.engines.vllm.asks import Ask

Tokens = tuple[tuple[int, ...], ...]  # of each label those that it may begin with


class AskRenderer:
    """A model's chat template (None: its tokenizer renders without one) with the `arguments` that
    it is given, and its tokenizer."""

    def __init__(self, tokenizer: Any, template: str | None, arguments: Mapping[str, Any]) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._arguments = arguments
        self._labels: dict[tuple[str, ...], Tokens] = {}
        self._begins: dict[str, bool] | None = None

    def settings(self, ask: Ask) -> dict[str, Any]:
        """How vLLM makes a prompt of the ask's conversation."""
        return {
            "chat_template": self._template,
            "chat_template_kwargs": dict(self._arguments) or None,
            "tokenization_kwargs": self._beginning(ask),
        }

    def label_tokens(self, ask: Ask) -> Tokens:
        """The first tokens of the ask's labels, cached by the labels."""
        if ask.labels not in self._labels:
            tokenizer = self._tokenizer
            self._labels[ask.labels] = label_tokens(
                ask.labels,
                tail=self._tail(ask),
                encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
                decode=tokenizer.decode,
            )
        return self._labels[ask.labels]

    def option_tokens(self, ask: Ask) -> list[list[int]]:
        """The tokens of each of the ask's options behind its prompt. ItemError for one without."""
        encode = partial(self._tokenizer.encode, add_special_tokens=False)
        return continued(ask.texts, self._tail(ask), encode)

    def length(self, ask: Ask) -> int:
        """The number of tokens of the ask's rendered text, without its images."""
        text = self._rendered(ask, reply=True)
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def _beginning(self, ask: Ask) -> dict[str, bool]:
        """Whether the tokenizer must add the beginning of sequence, because the template does not.

        transformers adds it (for LLaVA), `LLM.chat` by default never does.
        """
        if self._begins is None:
            bos = str(getattr(self._tokenizer, "bos_token", None) or "")
            begun = self._template is None or self._rendered(ask, reply=True).startswith(bos)
            self._begins = {} if begun else {"add_special_tokens": True}
        return self._begins

    def _tail(self, ask: Ask) -> str:
        """The text that the template adds after the messages, at the start of the reply."""
        if self._template is None:  # a tokenizer that renders without one (Mistral's)
            return ""
        try:
            whole, without = (self._rendered(ask, reply=reply) for reply in (True, False))
        except (jinja2.TemplateError, TypeError, ValueError):
            return ""
        return whole.removeprefix(without) if whole.startswith(without) else ""

    def _rendered(self, ask: Ask, *, reply: bool) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                list(ask.turns),
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=reply,
                **self._arguments,
            )
        )
