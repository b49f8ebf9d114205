"""Where technicians drive and customers live: the port, and the made-up city behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple, Protocol

from simulations.cities import City
from simulations.doors import Door
from simulations.journeys import Way, quickest_path, way_along


class Place(NamedTuple):
    """Degrees."""

    lat: float
    lon: float


class Town(Protocol):
    """Every one of its places and doors can be reached from every other."""

    @property
    def time_zone(self) -> str: ...

    @property
    def places(self) -> Sequence[Place]:
        """On its streets, at least two: where somebody may stand or drive to. The same at every call."""
        ...

    def doors(self, random: Random) -> Iterator[Door]:
        """Without end."""
        ...

    async def way(self, start: Place, end: Place) -> Way:
        """The quickest way from the street nearest to ``start`` to that nearest to ``end``. Raises NoWayError."""
        ...


class MadeUpTown:
    """A ``City`` as a ``Town``."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.time_zone = city.time_zone
        self.places = tuple(Place(*city.place(node)) for node in sorted(city.leaving))

    def doors(self, random: Random) -> Iterator[Door]:
        return self.city.doors(random)

    async def way(self, start: Place, end: Place) -> Way:
        nodes = [self.city.nearest_node(lat=place.lat, lon=place.lon) for place in (start, end)]
        return way_along(self.city, quickest_path(self.city, nodes[0], nodes[1]))
