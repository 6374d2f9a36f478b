"""One row of the demo in μ-Bench's schema: 22 columns, six questions, twelve captions."""

from __future__ import annotations

import uuid
from typing import Any

from mubench_gen.data.demo.catalogue import DEMO_SETS
from mubench_gen.data.demo.plan import Micrograph
from mubench_gen.data.demo.vocabulary import VOCABULARY

NONE_OF_THE_ABOVE = "none of the above"
MAX_REAL_OPTIONS = 5

# The official stems, the same for every image.
STEMS = {
    "domain": "What is the most likely field of study this micrograph would be used for?",
    "subdomain": "What is the most likely subfield of study this micrograph would be used for?",
    "modality": "What is the most likely microscopy modality used to acquire this image?",
    "submodality": "What is the most likely microscopy submodality used to acquire this image?",
    "stain": "What is the most likely technique used to stain this micrograph?",
}
CAPTIONS = {
    "domain": ("A micrograph used in {class}.", "An image from the field of {class}."),
    "subdomain": (
        "A micrograph used in {class}.",
        "An image from the subfield of {class}.",
    ),
    "modality": (
        "A micrograph acquired through {class}.",
        "A microscopy image taken by {class}.",
    ),
    "submodality": (
        "A micrograph acquired through {class}.",
        "A microscopy image taken by {class}.",
    ),
    "stain": (
        "A micrograph stained with {class}.",
        "A microscopy image with the stain {class}.",
    ),
}
QUESTIONS = (
    "classification",
    "domain",
    "modality",
    "stain",
    "subdomain",
    "submodality",
)

_LABELS = {
    (dataset.name, name): label
    for label, (dataset, name) in enumerate((d, c) for d in DEMO_SETS for c in d.classes)
}


def answers(micrograph: Micrograph) -> dict[str, str]:
    """The right answer to each of the six questions."""
    acquisition = micrograph.acquisition
    return {
        "classification": micrograph.class_name,
        "domain": acquisition.domain,
        "modality": micrograph.dataset.modality,
        "stain": acquisition.stain,
        "subdomain": acquisition.subdomain,
        "submodality": acquisition.submodality,
    }


def row(micrograph: Micrograph) -> dict[str, Any]:
    """The row as a JSON object, its columns in μ-Bench's order."""
    dataset, acquisition = micrograph.dataset, micrograph.acquisition
    questions = {name: _question(micrograph, name) for name in QUESTIONS}
    scale = dataset.microns_per_pixel * micrograph.random("scale").uniform(0.8, 1.2)
    return {
        "image_id": micrograph.image_id,
        "image": {"bytes": None, "path": f"images/{micrograph.image_id}.png"},
        "label": _LABELS[dataset.name, micrograph.class_name],
        "label_name": micrograph.class_name.replace(" ", "_"),
        "dataset": dataset.name,
        "domain": acquisition.domain,
        "institution": acquisition.institution,
        "license": "Apache-2.0",
        "microns_per_pixel": float(f"{scale:.3g}"),
        "modality": dataset.modality,
        "ncbitaxon_id": dataset.taxon[0],
        "ncbitaxon_name": dataset.taxon[1],
        "pmid": None,
        "split": "test",
        "stain": acquisition.stain,
        "subdomain": acquisition.subdomain,
        "submodality": acquisition.submodality,
        "synthetic": dataset.synthetic,
        "captions": {
            f"{name}_{variant}": _caption(micrograph, questions[name], variant)
            for name in QUESTIONS
            for variant in (0, 1)
        },
        "questions": questions,
        "bbox": None,
        "polygon": None,
    }


def _question(micrograph: Micrograph, name: str) -> dict[str, Any]:
    answer = answers(micrograph)[name]
    options = _options(micrograph, name, answer)
    digits = micrograph.random(f"{name}/id").getrandbits(128)
    return {
        "id": str(uuid.UUID(int=digits, version=4)),
        "name": name,
        "question": STEMS.get(name, micrograph.dataset.question),
        "options": options,
        "answer": answer,
        "answer_idx": options.index(answer),
        "tags": None,
    }


def _options(micrograph: Micrograph, name: str, answer: str) -> list[str]:
    """The answer and up to four others, shuffled, and last what is never right."""
    classes = VOCABULARY.get(name, micrograph.dataset.classes)
    chance = micrograph.random(f"{name}/options")
    others = [c for c in classes if c != answer]
    real = [answer, *chance.sample(others, min(MAX_REAL_OPTIONS - 1, len(others)))]
    chance.shuffle(real)
    return [*real, NONE_OF_THE_ABOVE]


def _caption(micrograph: Micrograph, question: dict[str, Any], variant: int) -> dict[str, Any]:
    name = question["name"]
    template = CAPTIONS.get(name, micrograph.dataset.captions)[variant]
    real = question["options"][:-1]
    return {
        "id": question["id"],
        "name": name,
        "question": template,
        "options": [*(template.replace("{class}", c) for c in real), NONE_OF_THE_ABOVE],
        "answer_idx": str(question["answer_idx"]),
        "tags": None,
    }
