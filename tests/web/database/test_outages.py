"""PostgreSQL is restarted, away, or says nothing: a clear no that says when to come again, and recovery by itself."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from websockets.asyncio.client import connect

from tests.servers import PASSWORD, EnrouteServer, close_code
from tests.slots.databases import postgresql_away, postgresql_stopped, restart_at_once
from tests.web.database.conftest import TECHNICIAN
from tests.web.live.visits import book, change, device_token, next_fix, phone, socket_url, watching
from tracker.errors import CloseCode
from web.auth import SESSION_COOKIE

# What a person waits for a clear no, and a busy machine's share.
ANSWER_WITHIN_S = 6.0 + 4.0
BACK_WITHIN_S = 30.0
REMEMBERED_S = 1.2
"""And some more: after it nobody is."""
CODES = {"storage_unavailable", "busy", "not_ready"}


# Who asks, method, path, options.
Question = tuple[httpx.AsyncClient, str, str, dict[str, Any]]


@dataclass
class Town:
    """Who asks, and what they know."""

    server: EnrouteServer
    customer: httpx.AsyncClient
    technician: httpx.AsyncClient
    dispatcher: httpx.AsyncClient
    stranger: httpx.AsyncClient
    visit: str
    token: str
    slot: str

    def questions(self) -> list[Question]:
        """At least one of every module of the API."""
        day = datetime.datetime.now(datetime.UTC).date()
        span = f"from={day}&to={day + datetime.timedelta(days=2)}"
        rui = {"email": "rui@acme.example", "password": PASSWORD}
        bearer = {"headers": {"Authorization": f"Bearer {self.token}"}}
        at = f"/api/appointments/{self.visit}"
        return [
            (self.stranger, "POST", "/api/session", {"json": rui}),
            (self.stranger, "POST", "/api/password/forgot", {"json": {"email": "rui@acme.example"}}),
            (self.stranger, "POST", "/api/password/reset", {"json": {"token": "x" * 32, "password": PASSWORD}}),
            (self.stranger, "POST", "/api/invitations/redeem", {"json": {"code": "x" * 32, "password": PASSWORD}}),
            (self.stranger, "POST", "/api/links/redeem", {"json": {"token": "x" * 32}}),
            (self.stranger, "GET", "/readyz", {}),
            (self.stranger, "POST", "/in/fix", bearer | {"json": next_fix()}),
            (self.stranger, "POST", "/in/owntracks", {"auth": ("x", self.token), "json": _owntracks()}),
            (self.stranger, "GET", f"/in/osmand?id={self.token}&lat=41.2&lon=-8.65&timestamp={int(time.time())}", {}),
            (self.customer, "GET", "/api/profile", {}),
            (self.customer, "PUT", "/api/profile", {"json": {"name": "Rui"}}),
            (self.customer, "GET", "/api/services", {}),
            (self.customer, "GET", "/api/assets", {}),
            (self.customer, "GET", f"/api/slots?service=check&{span}", {}),
            (self.customer, "POST", "/api/holds", {"json": {"slot": self.slot, "service": "check"}}),
            (self.customer, "DELETE", "/api/holds/x", {}),
            (self.customer, "POST", "/api/appointments", {"json": {"slot": self.slot, "service": "check"}}),
            (self.customer, "GET", "/api/appointments", {}),
            (self.customer, "GET", at, {}),
            (self.customer, "GET", f"{at}/calendar.ics", {}),
            (self.customer, "POST", f"{at}/move", {"json": {"slot": self.slot}}),
            (self.customer, "POST", f"{at}/cancel", {"json": {"reason": "the database is away"}}),
            (self.customer, "POST", f"{at}/feedback", {"json": {"rating": 5}}),
            (self.technician, "GET", "/api/technician/appointments", {}),
            (self.technician, "POST", "/api/technician/device-token", {}),
            (self.technician, "POST", "/api/duty", {"json": {"duty": "on_duty"}}),
            (self.technician, "POST", f"{at}/travel", {"json": {}}),
            (self.technician, "POST", f"{at}/start", {"json": {}}),
            (self.dispatcher, "GET", "/api/dispatch/board", {}),
            (self.dispatcher, "GET", "/api/dispatch/customers", {}),
            (self.dispatcher, "GET", "/api/dispatch/eta-accuracy", {}),
            (self.dispatcher, "GET", "/api/dispatch/messages", {}),
            (self.dispatcher, "GET", f"/api/dispatch/appointments/{self.visit}/history", {}),
            (self.dispatcher, "POST", f"/api/dispatch/appointments/{self.visit}/links", {}),
            (self.dispatcher, "POST", "/api/dispatch/device-tokens", {"json": {"technician": TECHNICIAN}}),
            (self.dispatcher, "PUT", "/api/dispatch/switches", {"json": {"surveys": True}}),
            (self.dispatcher, "POST", "/api/invitations", {"json": {"email": "rui@acme.example"}}),
        ]

    def questions_of_the_remembered(self) -> list[Question]:
        """What people are given for a second without a look into the database, where they were seen just before."""
        page = {"headers": {"Accept": "text/html"}}
        return [
            (self.customer, "GET", f"/api/appointments/{self.visit}/live", {}),
            (self.customer, "GET", f"/api/appointments/{self.visit}/events", {}),
            (self.customer, "GET", "/", page),
            (self.customer, "GET", f"/appointments/{self.visit}/live", page),
        ]


def _owntracks() -> dict[str, Any]:
    return {"_type": "location", "lat": 41.2, "lon": -8.65, "tst": int(time.time()), "acc": 5}


@pytest_asyncio.fixture
async def town(
    server: EnrouteServer, customer: httpx.AsyncClient, technician: httpx.AsyncClient, dispatcher: httpx.AsyncClient
) -> Town:
    visit = await book(customer)
    await change(technician, visit, "travel")
    today = datetime.datetime.now(datetime.UTC).date()
    span = {"service": "check", "from": str(today + datetime.timedelta(days=2))}
    days = (await customer.get("/api/slots", params=span)).json()["days"]
    slot = next(slot["slot"] for day in days for slot in day["slots"])
    async with server.client() as stranger:
        token = await device_token(dispatcher, TECHNICIAN)
        town = Town(server, customer, technician, dispatcher, stranger, visit, token, slot)
        yield town
    answer = await dispatcher.post(f"/api/appointments/{visit}/cancel", json={"reason": "the test is over"})
    assert answer.status_code == 200, answer.text


async def asked(town: Town, questions: Sequence[Question]) -> list[str]:
    """Ask all of them at once; what is wrong with the answers."""

    async def ask(who: httpx.AsyncClient, method: str, path: str, options: dict[str, Any]) -> str | None:
        # A connection of its own each, as from so many browsers.
        async with town.server.client(cookies=who.cookies, timeout=ANSWER_WITHIN_S, verify=False) as client:
            try:
                answer = await client.request(method, path, **options)
            except httpx.TimeoutException:
                return f"{method} {path}: no answer"
        return complaint(method, path, answer)

    complaints = await asyncio.gather(*(ask(*question) for question in questions))
    return [each for each in complaints if each is not None]


def complaint(method: str, path: str, answer: httpx.Response) -> str | None:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code != 503 or int(answer.headers.get("retry-after", "0")) < 1:
        return f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    if kind == "text/html":
        return None
    if kind != "application/problem+json" or answer.json()["code"] not in CODES:
        return f"{method} {path}: {kind} {answer.text[:200]}"
    return None


async def back(town: Town) -> None:
    """Returns when the server says that it is ready again."""
    async with asyncio.timeout(BACK_WITHIN_S):
        while True:
            if (await town.stranger.get("/readyz")).status_code == 200:
                return
            await asyncio.sleep(0.1)


async def works(town: Town) -> None:
    """Nothing that failed is failing still, and nobody was signed out."""
    await back(town)
    visit = (await town.customer.get(f"/api/appointments/{town.visit}")).json()
    assert visit["status"] == "traveling"
    answer = await town.technician.post("/api/duty", json={"duty": "on_duty"})
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {town.token}"}
    answer = await town.stranger.post("/in/fix", json=next_fix(), headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert town.server.process.returncode is None


async def test_every_api_says_503_and_when_to_come_again_while_the_database_is_away_and_recovers_by_itself(
    town: Town, programs: Path
) -> None:
    with postgresql_away(programs, town.server.database):
        seen = await _asked_twice(town)

    assert seen == []
    await works(town)


async def test_a_database_that_swallows_everything_is_a_503_in_seconds_and_who_watches_already_goes_on_watching(
    town: Town,
) -> None:
    for known in (town.customer, town.technician, town.dispatcher):
        assert (await known.get("/api/session")).status_code == 200
    async with (
        watching(town.server, town.visit, town.customer) as watcher,
        phone(town.server, town.token) as driving,
    ):
        await watcher.next("welcome")
        with postgresql_stopped(town.server.database):
            asking = asyncio.create_task(_asked_twice(town))
            await asyncio.sleep(REMEMBERED_S)
            await driving.send(next_fix())
            await watcher.next("position")
            assert await _close_code_of_a_late_watcher(town) == CloseCode.TRY_LATER
            seen = await asking
        # What was sent meanwhile is acknowledged once it is kept.
        await driving.reply("ack")

    assert seen == []
    await works(town)


async def _asked_twice(town: Town) -> list[str]:
    """At first people are remembered, and there are connections that were good a moment ago; then neither."""
    first = asyncio.create_task(asked(town, town.questions()))
    await asyncio.sleep(REMEMBERED_S)
    later = await asked(town, [*town.questions(), *town.questions_of_the_remembered()])
    return await first + later


async def _close_code_of_a_late_watcher(town: Town) -> int:
    async with connect(
        socket_url(town.server, f"/ws/appointments/{town.visit}"),
        additional_headers={"Cookie": f"{SESSION_COOKIE}={town.customer.cookies[SESSION_COOKIE]}"},
        subprotocols=["enroute.v1.json"],
        open_timeout=ANSWER_WITHIN_S,
    ) as late:
        return await close_code(late)


async def test_no_acknowledged_change_is_lost_in_restarts_and_each_refused_one_can_be_repeated(
    town: Town, programs: Path
) -> None:
    restart = asyncio.create_task(asyncio.to_thread(_restart_thrice, programs, town.server.database))
    number = 0
    while not restart.done():
        number += 1
        await _renamed(town, f"Rui {number}")
    await restart
    # Quick restarts may be waited out, and nobody is refused: while the server is down, everybody is.
    with postgresql_away(programs, town.server.database):
        refused = await town.customer.put("/api/profile", json={"name": "Rui at last"})
    await _renamed(town, "Rui at last")

    assert complaint("PUT", "/api/profile", refused) is None
    await works(town)


def _restart_thrice(programs: Path, database: str) -> None:
    for _ in range(3):
        restart_at_once(programs, database)


async def _renamed(town: Town, name: str) -> None:
    """The customer's name is changed, again until that is acknowledged; then it is what is read."""
    async with asyncio.timeout(BACK_WITHIN_S):
        while (answer := await town.customer.put("/api/profile", json={"name": name})).status_code != 200:
            assert complaint("PUT", "/api/profile", answer) is None
    kept = (await _read_patiently(town.customer, "/api/profile")).json()
    assert kept["name"] == name


async def _read_patiently(client: httpx.AsyncClient, path: str) -> httpx.Response:
    async with asyncio.timeout(BACK_WITHIN_S):
        while True:
            answer = await client.get(path)
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.05)


def test_every_module_of_the_api_is_asked(server: EnrouteServer) -> None:
    paths: Sequence[str] = [path for _, _, path, _ in _no_town(server).questions()]
    roots = {"/".join(path.split("?")[0].split("/")[:3]) for path in paths if path.startswith("/api/")}
    described = httpx.get(f"{server.url}/openapi.json", timeout=BACK_WITHIN_S).json()["paths"]

    assert roots >= {"/".join(path.split("/")[:3]) for path in described if path.startswith("/api/")}


def _no_town(server: EnrouteServer) -> Town:
    client = httpx.AsyncClient()
    return Town(server, client, client, client, client, "visit", "token", "slot")
