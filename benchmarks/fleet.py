"""A whole fleet under way: technicians, each Traveling to a visit of their own, in a fresh database.

The catalog goes in by `enroute import`, the visits by the use cases of `slots`, and the tokens over HTTP from the
running server: the same doors that an installation uses, without a password per technician.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import cos, radians
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.loading import CITY_LAT, CITY_LON, TripAccess
from benchmarks.serving import enroute_command, enroute_environment
from slots import booking
from slots.model import Actor, Rules
from slots.store import open_database

ACCOUNT = "fleet"
DISPATCHER = "dispatcher@fleet.example"
"""Staff, because a customer may hold only a few watches open at once."""
PASSWORD = "benchmarks only: 41.15"
REQUESTS_PER_SESSION = 500
"""A session may ask six hundred times in a row; who has more to ask signs in again."""
DRIVE_DEGREES = 0.2
"""Each technician starts some 22 km south of their visit and drives north: no run is long enough to arrive."""
COLUMN_DEGREES = 0.0005


class Fleet(msgspec.Struct, frozen=True):
    """A seeded database. `appointments[i]` is the Traveling visit of technician `t<i>`."""

    database: Path
    appointments: tuple[str, ...]


def limit_trips(count: int) -> list[TripAccess]:
    """Trips for the C relay, which knows no accounts: a token names the topic."""
    return [
        TripAccess(f"trip{number}", f"trip{number}", "anybody", _start_lat(number), column_lon(number), 0.0)
        for number in range(count)
    ]


def seed_fleet(database: Path, *, technicians: int) -> Fleet:
    """Make the database and set every technician off. Takes some ten milliseconds for each."""
    catalog = database.with_suffix(".json")
    catalog.write_text(json.dumps(_catalog(technicians)))
    for arguments in (["migrate"], ["import", str(catalog)]):
        subprocess.run(
            enroute_command(*arguments), env=enroute_environment(database), check=True, stdout=subprocess.DEVNULL
        )
    return Fleet(database, tuple(asyncio.run(_set_off(database, technicians))))


def trips_of(fleet: Fleet, *, port: int) -> list[TripAccess]:
    """Sign in to the server that runs on the fleet's database and fetch what its sockets ask for."""
    devices: list[dict[str, Any]] = []
    numbers = range(len(fleet.appointments))
    for first in numbers[::REQUESTS_PER_SESSION]:
        dispatcher = _sign_in(port, DISPATCHER)
        bodies = ({"technician": f"t{number}"} for number in numbers[first : first + REQUESTS_PER_SESSION])
        devices += _post_all(port, "/api/dispatch/device-tokens", bodies, token=dispatcher)
    return [
        TripAccess(appointment, device["token"], dispatcher, _start_lat(number), column_lon(number), 0.0)
        for number, (appointment, device) in enumerate(zip(fleet.appointments, devices, strict=True))
    ]


def _start_lat(number: int) -> float:
    return CITY_LAT - DRIVE_DEGREES


def column_lon(number: int) -> float:
    """Where a technician's street lies."""
    return CITY_LON + number * COLUMN_DEGREES / cos(radians(CITY_LAT))


def _catalog(technicians: int) -> dict[str, list[dict[str, Any]]]:
    """One service, and one skill, for each technician: then booking it can only choose that one."""
    always = [{"weekday": weekday, "start": "00:00", "end": "24:00"} for weekday in range(7)]
    numbers = range(technicians)
    return {
        "accounts": [{"id": ACCOUNT, "name": "Fleet", "status": "active", "site": "s0"}],
        "staff": [{"email": DISPATCHER, "name": "Dispatcher", "role": "dispatcher", "password": PASSWORD}],
        "sites": [
            {
                "id": f"s{n}",
                "account": ACCOUNT,
                "name": f"Site {n}",
                "time_zone": "UTC",
                "lat": CITY_LAT,
                "lon": column_lon(n),
            }
            for n in numbers
        ],
        "services": [
            {"id": f"visit{n}", "name": f"Visit {n}", "duration_min": 60, "skill": f"skill{n}"} for n in numbers
        ],
        "technicians": [
            {"id": f"t{n}", "name": f"Technician {n}", "time_zone": "UTC", "skills": [f"skill{n}"], "shifts": always}
            for n in numbers
        ],
    }


async def _set_off(path: Path, technicians: int) -> list[str]:
    database = open_database(f"sqlite:///{path}")
    scheduling = booking.Scheduling(database=database, rules=Rules(min_lead_s=0))
    dispatcher = Actor(role="dispatcher", id="benchmark", source="system")
    appointments = []
    # One instant for all: a place that was offered a moment before the half hour must not be too soon at it.
    now_s = int(time.time())
    try:
        for number in range(technicians):
            today = datetime.now(UTC).date()
            place = {"account_id": ACCOUNT, "service_id": f"visit{number}"}
            offer = await booking.offer(
                scheduling,
                **place,
                site_id=f"s{number}",
                first_day=today,
                last_day=today + timedelta(days=1),
                now_s=now_s,
            )
            slot = next(slot for day in offer.days for slot in day.slots)
            booked = await booking.book(
                scheduling,
                account_id=ACCOUNT,
                contact_id="benchmark",
                actor=dispatcher,
                slot=slot.id,
                now_s=now_s,
            )
            traveling = await booking.travel(
                scheduling,
                appointment_id=booked.view.id,
                actor=Actor(role="technician", id=f"t{number}", source="system"),
                now_s=now_s,
            )
            appointments.append(traveling.view.id)
    finally:
        await database.close()
    return appointments


def _sign_in(port: int, email: str) -> str:
    (session,) = _post_all(port, "/api/session", [{"email": email, "password": PASSWORD, "token": True}])
    return str(session["token"])


def _post_all(
    port: int, path: str, bodies: Iterable[dict[str, Any]], *, token: str | None = None
) -> list[dict[str, Any]]:
    """POST each body in turn over one connection. Raises RuntimeError with the server's answer unless it is 2xx."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    answers = []
    try:
        for body in bodies:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status // 100 != 2:
                raise RuntimeError(f"POST {path} answered {answer.status}: {text.decode(errors='replace')[:300]}")
            answers.append(json.loads(text))
    finally:
        connection.close()
    return answers
