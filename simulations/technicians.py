"""A technician's day: on duty, see the visits, travel, drive there, arrive, work, complete, next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from simulations.api import Api, Json, RefusedError
from simulations.company import Person
from simulations.departures import Departures
from simulations.devices import Phone, WireFix
from simulations.gps_noise import USUAL, GpsFaults, PhoneFix, taken_by_phone
from simulations.http_client import HttpError
from simulations.journeys import Moment, NoWayError, drive_way, traffic_factor
from simulations.observations import Observations
from simulations.run_clock import RunClock
from simulations.towns import Place, Town

LOOK_EVERY_S = 15.0  # how often the technician looks at the list of today's visits
STANDING_EVERY_S = 20.0
OPEN = ("scheduled", "traveling", "in_progress")


class Habits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this crew works. ``work_s`` is a shortened visit; ``early_s``: sets off so long before a visit's window.

    With ``roam`` a technician without a visit drives somewhere else instead of waiting on the last doorstep.
    """

    fix_interval_s: Annotated[float, Meta(ge=0.1, le=120)] = 2.0
    stand_s: float = 26.0  # parked before ringing the bell: longer than the dwell that makes an arrival
    work_s: tuple[float, float] = (20.0, 45.0)
    early_s: float = 600.0
    roam: bool = True
    faults: GpsFaults = USUAL


class Technician:
    """Serves visits of their own when their time comes, and at once those handed to :meth:`serve`."""

    def __init__(
        self,
        *,
        base_url: str,
        person: Person,
        town: Town,
        seed: str,
        habits: Habits,
        observations: Observations,
        clock: RunClock,
        departures: Departures,
        start: Place | None = None,
    ) -> None:
        self.person = person
        self.api = Api(base_url)
        self._town = town
        self._seed = f"{seed} {person.id}"
        self._random = Random(f"technician {self._seed}")
        self._habits = habits
        self._seen = observations
        self._clock = clock
        self._departures = departures
        self._urgent: deque[str] = deque()
        self._called = asyncio.Event()
        self._last_fixed_at = 0
        self.place = start if start is not None else self._random.choice(town.places)
        self.phone: Phone | None = None
        self.visit: str | None = None
        self.left_s = 0.0  # seconds of driving left, 0 when not under way

    @property
    def visits_ahead(self) -> int:
        return len(self._urgent) + (self.visit is not None)

    def serve(self, visit: str) -> None:
        """Set off to ``visit`` as soon as the present one is done."""
        self._urgent.append(visit)
        self._called.set()

    async def sign_in(self) -> None:
        await self.api.sign_in(self.person.email, self.person.password)
        answer = await self.api.post("/api/technician/device-token")
        self.phone = Phone(
            url=self.api.websocket_url("/ws/device"),
            token=str(answer.body["token"]),
            seed=self._seed,
            observations=self._seen,
            clock=self._clock,
            departures=self._departures,
        )
        await self.api.post("/api/duty", {"duty": "on_duty"})

    async def run(self) -> None:
        """Until cancelled; then off duty as far as the server can still be told."""
        if self.phone is None:
            await self.sign_in()
        assert self.phone is not None
        phone = asyncio.create_task(self.phone.run())
        day = asyncio.create_task(self._day())
        try:
            done, _ = await asyncio.wait({phone, day}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (phone, day):
                task.cancel()
            await asyncio.gather(phone, day, return_exceptions=True)
            await self.api.close()

    async def _day(self) -> None:
        while True:
            visit = await self._asked("today", self._next_visit())
            if visit is None:
                await self._wait()
                continue
            self.visit = visit["id"]
            try:
                await self._asked("visit", self._serve(visit))
            finally:
                self.visit, self.left_s = None, 0.0

    async def _wait(self) -> None:
        """Nothing to do: drive off, or stand, until called or until it is time to look again."""
        looking = asyncio.create_task(self._called.wait())
        try:
            if self._habits.roam and self._random.random() < 0.5:
                target = self._random.choice(self._town.places)
                await self._drive_to(target, visit=None, seed=f"{self._clock.elapsed_s()}", called=looking)
            else:
                self._report_standing()
                await asyncio.wait({looking}, timeout=LOOK_EVERY_S)
        finally:
            looking.cancel()
        self._called.clear()

    async def _asked(self, what: str, work: Awaitable[Any]) -> Any:
        """A refusal or a lost server is counted; the day goes on."""
        try:
            return await work
        except RefusedError as refused:
            self._seen.errors[f"technician: {refused.code}"] += 1
        except HttpError:
            self._seen.errors["technician: no answer"] += 1
            await asyncio.sleep(self._random.uniform(0.5, 3.0))
        except NoWayError:
            # Somebody gave them a visit in another town.
            self._seen.errors["technician: no way"] += 1
            await asyncio.sleep(LOOK_EVERY_S)
        return None

    async def _next_visit(self) -> Json | None:
        while self._urgent:
            visit = (await self.api.get(f"/api/appointments/{self._urgent.popleft()}")).body
            # It may have been canceled, or have come due by itself, while the technician was busy.
            if visit["status"] in OPEN:
                return visit
        answer = await self.api.get("/api/technician/appointments")
        visits = answer.body["appointments"]
        under_way = [v for v in visits if v["status"] in OPEN[1:]]
        now_s = self._clock.now_ms() / 1000
        due = [
            v
            for v in visits
            if v["status"] == "scheduled"
            and datetime.fromisoformat(v["window_start"]).timestamp() - self._habits.early_s <= now_s
            and now_s < datetime.fromisoformat(v["window_end"]).timestamp()
        ]
        due.sort(key=lambda v: (v["window_start"], v["id"]))
        return next(iter(under_way + due), None)

    async def _serve(self, visit: Json) -> None:
        path = f"/api/appointments/{visit['id']}"
        if visit["status"] == "scheduled":
            await self._post(f"{path}/travel", "travel")
            self._seen.tally("set off", self._clock.elapsed_s())
        if visit["status"] in ("scheduled", "traveling") and not await self._drive(visit):
            return
        if visit["status"] != "in_progress":
            self._seen.tally("arrived", self._clock.elapsed_s())
            await self._post(f"{path}/start", "start")
        await self._stand(self._random.uniform(*self._habits.work_s))
        await self._post(f"{path}/complete", "complete")
        self._seen.tally("completed", self._clock.elapsed_s())

    async def _post(self, path: str, what: str) -> None:
        began_s = self._clock.elapsed_s()
        await self.api.post(path)
        self._seen.asked(what, 1000 * (self._clock.elapsed_s() - began_s))

    async def _drive(self, visit: Json) -> bool:
        """False when the visit was taken away on the road."""
        site = visit["site"]
        target = Place(site["lat"], site["lon"])
        status = await self._drive_to(target, visit=visit["id"], seed=visit["id"], stand_s=self._habits.stand_s)
        return status in ("traveling", "in_progress")

    async def _drive_to(
        self,
        target: Place,
        *,
        visit: str | None,
        seed: str,
        stand_s: float = 0.0,
        called: asyncio.Task[bool] | None = None,
    ) -> str:
        """Drive and report. Ends early where the visit is no longer Traveling or another one calls.

        The visit's status as last seen (``traveling`` without one).
        """
        assert self.phone is not None
        hour = datetime.now(ZoneInfo(self._town.time_zone))
        journey = drive_way(
            await self._town.way(self.place, target),
            seed=f"{self._seed} {seed}",
            traffic=traffic_factor(hour.hour + hour.minute / 60),
        )
        whole_s = journey.duration_s + stand_s
        deliveries = taken_by_phone(
            journey.at,
            duration_s=whole_s,
            interval_s=self._habits.fix_interval_s,
            seed=f"{self._seed} {seed}",
            faults=self._habits.faults,
        )
        self.phone.visit = visit
        began_ms, began_s = self._clock.now_ms(), self._clock.elapsed_s()
        looked_s = began_s
        for delivery in deliveries:
            await asyncio.sleep(max(0.0, began_s + delivery.at_s - self._clock.elapsed_s()))
            self.left_s = max(0.0, journey.duration_s - delivery.at_s) if visit else 0.0
            self.phone.send(tuple(_wire(fix, began_ms) for fix in delivery.fixes))
            status = "traveling"
            if visit is not None and self._clock.elapsed_s() - looked_s > LOOK_EVERY_S:
                looked_s = self._clock.elapsed_s()
                now = await self._asked("look", self.api.get(f"/api/appointments/{visit}"))
                status = now.body["status"] if now is not None else status
            if status != "traveling" or (called is not None and called.done()):
                moment = journey.at(delivery.at_s)
                self.place = Place(moment.lat, moment.lon)
                self.left_s = 0.0
                return status
        await asyncio.sleep(max(0.0, began_s + whole_s - self._clock.elapsed_s()))
        end = journey.at(journey.duration_s)
        self.place, self.left_s = Place(end.lat, end.lon), 0.0
        return "traveling"

    async def _stand(self, for_s: float) -> None:
        until_s = self._clock.elapsed_s() + for_s
        while (left_s := until_s - self._clock.elapsed_s()) > 0:
            self._report_standing()
            await asyncio.sleep(min(left_s, STANDING_EVERY_S))

    def _report_standing(self) -> None:
        assert self.phone is not None
        moment = Moment(0.0, self.place.lat, self.place.lon, 0.0, 0.0, 0.0)
        deliveries = taken_by_phone(
            _still(moment),
            duration_s=0.0,
            interval_s=1.0,
            seed=f"{self._seed} {self._clock.elapsed_s()}",
            faults=self._habits.faults,
        )
        for delivery in deliveries[:1]:
            self.phone.send(tuple(_wire(fix, self._clock.now_ms()) for fix in delivery.fixes))


def _still(moment: Moment) -> Callable[[float], Moment]:
    return lambda _: moment


def _wire(fix: PhoneFix, began_ms: float) -> WireFix:
    return WireFix(
        fixed_at=round(began_ms + 1000 * fix.t_s),
        lat=round(fix.lat, 7),
        lon=round(fix.lon, 7),
        accuracy_m=fix.accuracy_m,
        speed_mps=fix.speed_mps,
        heading_deg=fix.heading_deg,
    )
