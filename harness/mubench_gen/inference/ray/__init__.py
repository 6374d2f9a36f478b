"""Asking on a Ray cluster: Ray Data schedules, this package sends and takes back.

`bundles` → `flow` (the driver) → `feed` (hands out bundles of requests by number) → `worker`
(holds the model) → `flow`. `sending` is what goes over the network, `nodes` looks at the cluster
before.
"""
