"""A customer: signs in, books, sometimes moves or cancels, watches the technician come, rates the visit."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec

from simulations.api import Answer, Api, Json, RefusedError
from simulations.company import Person
from simulations.departures import Departures
from simulations.http_client import HttpError
from simulations.observations import Observations
from simulations.run_clock import RunClock
from simulations.watchers import Watcher

LOOK_EVERY_S = 10.0
DAYS_AHEAD = 3
CLASH_TRIES = 4
COMMENTS = ("", "Friendly and quick.", "Came on time.", "Had to wait a little.", "All good, thank you!")


class Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How customers behave; shares are of visits, rates per hour of watching."""

    pause_s: float = 30.0  # between one visit's end and the next booking, on average
    move_share: float = 0.1
    cancel_share: float = 0.08
    feedback_share: float = 0.7
    drops_per_hour: float = 12.0
    watchers: int = 1


class Customer:
    """``booked`` is told every visit this customer books, as the booking answer says it.

    ``services``: the ids to choose from; empty: whatever the server offers.
    """

    def __init__(
        self,
        *,
        base_url: str,
        person: Person,
        seed: str,
        wishes: Wishes,
        observations: Observations,
        clock: RunClock,
        departures: Departures,
        services: tuple[str, ...] = (),
        booked: Callable[[Json], None] | None = None,
    ) -> None:
        self._services = services
        self.person = person
        self.api = Api(base_url)
        self._seed = f"{seed} {person.id}"
        self._random = Random(f"customer {self._seed}")
        self._wishes = wishes
        self._seen = observations
        self._clock = clock
        self._departures = departures
        self._booked = booked

    async def sign_in(self) -> None:
        await self.api.sign_in(self.person.email, self.person.password)

    async def run(self) -> None:
        """One visit after the other until cancelled. A refusal is counted and the customer tries again later."""
        try:
            if self.api.token is None:
                await self._counted(self.sign_in())
            while True:
                await self._counted(self.one_visit())
                await asyncio.sleep(self._random.expovariate(1 / self._wishes.pause_s))
        finally:
            await self.api.close()

    async def _counted(self, work: Any) -> None:
        try:
            await work
        except RefusedError as refused:
            self._seen.errors[f"customer: {refused.code}"] += 1
        except HttpError:
            self._seen.errors["customer: no answer"] += 1

    async def one_visit(self) -> None:
        """From the wish to the rating; ends early when it is canceled or nothing is free."""
        offered = (await self._timed("services", self.api.get("/api/services"))).body["services"]
        services = [s["id"] for s in offered if s["id"] in self._services or not self._services]
        if not services:
            self._seen.errors["customer: nothing to book"] += 1
            return
        visit = await self.book(self._random.choice(services))
        if visit is None:
            return
        if self._random.random() < self._wishes.move_share:
            visit = await self._move(visit)
        if self._random.random() < self._wishes.cancel_share:
            await self._timed(
                "cancel",
                self.api.post(
                    f"/api/appointments/{visit['id']}/cancel",
                    {"reason": "Something came up."},
                    headers=_if_match(visit),
                ),
            )
            self._seen.tally("canceled", self._clock.elapsed_s())
            return
        if self._booked is not None:
            self._booked(visit)
        await self._follow(visit["id"])

    async def book(self, service: str, *, asset: str | None = None, details: str = "") -> Json | None:
        """Book the first free slot; of several customers at once the losers take the next. None: nothing is free."""
        for attempt in range(CLASH_TRIES):
            # Losers of a clash spread over the following places instead of clashing again.
            slot = await self._free_slot(service, asset, skip=self._random.randint(0, 3) if attempt else 0)
            if slot is None:
                self._seen.tally("nothing free", self._clock.elapsed_s())
                return None
            try:
                held = await self._timed(
                    "hold", self.api.post("/api/holds", {"slot": slot, "service": service, "asset": asset})
                )
                answer = await self._timed(
                    "book",
                    self.api.post(
                        "/api/appointments",
                        {"hold": held.body["hold"], "details": details},
                        headers={"Idempotency-Key": secrets.token_hex(16)},  # unseeded: runs repeat
                    ),
                )
            except RefusedError as refused:
                if refused.status != 409:
                    raise
                self._seen.tally("slot taken", self._clock.elapsed_s())
                continue
            self._seen.tally("booked", self._clock.elapsed_s())
            return answer.body
        return None

    async def _free_slot(
        self, service: str, asset: str | None, *, skip: int = 0, moving: str | None = None
    ) -> str | None:
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()
        query = {
            "service": service,
            "from": (today - timedelta(days=1)).isoformat(),
            "to": (today + timedelta(days=DAYS_AHEAD)).isoformat(),
        }
        if asset is not None:
            query["asset"] = asset
        if moving is not None:
            query["moving"] = moving
        answer = await self._timed("slots", self.api.get("/api/slots", **query))
        slots = [slot["slot"] for day in answer.body["days"] for slot in day["slots"]]
        return slots[min(skip, len(slots) - 1)] if slots else None

    async def _move(self, visit: Json) -> Json:
        slot = await self._free_slot(visit["service"]["id"], None, skip=self._random.randint(1, 8), moving=visit["id"])
        if slot is None:
            return visit
        try:
            answer = await self._timed(
                "move",
                self.api.post(f"/api/appointments/{visit['id']}/move", {"slot": slot}, headers=_if_match(visit)),
            )
        except RefusedError as refused:
            if refused.code not in ("slot_taken", "past_cutoff"):
                raise
            self._seen.tally(f"move refused: {refused.code}", self._clock.elapsed_s())
            return visit
        self._seen.tally("moved", self._clock.elapsed_s())
        return answer.body

    async def _follow(self, visit: str) -> None:
        """Watch until the visit is over, with lost connections in between; then perhaps rate it."""
        if not self._wishes.watchers:
            await self._until_over(visit)
            return
        watchers = [
            Watcher(
                url=self.api.websocket_url(f"/ws/appointments/{visit}"),
                token=self.api.token or "",
                visit=visit,
                seed=f"{self._seed} {visit} {n}",
                observations=self._seen,
                clock=self._clock,
                departures=self._departures,
            )
            for n in range(self._wishes.watchers)
        ]
        drops = asyncio.create_task(self._drop(watchers))
        tasks = [asyncio.create_task(watcher.run()) for watcher in watchers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (drops, *tasks):
                task.cancel()
            await asyncio.gather(drops, *tasks, return_exceptions=True)
        log = watchers[0].log
        self._seen.tally("visits watched", self._clock.elapsed_s())
        self._seen.counts["positions out of order"] += sum(w.log.backwards for w in watchers)
        self._seen.counts["positions without eta"] += sum(w.log.without_eta for w in watchers)
        if log.arrived_ms is not None:
            self._seen.tally("arrivals announced", self._clock.elapsed_s())
            self._seen.arrived(log.predictions, round(log.arrived_ms))
        if log.ended == "completed" and self._random.random() < self._wishes.feedback_share:
            rating = self._random.choice((3, 4, 4, 5, 5, 5))
            await self._timed(
                "feedback",
                self.api.post(
                    f"/api/appointments/{visit}/feedback",
                    {"rating": rating, "comment": self._random.choice(COMMENTS)},
                ),
            )
            self._seen.tally("rated", self._clock.elapsed_s())

    async def _until_over(self, visit: str) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            answer = await self._timed("look", self.api.get(f"/api/appointments/{visit}"))
            if answer.body["status"] in ("completed", "canceled"):
                return

    async def _drop(self, watchers: list[Watcher]) -> None:
        while self._wishes.drops_per_hour > 0:
            await asyncio.sleep(self._random.expovariate(self._wishes.drops_per_hour / 3600))
            await self._random.choice(watchers).drop()
            self._seen.tally("connections dropped", self._clock.elapsed_s())

    async def _timed(self, what: str, work: Any) -> Answer:
        began_s = self._clock.elapsed_s()
        answer: Answer = await work
        self._seen.asked(what, 1000 * (self._clock.elapsed_s() - began_s))
        return answer


def _if_match(visit: Json) -> dict[str, str]:
    return {"If-Match": f'"{visit["version"]}"'}
