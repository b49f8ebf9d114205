"""Seconds and metres of a way in one number, so that who searches for the shortest time learns the metres with it.

A cost is a whole number of ticks, each of which has room for the metres of any way: a sum adds up both, the lower cost
is the shorter time (of the same time the shorter way), and floats count so far without rounding anything, whatever is
added first.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

TICK_S: Final = 2.0**-16
"""15 µs: the time of every edge is rounded to it. 2 ** 31 of them are 9.1 hours,"""
STEP_M: Final = 0.5
_TICK: Final = 2.0**22
"""and as many steps are 2097 km: together all 53 bits that a float counts with."""


def cost(seconds: Any, metres: Any) -> Any:
    """Of a number of each, or of an array."""
    return np.rint(seconds / TICK_S) * _TICK + np.rint(metres / STEP_M)


def seconds_of(costs: Any) -> Any:
    """inf stays what it is."""
    return np.floor(costs / _TICK) * TICK_S


def seconds_and_metres(costs: Array) -> tuple[Array, Array]:
    """Of costs that are finite."""
    ticks = np.floor(costs / _TICK)
    return ticks * TICK_S, (costs - ticks * _TICK) * STEP_M
