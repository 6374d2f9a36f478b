"""inspect's log: what `inspect view` opens, made through inspect_ai's own API."""

from __future__ import annotations

import base64
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import IO, Any

from pydantic import Field

import mubench_gen
from mubench_gen import Export, Image, SettingError
from mubench_gen_plugins import exports
from mubench_gen_plugins.exports import Record


class Options(mubench_gen.Options):
    images: bool = Field(True, description="with the images that the run's folder or data have")


def write(runs: Sequence[Any], stream: IO[bytes], options: Options) -> None:
    """One run as an .eval file."""
    if len(runs) != 1:
        raise SettingError("An inspect log is of one run: export the runs one by one.")
    try:
        from inspect_ai.log import write_eval_log
    except ImportError:
        raise SettingError(
            "This format needs inspect_ai. Type: pip install 'mubench-gen[inspect]'"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.eval")
        write_eval_log(log_of(runs[0], options), str(path))
        stream.write(path.read_bytes())


def log_of(one: Any, options: Options) -> Any:
    """The run as inspect_ai's EvalLog."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
    )
    from inspect_ai.model import GenerateConfig

    manifest = one.run.manifest
    settings, sampling = manifest["settings"], manifest.get("sampling") or {}
    seen: dict[str, int] = defaultdict(int)
    shown = dict(map(_attachment, one.run.images() if options.images else ()))
    samples = [
        _sample(record, seen, shown)
        for record in one.run.records()
        if record["correct"] is not None
    ]
    groups = {"mubench-gen": one.scores.pooled}
    groups |= {f"mubench-gen {form}": of["pooled"].score for form, of in one.scores.open.items()}
    scores = [
        EvalScore(name=name, scorer=name, metrics=_metrics(group))
        for name, group in groups.items()
        if group.n or name == "mubench-gen"
    ]
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=exports.started(manifest),
            task=f"mubench-gen {manifest['data']['name']}",
            dataset=EvalDataset(name=str(manifest["data"]["name"]), samples=len(samples)),
            model=f"{manifest['plugin']['name']}/{manifest['model']['id']}",
            model_generate_config=GenerateConfig(
                temperature=sampling.get("temperature"), max_tokens=sampling.get("max_tokens")
            ),
            config=EvalConfig(epochs=sampling.get("repeats", 1)),
            packages={"mubench-gen": mubench_gen.__version__},
            metadata={
                "run": manifest["id"],
                "prompt": settings.get("prompt"),
                "readout": settings.get("readout"),
                "control": settings.get("control"),
                "seed": manifest.get("seed"),
                "left_out": sum(r["correct"] is None for r in one.run.outcomes()),
            },
        ),
        results=EvalResults(
            total_samples=len(samples),
            completed_samples=len(samples),
            scores=scores,
        ),
        stats=EvalStats(
            started_at=exports.started(manifest), completed_at=exports.started(manifest)
        ),
        samples=samples,
    )


def _metrics(group: Any) -> dict[str, Any]:
    """The accuracy of a group of items, and its standard error where it is known."""
    from inspect_ai.log import EvalMetric

    found = {"accuracy": EvalMetric(name="accuracy", value=group.accuracy or 0.0)}
    stderr = exports.stderr(group.ci95)
    if stderr is not None:
        found["stderr"] = EvalMetric(name="stderr", value=stderr)
    return found


def _attachment(image: Image) -> tuple[str, str]:
    """The digest of an image, and a data URI of what was shown."""
    kind = "jpeg" if image.data.startswith(b"\xff\xd8") else "png"
    return image.sha256, f"data:image/{kind};base64,{base64.b64encode(image.data).decode()}"


def _sample(record: Record, seen: dict[str, int], shown: Mapping[str, str]) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ModelOutput
    from inspect_ai.scorer import Score

    seen[record["item"]] += 1
    reply = exports.reply_of(record)
    messages = [_message(message, shown) for message in record["messages"]]
    digests = [part.get("sha256") for m in record["messages"] for part in m["content"]]
    attached = {digest: shown[digest] for digest in digests if digest in shown}
    choice, span, told = record["choice"], record["span"], record.get("open")
    scorer = "mubench-gen" if told is None else f"mubench-gen {told['form']}"
    target: str | list[str] = exports.right_of(record)
    answer: str | None = exports.answer_of(record) or None
    if told is None or told["form"] == "several":  # options have letters
        right = [record["gold"]] if told is None else told["gold"]
        named = ([] if choice is None else [choice]) if told is None else told["found"] or []
        letters = [ascii_uppercase[place] for place in right]
        target = letters[0] if told is None else letters
        answer = ",".join(ascii_uppercase[place] for place in named) or None
    output = ModelOutput.from_content(
        str(record["model"]), reply, "max_tokens" if record["finish_reason"] == "length" else "stop"
    )
    score = Score(
        value="C" if record["correct"] else "I",
        answer=answer,
        explanation=reply,
        metadata={"status": record["status"], "rule": record["rule"], "span": span},
    )
    return EvalSample(
        id=record["item"],
        epoch=seen[record["item"]],
        input=messages,
        choices=list(map(str, record["options"])) or None,
        target=target,
        messages=[*messages, ChatMessageAssistant(content=reply)],
        output=output,
        scores={scorer: score},
        attachments=attached,
        metadata={
            **{
                name: record[name] for name in ("id", "task", "dataset", "image_id", "image_sha256")
            },
            **exports.set_of(record),
            **exports.form_of(record),
            "prompt": record["prompt"],
            **record["meta"],
        },
    )


def _message(message: Mapping[str, Any], shown: Mapping[str, str]) -> Any:
    """A message; its images stand once in the sample's attachments, which inspect resolves."""
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ContentImage, ContentText

    content: list[Any] = []
    for part in message["content"]:
        if part["type"] == "text":
            content.append(ContentText(text=part["text"]))
        elif part.get("sha256") in shown:
            content.append(ContentImage(image=f"attachment://{part['sha256']}"))
        else:
            content.append(ContentText(text=f"[image {part.get('sha256')}]"))
    if message["role"] == "system":
        return ChatMessageSystem(content=content)
    return ChatMessageUser(content=content)


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    title = "inspect's log, which `inspect view` opens"
    return [Export("inspect", title, write, Options, text=False)]
