"""settings → plan → requests: all that a run needs, found and checked before anything is asked."""

from mubench_gen.plugins.moved_modules import moved_names

__getattr__ = moved_names("mubench_gen.plan.plan", ("Plan", "make_plan"))
