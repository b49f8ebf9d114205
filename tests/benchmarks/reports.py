"""Reports of a crowd with full defaults, where one thing is overridden."""

from __future__ import annotations

import msgspec

from benchmarks.crowd import Heard, Spread


def a_spread(**fields) -> Spread:
    return Spread(**({"count": 1, "mean": 1.0, "p50": 1.0, "p99": 1.0, "p999": 1.0, "max": 1.0} | fields))


def heard(**fields) -> Heard:
    given = {}
    for field in msgspec.structs.fields(Heard):
        if field.type is Spread:
            given[field.name] = a_spread()
        elif field.type is int:
            given[field.name] = 0
        elif field.type is float:
            given[field.name] = 1.0
        else:
            given[field.name] = {} if field.name in ("statuses", "closings") else []
    return Heard(**(given | {"command": "run"} | fields))
