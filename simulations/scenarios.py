"""Scenario files: who takes part, how they behave, how long. JSON; a misspelt field is refused. [pure]"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from simulations.cities import TIME_ZONE
from simulations.customers import Wishes
from simulations.technicians import Habits


class ScenarioError(Exception):
    """A scenario file cannot be used."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name, self.problem = name, problem

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``ramp_s``: customers begin spread over this time. ``city_radius_m`` decides how long the drives are.

    Without technicians the customers book what the server's own technicians offer.

    ``map`` is an OpenStreetMap extract, or a road graph built of one, whose roads are driven instead of those of a
    made-up city: within ``city_radius_m`` of (``city_lat``, ``city_lon``), or of the middle of the map. In a file it
    is relative to the file's folder.
    """

    name: str
    description: str = ""
    seed: int = 1
    duration_s: Annotated[float, Meta(gt=0, le=7 * 86_400)] = 300.0
    ramp_s: Annotated[float, Meta(ge=0)] = 10.0
    technicians: Annotated[int, Meta(ge=0, le=5000)] = 5
    customers: Annotated[int, Meta(ge=0, le=20_000)] = 5
    city_radius_m: Annotated[float, Meta(ge=900, le=6000)] = 1200.0
    city_lat: Annotated[float, Meta(ge=-80, le=80)] | None = None
    city_lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    map: str | None = None
    time_zone: str = TIME_ZONE
    habits: Habits = Habits()
    wishes: Wishes = Wishes()

    def __post_init__(self) -> None:
        if (self.city_lat is None) != (self.city_lon is None):
            raise ValueError("city_lat and city_lon belong together")
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"{self.time_zone!r} is not a time zone; Europe/Lisbon is one") from None


def read_scenario(name: str, text: str) -> Scenario:
    """The scenario of one file; ``name`` stands in errors. Raises ScenarioError that names the field."""
    try:
        return msgspec.json.decode(text, type=Scenario)
    except msgspec.DecodeError as error:
        raise ScenarioError(name, str(error)) from error
