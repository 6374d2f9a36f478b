"""Microscopy and pathology benchmarks beside μ-Bench, a module each: `mubench-gen data`.

A module says what its data set is, where it is, how its rows are read, and where each of these
facts was read. No file of these data sets is shipped, and none was at hand: rows are read as
public code and cards describe them, and tested on made-up rows of that form.
"""

import mubench_gen
from mubench_gen_plugins.suite import (
    csmbench,
    matcha,
    medxpertqa,
    microvqa,
    microvqa_plus,
    mmbu,
    pathmmu,
    pmc_vqa,
    slake,
)

_MODULES = (
    microvqa,
    microvqa_plus,
    pathmmu,
    pmc_vqa,
    slake,
    medxpertqa,
    mmbu,
    matcha,
    csmbench,
)


@mubench_gen.hookimpl
def mubench_gen_datasets() -> list[mubench_gen.DataSet]:
    return [module.DATA_SET for module in _MODULES]
