"""Raised where a check does not concern what is under check."""

from __future__ import annotations


class NotApplicable(Exception):
    """The check does not concern this model or data set; the message says why."""
