"""OpenAI's batches: files of requests and answers, and a table of right answers, by custom_id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.errors import DataError
from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import Log, LoggedItem, NotAskedHere, entry
from mubench_gen.runs.interchange.logs.rows import first_object, json_lines, rows_of

_HINT = (
    "give all three: answers (lines with `response`), requests (lines with `body`), and a table "
    "with custom_id and answer (and options, where the prompt does not list them)."
)


def reads(path: Path) -> bool:
    """Whether a file has answers or requests of a batch."""
    found = first_object(path) if path.suffix == ".jsonl" else {}
    return "custom_id" in found and ("response" in found or "body" in found)


def read(paths: Sequence[Path], given: Mapping[str, str]) -> Log:
    """A batch. DataError where the requests or the right answers are missing."""
    answers = [path for path in paths if "response" in first_object(path)]
    requests = [path for path in paths if "body" in first_object(path)]
    keys = [path for path in paths if path not in (*answers, *requests)]
    if not (answers and requests and keys):
        raise DataError(f"{paths[0]}: a batch alone does not say what is right: {_HINT}")
    asked = _by_id(requests)
    left_out: Counter[str] = Counter()
    body = next(iter(asked.values()), {}).get("body") or {}
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    return Log(
        program="openai-batch",
        version="",
        model=str(body.get("model", "unknown")),
        items=_items(answers, asked, _by_id(keys), left_out),
        left_out=left_out,
        data=keys[0].stem,
        sampling={"temperature": body.get("temperature"), "max_tokens": most},
    )


def _by_id(paths: Sequence[Path]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for path in paths:
        for where, row in rows_of(path):
            if row.get("custom_id") in (None, ""):
                raise DataError(f"{where}: has no custom_id.")
            found[str(row["custom_id"])] = row
    return found


def _items(
    answers: Sequence[Path],
    asked: Mapping[str, Mapping[str, Any]],
    keys: Mapping[str, Mapping[str, Any]],
    left_out: Counter[str],
) -> Iterator[LoggedItem]:
    for path in answers:
        for where, row in json_lines(path):
            with entry(where, left_out):
                name = str(row["custom_id"])
                if name not in asked or name not in keys:
                    raise NotAskedHere("without a request or a right answer of its custom_id")
                yield _item(name, row, asked[name]["body"], keys[name])


def _item(
    name: str, row: Mapping[str, Any], body: Mapping[str, Any], key: Mapping[str, Any]
) -> LoggedItem:
    messages = _messages(body)
    prompt = tuple((str(m["role"]), _text(m["content"])) for m in messages)
    shown = "\n".join(text for _, text in prompt)
    options = choices.options_of(key, shown)
    error = _error(row)
    reply, reason = (None, None) if error else _reply(row["response"]["body"])
    return LoggedItem(
        name=name,
        question=choices.question_of(key) or prompt[-1][1],
        options=options,
        gold=choices.gold_of(key, options),
        reply=reply,
        prompt=prompt,
        image=next((one for m in messages for one in _images(m["content"])), None),
        model=str(body.get("model", "")),
        dataset=str(key.get("dataset", "")),
        task=str(key.get("task", "")),
        finish_reason=reason,
        usage=_usage(row) if not error else None,
        error=error,
    )


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages of a request, to /v1/chat/completions or to /v1/responses."""
    given = body["messages"] if "messages" in body else body["input"]
    return [{"role": "user", "content": given}] if isinstance(given, str) else list(given)


def _reply(body: Mapping[str, Any]) -> tuple[str, str | None]:
    """The text of an answer, and why it ended."""
    if "output" in body:  # of /v1/responses
        parts = [p for one in body["output"] for p in one.get("content") or ()]
        cut = body.get("status") == "incomplete"
        told = "".join(str(p.get("text") or p.get("refusal") or "") for p in parts)
        return told, "length" if cut else "stop"
    first = body["choices"][0]
    message = first["message"]
    return str(message["content"] or message.get("refusal") or ""), first.get("finish_reason")


def _error(row: Mapping[str, Any]) -> str | None:
    response = row.get("response") or {}
    if row.get("error"):
        return str(row["error"].get("message", row["error"]))
    if response.get("status_code", 200) != 200:
        told = ((response.get("body") or {}).get("error") or {}).get("message", "")
        return f"HTTP {response['status_code']}: {told}".rstrip(": ")
    return None


def _usage(row: Mapping[str, Any]) -> dict[str, int] | None:
    usage = row["response"]["body"].get("usage") or {}
    found = {name: usage[name] for name in ("prompt_tokens", "completion_tokens") if name in usage}
    return found or None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if "text" in part)


def _images(content: Any) -> Iterator[bytes]:
    for part in content if isinstance(content, list) else ():
        url = part.get("image_url")
        found = (
            choices.decoded(str(url.get("url") if isinstance(url, dict) else url)) if url else None
        )
        if found is not None:
            yield found
