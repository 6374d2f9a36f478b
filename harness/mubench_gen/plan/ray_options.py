"""`--engine ray`: a run whose model runs in several workers, and what each of them needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import Field, field_validator

from mubench_gen.engines.options import parse_options
from mubench_gen.errors import SettingError
from mubench_gen.model import Options
from mubench_gen.plan.settings import Settings

RAY = "ray"
_ACTORS = re.compile(r"(\d{1,6})(:(\d{1,6})?)?", re.ASCII)


class RayOptions(Options):
    """Ray's own options; all other options of the engine go to the one in the workers."""

    engine: str | None = Field(
        None, description="what runs the model in each worker; what would run it without Ray"
    )
    actors: str = Field(
        "1:", description="workers: 4, or 1:8 as many as there is work and room for, 1: no limit"
    )
    cpus: float = Field(1.0, ge=0, description="CPU cores that each worker takes")
    gpus: float = Field(0.0, ge=0, description="GPUs that each worker takes; 0.5: two share one")
    batch: int = Field(
        128, ge=1, description="requests a task, about; an image's requests stay together"
    )

    @field_validator("actors")
    @classmethod
    def _range(cls, value: str) -> str:
        found = _ACTORS.fullmatch(value.strip())
        if found is None or int(found[1]) < 1:
            raise ValueError("a number from 1 on is needed, or MIN:MAX")
        if found[3] is not None and int(found[3]) < int(found[1]):
            raise ValueError("MAX is less than MIN")
        return value.strip()

    @property
    def least(self) -> int:
        return int(self.actors.split(":")[0])

    @property
    def most(self) -> int | None:
        """None: as many as there is room for."""
        least, colon, most = self.actors.partition(":")
        if not colon:
            return int(least)
        return int(most) if most else None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster to ask on; `address` None: one that is started on this machine."""

    address: str | None
    options: RayOptions


def split_cluster(settings: Settings) -> tuple[Settings, Cluster | None]:
    """The settings as they are without Ray, and the cluster; None where Ray is not asked for.

    Ray does not change a run's results: a run begun with it goes on without it, and vice versa.
    """
    if settings.engine != RAY:
        if settings.ray_address is not None:
            raise SettingError("--ray-address goes with --engine ray.")
        return settings, None
    if settings.keep_embeddings:
        raise SettingError("--keep-embeddings does not go with --engine ray.")
    own = {k: v for k, v in settings.engine_options.items() if k in RayOptions.model_fields}
    options = parse_options(RayOptions, own, engine=RAY)
    if options.engine == RAY:
        raise SettingError("-o engine.engine=ray: Ray cannot run in its own workers.")
    left = {
        k: v
        for k, v in settings.options.items()
        if not (k.startswith("engine.") and k[7:] in RayOptions.model_fields)
    }
    inner = settings.model_copy(
        update={"engine": options.engine, "options": left, "ray_address": None}
    )
    return inner, Cluster(settings.ray_address, options)
