"""Asks on a Ray cluster: Ray Data schedules, this package sends requests and receives answers.

`bundles` → `flow` (the driver) → `feed` (maps numbers to bundles of requests) → `worker` (holds the
model) → `flow`. `sending` has the types that go over the network; `nodes` checks the cluster first.
"""
