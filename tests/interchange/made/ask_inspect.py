"""The twelve questions as a task of inspect."""

from __future__ import annotations

import json
import os
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice


@task
def slides() -> Task:
    docs = [json.loads(line) for line in Path(os.environ["SLIDES"]).read_text().splitlines()]
    samples = [
        Sample(
            id=doc["id"],
            input=[
                ChatMessageUser(
                    content=[
                        ContentImage(image=f"data:image/png;base64,{doc['image']}"),
                        ContentText(text=doc["question"]),
                    ]
                )
            ],
            choices=doc["choices"],
            target="ABCD"[doc["answer"]],
        )
        for doc in docs
    ]
    return Task(dataset=MemoryDataset(samples, "slides"), solver=multiple_choice(), scorer=choice())
