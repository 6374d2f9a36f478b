"""`mubench_gen.ablate`: a study from Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mubench_gen.ablation.grid import StudySettings, make_study_settings
from mubench_gen.ablation.opening import open_study
from mubench_gen.ablation.shipped import with_study
from mubench_gen.ablation.stored import AblationStudy
from mubench_gen.ablation.study import run_study, surveys
from mubench_gen.plugins.registry import Plugins
from mubench_gen.scores.joint import Adjust


def ablate(
    *,
    plugin: str | Sequence[str] = (),
    study: str | None = None,
    base: str | None = None,
    finetuned: str | None = None,
    pair: str | None = None,
    progress: bool = False,
    adjust: Adjust = "maxt",
    plugins: Plugins | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> AblationStudy:
    """Evaluate a grid of settings: what `mubench-gen ablate` does, with its flags as arguments.

    `plugin`, `model`, `prompt`, `labels`, `orders`, `system`, `image`, `readout` and `shots` are
    lists of levels, `axis` a mapping of other settings to theirs ({"temperature": [0, 0.7]}), and
    `budget` how many pairs to ask. `settings` are else those of `RunSettings`. The same arguments
    again resume an unfinished study. `study`, `base`, `finetuned`, `pair`: as the flags.
    UsageError for what the user must fix.
    """
    known = plugins or Plugins()
    given = {**settings, "plugin": plugin} if plugin else settings
    given = with_study(given, study, base, finetuned, known, pair)
    axes = make_study_settings(
        {name: given.pop(name) for name in StudySettings.model_fields if name in given}
    )
    reuse = given.pop("reuse", ())
    opened = open_study(
        axes,
        given,
        known,
        folder=None if run_dir is None else Path(run_dir),
        fresh=bool(given.pop("fresh", False)),
        reuse=[Path(path) for path in reuse],
        has_pair=finetuned is not None or pair is not None,
    )
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    run_study(opened, surveys(opened), command, adjust=adjust, progress=progress)
    return AblationStudy(opened.folder, adjust)
