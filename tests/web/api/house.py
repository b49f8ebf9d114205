"""A whole installation in this process: the real app on a real SQLite file, with a clock that a test can turn."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from slots.store import open_database
from web import accounts_store, batches, fixes_api, secrets_store
from web.api import technician
from web.app import create_app
from web.config import Settings
from web.importer import apply_import, plan_for
from web.migrations import runner
from web.passwords import Passwords
from web.state import State

# A Monday in winter: Lisbon is at UTC.
MONDAY_S = int(datetime.datetime(2026, 11, 23, 7, tzinfo=datetime.UTC).timestamp())
TUESDAY, WEDNESDAY = "2026-11-24", "2026-11-25"
EVERY_DAY = [{"weekday": day, "start": "08:00", "end": "18:00"} for day in range(7)]

SET_UP: dict[str, Any] = {
    "accounts": [
        {"id": "acme", "name": "Acme", "site": "acme-home"},
        {"id": "other", "name": "Other", "site": "other-home"},
        {"id": "gone", "name": "Gone", "status": "inactive"},
    ],
    "contacts": [
        {"email": "rui@acme.example", "account": "acme", "name": "Rui", "phone": "+351 900 000 001"},
        {"email": "eva@acme.example", "account": "acme", "name": "Eva"},
        {"email": "olga@other.example", "account": "other", "name": "Olga"},
        {"email": "gil@gone.example", "account": "gone", "name": "Gil"},
    ],
    "staff": [
        {"email": "ana@enroute.example", "name": "Ana", "role": "technician", "technician": "ana"},
        {"email": "bo@enroute.example", "name": "Bo", "role": "technician", "technician": "bo"},
        {"email": "dora@enroute.example", "name": "Dora", "role": "dispatcher"},
        {"email": "ada@enroute.example", "name": "Ada", "role": "admin"},
    ],
    "sites": [
        {
            "id": "acme-home",
            "account": "acme",
            "name": "Home",
            "address": "Rua das Flores 1, Porto",
            "lat": 41.15,
            "lon": -8.61,
            "time_zone": "Europe/Lisbon",
        },
        {
            "id": "acme-shop",
            "account": "acme",
            "name": "Workshop",
            "address": "Rua do Forno 9, Porto",
            "lat": 41.16,
            "lon": -8.62,
            "time_zone": "Europe/Lisbon",
        },
        {
            "id": "other-home",
            "account": "other",
            "name": "Other home",
            "lat": 41.155,
            "lon": -8.6,
            "time_zone": "Europe/Lisbon",
        },
    ],
    "assets": [{"id": "oven", "account": "acme", "site": "acme-shop", "name": "Oven"}],
    "services": [
        {"id": "check", "name": "Boiler check", "duration_min": 60, "skill": "gas"},
        {"id": "welding", "name": "Welding", "duration_min": 60, "skill": "welding"},
        {"id": "old", "name": "Old service", "duration_min": 60, "enabled": False},
    ],
    "technicians": [
        {
            "id": "ana",
            "name": "Ana Alves",
            "phone": "+351 911 111 111",
            "skills": ["gas"],
            "home": {"lat": 41.14, "lon": -8.6},
            "time_zone": "Europe/Lisbon",
            "shifts": EVERY_DAY,
        },
        {
            "id": "bo",
            "name": "Bo Borges",
            "skills": ["gas"],
            "time_zone": "Europe/Lisbon",
            "shifts": EVERY_DAY,
        },
    ],
}


@dataclass
class House:
    """Everything a test needs. `at(…)` turns the clock; `rui`, `ana`, `dora` … are signed-in clients."""

    app: Any
    state: State
    clock_ms: list[int]
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def __getattr__(self, name: str) -> httpx.AsyncClient:
        try:
            return self.clients[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def now_s(self) -> int:
        return self.clock_ms[0] // 1000

    def turn_to(self, instant: str) -> None:
        """`2026-11-24T09:30`, UTC."""
        moment = datetime.datetime.fromisoformat(instant).replace(tzinfo=datetime.UTC)
        self.clock_ms[0] = int(moment.timestamp()) * 1000

    def pass_s(self, seconds: int) -> None:
        self.clock_ms[0] += seconds * 1000

    async def switch(self, **values: bool) -> None:
        answer = await self.dora.put("/api/dispatch/switches", json=values)
        assert answer.status_code == 200, answer.text

    async def slots(self, client: httpx.AsyncClient, **query: str) -> list[dict[str, str]]:
        """Every slot of Tuesday, unless the query says otherwise."""
        query = {"service": "check", "from": TUESDAY, "to": TUESDAY} | query
        answer = await client.get("/api/slots", params=query)
        assert answer.status_code == 200, answer.text
        return [slot for day in answer.json()["days"] for slot in day["slots"]]

    async def slot_at(self, client: httpx.AsyncClient, clock: str, **query: str) -> str:
        """The slot whose window starts at this local time."""
        for slot in await self.slots(client, **query):
            if slot["window_start"][11:16] == clock:
                return slot["slot"]
        raise AssertionError(f"no slot at {clock}")

    async def book(self, client: httpx.AsyncClient | None = None, clock: str = "10:00", **body: Any) -> dict[str, Any]:
        """A booked visit on Tuesday."""
        client = client or self.rui
        query = {name: body.pop(name) for name in ("from", "to") if name in body}
        asked = {name: body[name] for name in ("asset", "contact") if name in body}
        slot = await self.slot_at(client, clock, **query, **asked)
        answer = await client.post("/api/appointments", json={"slot": slot, "service": "check", **body})
        assert answer.status_code == 201, answer.text
        visit: dict[str, Any] = answer.json()
        return visit

    async def read(self, visit: dict[str, Any], client: httpx.AsyncClient | None = None) -> dict[str, Any]:
        answer = await (client or self.dora).get(f"/api/appointments/{visit['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def technician_of(self, visit: dict[str, Any]) -> httpx.AsyncClient:
        """The client of the technician a dispatcher sees on this visit (read it with one)."""
        return self.clients[visit["technician"]["id"]]

    async def bring_to(self, visit: dict[str, Any], status: str) -> dict[str, Any]:
        """Walk the visit from Scheduled to this state, as its technician would; one minute per step."""
        visit = await self.read(visit)
        paths = {
            "scheduled": [],
            "traveling": ["travel"],
            "in_progress": ["travel", "start"],
            "completed": ["travel", "start", "complete"],
            "canceled": ["cancel"],
        }
        for action in paths[status]:
            self.pass_s(60)
            body = {"reason": "nobody home"} if action == "cancel" else {}
            answer = await self.technician_of(visit).post(f"/api/appointments/{visit['id']}/{action}", json=body)
            assert answer.status_code == 200, answer.text
        return await self.read(visit)


async def make_template(folder: Path) -> Path:
    """A migrated database with SET_UP in it, to be copied for every test."""
    path = folder / "template" / "enroute.db"
    await settle(f"sqlite:///{path}")
    return path.parent


async def settle(url: str) -> None:
    """Migrate an empty database and put SET_UP into it."""
    runner.upgrade(url)
    database = open_database(url)
    target = _Target(database, Passwords())
    plan = await plan_for(database, SET_UP)
    assert plan.errors == []
    await apply_import(target, plan)
    target.passwords.close()
    await database.close()


@dataclass
class _Target:
    database: Any
    passwords: Passwords

    def now_s(self) -> int:
        return MONDAY_S


@asynccontextmanager
async def open_house(template: Path | None, folder: Path, **settings: Any) -> AsyncIterator[House]:
    """The app with its lifespan running, on a copy of the template or on what is in the folder already."""
    if template is not None:
        shutil.copytree(template, folder)
    clock_ms = [MONDAY_S * 1000]
    defaults: dict[str, Any] = {
        "database": f"sqlite:///{folder / 'enroute.db'}",
        "public_url": "http://visits.example",
        "contact_phone": "+351 200 000 000",
        "log_level": "warning",
    }
    app = create_app(msgspec.convert(defaults | settings, Settings), now_ms=lambda: clock_ms[0])
    async with AsyncExitStack() as stack:
        stack.enter_context(_patient())
        await stack.enter_async_context(app.router.lifespan_context(app))
        house = House(app, app.state.enroute, clock_ms)
        transport = httpx.ASGITransport(app)
        for name, token in (await _tokens(house.state)).items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            client = httpx.AsyncClient(transport=transport, base_url="http://visits.example", headers=headers)
            house.clients[name] = await stack.enter_async_context(client)
        yield house


@contextmanager
def _patient() -> Iterator[None]:
    """That the machine stood still for a moment is no outage: those have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((batches, "WITHIN_S"), (technician, "DUTY_WITHIN_S"), (fixes_api, "COMMIT_WITHIN_S")):
            patch.setattr(module, name, 60.0)
        yield


async def _tokens(state: State) -> dict[str, str | None]:
    """A session for everybody by the name before the @; `nobody` has none."""
    tokens: dict[str, str | None] = {"nobody": None}
    async with state.database.transaction() as conn:
        for person in await accounts_store.people_listed(conn):
            _, token = await secrets_store.issue(
                conn,
                kind="session",
                subject=person.id,
                now_s=MONDAY_S,
                expires_s=MONDAY_S + 90 * 86_400,
            )
            tokens[person.email.partition("@")[0]] = token
    return tokens
