"""What is on image number `index` of a seed, before anything is painted."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

from mubench_gen.data.demo.catalogue import DEMO_SETS, Acquisition, DemoSet

_NAMESPACE = uuid.UUID("6d75626e-6368-4e67-8e64-656d6f000000")


@dataclass(frozen=True, slots=True)
class Micrograph:
    """An image to be: its class and how it was acquired. Drawn from (seed, index) alone."""

    seed: int
    index: int
    dataset: DemoSet
    class_name: str
    acquisition: Acquisition

    @property
    def image_id(self) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self.seed}/{self.index}"))

    def random(self, purpose: str) -> random.Random:
        """A generator of its own for `purpose`, the same in every process."""
        return random.Random(f"{self.seed}/{self.index}/{purpose}")


def plan(seed: int, index: int) -> Micrograph:
    """Data sets take turns by index, and so do the classes within each."""
    dataset = DEMO_SETS[index % len(DEMO_SETS)]
    turn = index // len(DEMO_SETS)
    chance = random.Random(f"{seed}/{index}/acquisition")
    return Micrograph(
        seed=seed,
        index=index,
        dataset=dataset,
        class_name=dataset.classes[turn % len(dataset.classes)],
        acquisition=chance.choice(dataset.acquisitions),
    )
