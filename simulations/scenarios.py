"""Scenario files: who takes part, how they behave, how long. JSON; a misspelt field is refused. [pure]"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from simulations.cities import CENTRE_LAT, CENTRE_LON
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
    """

    name: str
    description: str = ""
    seed: int = 1
    duration_s: Annotated[float, Meta(gt=0, le=7 * 86_400)] = 300.0
    ramp_s: Annotated[float, Meta(ge=0)] = 10.0
    technicians: Annotated[int, Meta(ge=0, le=5000)] = 5
    customers: Annotated[int, Meta(ge=0, le=20_000)] = 5
    city_radius_m: Annotated[float, Meta(ge=900, le=6000)] = 1200.0
    city_lat: Annotated[float, Meta(ge=-80, le=80)] = CENTRE_LAT
    city_lon: Annotated[float, Meta(ge=-180, le=180)] = CENTRE_LON
    habits: Habits = Habits()
    wishes: Wishes = Wishes()


def read_scenario(name: str, text: str) -> Scenario:
    """The scenario of one file; ``name`` stands in errors. Raises ScenarioError that names the field."""
    try:
        return msgspec.json.decode(text, type=Scenario)
    except msgspec.DecodeError as error:
        raise ScenarioError(name, str(error)) from error
