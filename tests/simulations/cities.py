"""Cities that several tests look at; made once, they are values."""

from __future__ import annotations

from functools import cache

from simulations.cities import City, make_city


@cache
def small_city(seed: int = 7) -> City:
    return make_city(seed, radius_m=1100, most_buildings=40)
