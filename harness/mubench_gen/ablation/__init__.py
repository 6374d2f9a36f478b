"""Prompt ablations: models answer a grid of prompts, to see what the score depends on.

grid.py → survey.py → study.py (runs) → answers.py (arrays) → spread, effects, ranks, places
or rasch → findings.py. docs/ablations.md says what each number means.
"""
