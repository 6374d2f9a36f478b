"""Prompt ablations: a grid of prompts asked of models, and what the score depends on.

grid.py → survey.py → study.py (runs) → answers.py (arrays) → spread, effects, ranks, places
or rasch → findings.py. docs/ablations.md says what each number means.
"""
