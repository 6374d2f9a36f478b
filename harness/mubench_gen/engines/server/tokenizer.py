"""The tokenizer and the chat template of a vLLM server, asked for over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mubench_gen.engines.server.client import Client
from mubench_gen.errors import ItemError, ReplyError, UsageError

_ASKED = ({"role": "user", "content": "?"},)


class ServerTokenizer:
    """Asks one server. `talk` are the fields of a request that the template gets.

    Every method waits for the server: none may be called in the client's own loop.
    """

    def __init__(self, client: Client, model: str, talk: Mapping[str, Any]) -> None:
        self._client = client
        self._model = model
        self._talk = talk

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """The text's tokens; `special`: with what the tokenizer puts around by itself."""
        fields = {"prompt": text, "add_special_tokens": special}
        return [int(token) for token in self._ask("tokenize", fields, "tokens")]

    def decode(self, tokens: Sequence[int]) -> str:
        if not tokens:
            return ""
        return str(self._ask("detokenize", {"tokens": list(tokens)}, "prompt"))

    def chat(self, *, reply: bool) -> list[int]:
        """A short conversation as the template writes it, with or without the reply's start."""
        fields = {"messages": list(_ASKED), "add_generation_prompt": reply, **self._talk}
        return [int(token) for token in self._ask("tokenize", fields, "tokens")]

    def tail(self) -> str:
        """What the template writes where the reply starts, as far as it is a tail."""
        before, whole = self.chat(reply=False), self.chat(reply=True)
        return self.decode(whole[len(before) :]) if whole[: len(before)] == before else ""

    def settles(self, stop: Sequence[str]) -> dict[str, Any]:
        """Fields without which a server would ask otherwise than the engines in process do.

        A chat completion never has the tokenizer write the beginning of a prompt, also where
        the template leaves it to it (LLaVA's); and a stop string that is a token of its own is
        no text where special tokens are not written. Nothing where the server doesn't tell.
        """
        try:
            return {**self._beginning(), **self._stops(stop)}
        except (ItemError, UsageError):
            return {}

    def _beginning(self) -> dict[str, Any]:
        plain, whole = self.encode("?"), self.encode("?", special=True)
        first = whole[: len(whole) - len(plain)] if whole[-len(plain) :] == plain else []
        begun = not first or self.chat(reply=True)[: len(first)] == first
        return {} if begun else {"add_special_tokens": True}

    def _stops(self, stop: Sequence[str]) -> dict[str, Any]:
        ids = [tokens[0] for text in stop if len(tokens := self.encode(text)) == 1]
        return {"stop_token_ids": ids} if ids else {}

    def _ask(self, path: str, fields: Mapping[str, Any], wanted: str) -> Any:
        body = orjson.dumps({"model": self._model, **fields})
        content = self._client.run(self._client.post(path, body, about="", root=True))
        try:
            return orjson.loads(content)[wanted]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ReplyError(f"the server's /{path} gave no {wanted}") from None
