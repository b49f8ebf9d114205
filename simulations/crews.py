"""Puts a made-up company on a server and lets its technicians and customers live there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from simulations.api import Api, Json
from simulations.cities import CENTRE_LAT, CENTRE_LON, make_city
from simulations.company import Company, make_company
from simulations.customers import Customer, Wishes
from simulations.departures import Departures
from simulations.map_town import map_town
from simulations.observations import Observations
from simulations.plane import distance_m
from simulations.run_clock import RunClock
from simulations.scenarios import Scenario
from simulations.technicians import Habits, Technician
from simulations.towns import MadeUpTown, Place, Town

SIGN_INS_AT_ONCE = 4  # a password check costs the server tens of milliseconds of one core
TICK_S = 0.5


@dataclass(slots=True)
class Stage:
    """One run: the town, the people in it, and what was seen."""

    base_url: str
    town: Town
    company: Company
    seed: str
    clock: RunClock = field(default_factory=RunClock)
    observations: Observations = field(default_factory=Observations)
    departures: Departures = field(default_factory=Departures)

    def technicians(self, habits: Habits, *, far_from: tuple[float, float] | None = None) -> list[Technician]:
        """The whole crew; with ``far_from`` (lat, lon) everybody starts in the farther half of the town."""
        starts = list(self.town.places)
        if far_from is not None:
            lat, lon = far_from
            starts.sort(key=lambda place: -distance_m(lat_a=lat, lon_a=lon, lat_b=place.lat, lon_b=place.lon))
            starts = starts[: max(1, len(starts) // 3)]
        random = Random(f"starts {self.seed}")
        return [
            Technician(
                base_url=self.base_url,
                person=person,
                town=self.town,
                seed=self.seed,
                habits=habits,
                observations=self.observations,
                clock=self.clock,
                departures=self.departures,
                start=random.choice(starts),
            )
            for person in self.company.technicians
        ]

    def customers(self, wishes: Wishes, booked: Callable[[Json], None]) -> list[Customer]:
        return [
            Customer(
                base_url=self.base_url,
                person=person,
                seed=self.seed,
                wishes=wishes,
                observations=self.observations,
                clock=self.clock,
                departures=self.departures,
                services=self.company.services,
                booked=booked,
            )
            for person in self.company.customers
        ]


def call_technician(crew: list[Technician], visit: Json) -> Technician | None:
    """Send the technician of a booked visit there now, though its window may be far ahead: a run is short."""
    name = (visit.get("technician") or {}).get("name")
    for technician in crew:
        if technician.person.name == name:
            technician.serve(visit["id"])
            return technician
    return None


async def sign_in_all(people: list[Technician] | list[Customer]) -> None:
    """Everybody signs in, a few at a time."""
    turn = asyncio.Semaphore(SIGN_INS_AT_ONCE)

    async def one(person: Technician | Customer) -> None:
        async with turn:
            await person.sign_in()

    await asyncio.gather(*(one(person) for person in people))


async def import_company(admin: Api, company: Company) -> None:
    """Put the company's people, sites and services on the server; what is there already stays the same."""
    await admin.post("/api/dispatch/import", company.file)


@asynccontextmanager
async def town_of(scenario: Scenario) -> AsyncIterator[Town]:
    """The part of the scenario's map, or the city made up for it. Raises MapError."""
    lat, lon = scenario.city_lat, scenario.city_lon
    if scenario.map is None:
        yield MadeUpTown(
            make_city(
                scenario.seed,
                lat=CENTRE_LAT if lat is None else lat,
                lon=CENTRE_LON if lon is None else lon,
                time_zone=scenario.time_zone,
                radius_m=scenario.city_radius_m,
                most_buildings=0,
            )
        )
        return
    centre = None if lat is None or lon is None else Place(lat, lon)
    async with map_town(
        Path(scenario.map), time_zone=scenario.time_zone, radius_m=scenario.city_radius_m, centre=centre
    ) as town:
        yield town


async def run_scenario(
    scenario: Scenario,
    *,
    base_url: str,
    admin: Api,
    progress: Callable[[float, Observations], None] = lambda elapsed_s, seen: None,
) -> Stage:
    """Play ``scenario`` against the server at ``base_url`` for its duration. ``admin`` is signed in.

    ``progress`` hears the seconds played and what was seen so far. Raises MapError when the scenario's map is no good.
    """
    async with town_of(scenario) as town:
        return await _run(scenario, town, base_url=base_url, admin=admin, progress=progress)


async def _run(
    scenario: Scenario, town: Town, *, base_url: str, admin: Api, progress: Callable[[float, Observations], None]
) -> Stage:
    company = make_company(
        town,
        seed=scenario.seed,
        technicians=scenario.technicians,
        customers=scenario.customers,
        password=secrets.token_urlsafe(12),
        # Every run has people of its own: their passwords die with it.
        prefix=f"sim-{secrets.token_hex(3)}-",
        domain="simulation.example",
    )
    await import_company(admin, company)
    stage = Stage(base_url=base_url, town=town, company=company, seed=str(scenario.seed))
    crew = stage.technicians(scenario.habits)
    customers = stage.customers(scenario.wishes, lambda visit: _called(crew, visit))
    await sign_in_all(crew)
    await sign_in_all(customers)
    stage.clock.start_over()
    tasks = [asyncio.create_task(technician.run()) for technician in crew]
    tasks += [
        asyncio.create_task(_after(scenario.ramp_s * n / max(1, len(customers)), customer))
        for n, customer in enumerate(customers)
    ]
    try:
        while (elapsed_s := stage.clock.elapsed_s()) < scenario.duration_s:
            progress(elapsed_s, stage.observations)
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(min(TICK_S, scenario.duration_s - elapsed_s))
        progress(scenario.duration_s, stage.observations)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return stage


def _called(crew: list[Technician], visit: Json) -> None:
    call_technician(crew, visit)


async def _after(wait_s: float, customer: Customer) -> None:
    await asyncio.sleep(wait_s)
    await customer.run()
