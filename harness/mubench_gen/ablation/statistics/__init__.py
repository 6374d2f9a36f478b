"""Answers in the cells of a grid → what a study finds: effects, stability, gains, verdicts."""
