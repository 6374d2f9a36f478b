"""A page for each task, made of its file and, for the demo's tasks, of the data.

`python docs/task_pages.py RUN` writes `docs/task_baselines.json`: the accuracy by task of a run
without images (`--control blind`), which stands on the pages.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BASELINES = HERE / "task_baselines.json"
_IMAGES = 27  # three a data set: what is asked is as in the whole demo


def names() -> list[str]:
    """The pages, by their path in the site."""
    from mubench_gen.storage.paths import definitions

    tasks = sorted(path.stem for path in definitions("tasks").glob("*.toml"))
    return ["tasks/index.md", *(f"tasks/{_file(name)}.md" for name in tasks)]


def pages() -> tuple[dict[str, str], dict[str, bytes]]:
    """The pages' text and their pictures, by path."""
    from mubench_gen.tasks.task import load_tasks

    tasks = load_tasks()
    with tempfile.TemporaryDirectory() as scratch:
        demo = _demo(Path(scratch) / "demo")
        shown = {task.name: _shown(task, demo) for task in tasks}
    texts = {"tasks/index.md": _index(tasks, shown)}
    pictures = {}
    for task in tasks:
        sample = shown[task.name]
        texts[f"tasks/{_file(task.name)}.md"] = _page(task, sample)
        if sample is not None:
            pictures[f"tasks/{_file(task.name)}.png"] = sample["picture"]
    return texts, pictures


def _file(name: str) -> str:
    return name.replace("_", "-")


def _demo(folder: Path) -> Any:
    from mubench_gen.data import open_dataset
    from mubench_gen.data.cache import generate_demo

    generate_demo(folder, images=_IMAGES)
    return open_dataset(str(folder))


def _shown(task: Any, demo: Any) -> dict[str, Any] | None:
    """One question of the task in the demo, as a model sees it, and the facts of all of them."""
    from mubench_gen.prompts.render import load_prompt, render
    from mubench_gen.tasks.samples import samples
    from mubench_gen.types import Image

    asked = list(samples([task], demo))
    if not asked:
        return None
    first = asked[0]
    count = len(first.question.options)
    (message,) = render(load_prompt("paper"), first, tuple(range(count))).messages
    assert isinstance(first.image, Image)
    return {
        "item": first.id,
        "prompt": "\n".join(getattr(part, "text", "[image]") for part in message.content),
        "answer": first.question.options[first.question.gold],
        "options": count,
        "licences": sorted({str(one.row.meta.get("license")) for one in asked}),
        "picture": first.image.data,
    }


def _index(tasks: Any, shown: dict[str, Any]) -> str:
    lines = [
        "# The tasks",
        "",
        "A task is one kind of question, and a file in `tasks/`. *coarse* tasks ask what every "
        "picture has (modality, stain, field); *fine* ones what is special to a data set; "
        "*localization* asks where things are, or how many. `mubench-gen tasks` prints this list, "
        "`mubench-gen tasks show NAME` one of them.",
        "",
        "| task | what it asks | group | questions | chance |",
        "|---|---|---|---:|---:|",
    ]
    for task in tasks:
        facts = _counts(task, shown[task.name])
        link = f"[`{task.name}`]({_file(task.name)}.md)"
        lines.append(
            f"| {link} | {task.title} | {task.group} | {facts['questions']} | {facts['chance']} |"
        )
    return "\n".join(lines) + "\n"


def _counts(task: Any, sample: dict[str, Any] | None) -> dict[str, str]:
    expected = task.expected
    options = expected.get("options") or (sample["options"] if sample is not None else None)
    about = "≈ " if expected.get("approximate") else ""
    number = expected.get("questions")
    return {
        "questions": f"{about}{number:,}" if number else "as many as the data have",
        "options": str(options) if options else "they differ",
        "chance": f"{1 / options:.1%}" if options else "unknown",
    }


def _page(task: Any, sample: dict[str, Any] | None) -> str:
    return "\n\n".join(_parts(task, sample)) + "\n"


def _parts(task: Any, sample: dict[str, Any] | None) -> Iterator[str]:
    yield f"# {task.title}\n\n`{task.name}` · {task.group}"
    if sample is not None:
        name = _file(task.name)
        yield f"![A picture that the task {task.name} asks about]({name}.png){{ width=256 }}"
        yield "The first such question of the demo, exactly as a model gets it (prompt `paper`):"
        yield f"```text\n{sample['prompt']}\n```"
        yield f"The right answer here is **{sample['answer']}** (item `{sample['item']}`)."
    else:
        prompt = "detect-json" if task.question == "boxes" else "paper"
        yield (
            "Its pictures are in μ-Bench, which is not part of this package. "
            f"`mubench-gen tasks show {task.name} --data ubench` makes a page of them, and "
            f"`mubench-gen prompts show {prompt} --task {task.name} --data ubench` prints a prompt."
        )
    facts = _counts(task, sample)
    rows = {
        "question": f"the column `questions.{task.question}` of each row",
        "data sets": ", ".join(f"`{one}`" for one in task.datasets) or "all",
        "questions, as published": facts["questions"],
        "options": facts["options"],
        "accuracy by chance": facts["chance"],
        **_measured(task, sample),
        "licence": _licence(sample),
        "source": task.source,
        "tags": ", ".join(task.tags),
        "definition": f"SHA-256 `{task.sha256[:16]}…`",
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items() if value)
    yield f"| fact | value |\n|---|---|\n{table}"
    yield f"```bash\n{_command(task, sample)}\n```"


def _measured(task: Any, sample: dict[str, Any] | None) -> dict[str, str]:
    """Accuracies without looking: the most frequent answer's, and a model's without the image."""
    found = json.loads(BASELINES.read_text("utf-8"))
    blind = found["tasks"].get(task.name)
    if blind is None or sample is None:
        return {"without the image": "not measured: `--control blind` measures it for your model"}
    measured = f"of {blind['n']} questions of the demo"
    return {
        "always the most frequent answer": f"{blind['majority']:.1%} {measured}",
        "a model without the image": f"{blind['accuracy']:.1%} {measured} (`{found['command']}`)",
    }


def _licence(sample: dict[str, Any] | None) -> str:
    if sample is None:
        return "one for each row: `mubench-gen data info ubench` lists them"
    return f"{', '.join(sample['licences'])} (the demo's; each row of other data has its own)"


def _command(task: Any, sample: dict[str, Any] | None) -> str:
    data = "" if sample is not None else " --data ubench"
    return f"mubench-gen eval --plugin tiny --tasks {task.name}{data}"


def write_baselines(run: Path) -> None:
    """Keep the accuracy by task of a run without images, and that of the most frequent answer."""
    from mubench_gen import load_run

    found = load_run(run)
    plugin, limit = found.manifest["plugin"]["name"], found.manifest["settings"]["limit"]
    command = f"mubench-gen eval --plugin {plugin} --control blind --limit {limit}"
    tasks = {
        name: {
            "n": one.n,
            "accuracy": round(one.accuracy or 0.0, 4),
            "majority": round(found.scores.controls[name].majority, 4),
        }
        for name, one in found.scores.tasks.items()
    }
    BASELINES.write_text(json.dumps({"command": command, "tasks": tasks}, indent=1) + "\n")


if __name__ == "__main__":
    write_baselines(Path(sys.argv[1]))
