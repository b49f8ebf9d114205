"""A made-up city with its drawn map, one customer in it, and the technician who drives to them: what pages are
measured with."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec

from benchmarks.serving import enroute_command, enroute_environment
from simulations.api import Api, Json
from simulations.cities import City, make_city
from simulations.city_pbf import write_city
from simulations.company import Company, make_company
from simulations.devices import Phone, WireFix
from simulations.journeys import Journey, drive, quickest_path
from simulations.observations import Observations
from simulations.run_clock import RunClock

CITY_SEED = 7
PASSWORD = "benchmarks only: 41.15"
SHORT_NOTICE = {"ENROUTE_MIN_LEAD_S": "0", "ENROUTE_MOVE_CUTOFF_S": "0", "ENROUTE_CANCEL_CUTOFF_S": "0"}


class Town(msgspec.Struct, frozen=True):
    """A seeded database with the map beside it, where `enroute serve` looks for it."""

    database: Path
    city: City
    company: Company


def build_town(folder: Path) -> Town:
    """Two technicians, two customers. Takes some three seconds."""
    city = make_city(CITY_SEED)
    company = make_company(city, seed=CITY_SEED, technicians=2, customers=2, password=PASSWORD)
    database, extract, file = folder / "enroute.db", folder / "city.osm.pbf", folder / "company.json"
    write_city(city, extract)
    file.write_text(json.dumps(company.file))
    for arguments in (
        ["migrate"],
        ["import", str(file)],
        ["map", "build", str(extract), "--out", str(folder / "basemap.pmtiles")],
    ):
        subprocess.run(
            enroute_command(*arguments), env=enroute_environment(database), check=True, stdout=subprocess.DEVNULL
        )
    return Town(database, city, company)


def journey_to(city: City, *, lat: float, lon: float, least_s: float, seed: int) -> Journey:
    """A drive of at least so many seconds that ends at a place, with detours through the town."""
    random = Random(seed)
    nodes = sorted(city.leaving)
    path = [city.nearest_node(lat=lat, lon=lon)]
    while True:
        path = [*quickest_path(city, random.choice(nodes), path[0])[:-1], *path]
        journey = drive(city, tuple(path), seed=str(seed))
        if journey.duration_s >= least_s:
            return journey


class Visit:
    """The first customer's visit, Traveling. The technician stands still, and goes on from there when told to `drive`;
    only the last minute of `drive_s` arrives."""

    def __init__(self, town: Town, url: str, *, drive_s: float) -> None:
        self.town = town
        self.id = ""
        self._url = url
        self._phone: Phone | None = None
        self._sending: asyncio.Task[None] | None = None
        self._journey: Journey | None = None
        self._drive_s = drive_s
        self._at_s = 0.0
        self._told_at = 0

    async def set_off(self) -> None:
        """Booked and on the way, with one upcoming visit besides."""
        customer = Api(self._url)
        await customer.sign_in(self.town.company.customers[0].email, PASSWORD)
        service = self.town.company.services[0]
        booked = [await _book(customer, service) for _ in range(2)]
        await customer.close()
        visit = booked[0]
        self.id, site = visit["id"], visit["site"]
        self._journey = journey_to(
            self.town.city, lat=site["lat"], lon=site["lon"], least_s=self._drive_s, seed=CITY_SEED
        )
        person = next(one for one in self.town.company.technicians if one.name == visit["technician"]["name"])
        technician = Api(self._url)
        await technician.sign_in(person.email, PASSWORD)
        await technician.post("/api/duty", {"duty": "on_duty"})
        await technician.post(f"/api/appointments/{self.id}/travel")
        token = str((await technician.post("/api/technician/device-token")).body["token"])
        self._phone = Phone(
            url=technician.websocket_url("/ws/device"),
            token=token,
            seed=str(CITY_SEED),
            observations=Observations(),
            clock=RunClock(),
        )
        self._sending = asyncio.create_task(self._phone.run())
        await technician.close()

    async def tell(self) -> None:
        """A fix of where the technician is, taken now, and taken in by the server."""
        self._send()
        await self._all_taken()

    async def drive(self, seconds: float, *, every_s: float = 1.0) -> None:
        """Report so much of the drive as it happens, a fix every so often."""
        loop = asyncio.get_running_loop()
        began_s = due_s = loop.time()
        from_s = self._at_s
        for _ in range(round(seconds / every_s)):
            # A loop that was held up goes on from there: several fixes of one instant would be seen through.
            due_s = max(due_s + every_s, loop.time())
            await asyncio.sleep(due_s - loop.time())
            self._at_s = from_s + loop.time() - began_s
            self._send()
        await self._all_taken()

    def _send(self) -> None:
        assert self._journey is not None
        assert self._phone is not None
        moment = self._journey.at(self._at_s)
        # A clock of the machine that is set back a little must not make two fixes of one instant.
        self._told_at = max(self._told_at + 1, time.time_ns() // 1_000_000)
        fix = WireFix(
            fixed_at=self._told_at,
            lat=moment.lat,
            lon=moment.lon,
            accuracy_m=5.0,
            speed_mps=moment.speed_mps,
            heading_deg=moment.heading_deg,
        )
        self._phone.send((fix,))

    async def _all_taken(self) -> None:
        """Raises RuntimeError when the server dropped a fix: then nothing is measured."""
        assert self._phone is not None
        await self._phone.settled()
        if self._phone.rejected:
            raise RuntimeError(f"fixes of a plain drive were refused: {self._phone.rejected}")

    async def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)


async def _book(customer: Api, service: str) -> Json:
    today = datetime.now(UTC).date()
    answer = await customer.get(
        "/api/slots", service=service, **{"from": str(today), "to": str(today + timedelta(days=2))}
    )
    slots = [slot["slot"] for day in answer.body["days"] for slot in day["slots"]]
    booked = await customer.post("/api/appointments", {"slot": slots[0], "service": service})
    return booked.body
