"""Many technicians under way at ten fixes a second, their watchers, and those who may not watch; all through the doors
that people use."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from sqlalchemy import create_engine, select

from slots.slot_id import SlotKey, decode_slot, encode_slot
from tests.web.live.visits import now_ms
from tests.web.processes.desk import ANSWER_WITHIN_S, Desk
from tests.web.processes.roaming import Doors
from tests.web.processes.roaming_phone import RoamingPhone
from tests.web.processes.roaming_watcher import Right, RoamingWatcher
from tracker.records import FixRow
from tracker.store import fix_batches, tracks_url

RIGHT_WITHIN_S = 5.0
LAG_EVERY_S = 0.02
JOIN_AT_ONCE = 8
# A technician's next visit begins so many steps of the calendar after the last one, which then is over.
SLOTS_APART = 4

_rows = msgspec.msgpack.Decoder(list[FixRow]).decode


@dataclass
class UnderWay:
    """A technician, the visit they travel to, and who may watch it."""

    phone: RoamingPhone
    # Who comes is named by a number in the ids of slots: they were imported in their order.
    key: int
    visit_id: str = ""
    right: Right = field(default_factory=Right)
    links: list[tuple[str, Right]] = field(default_factory=list)
    watchers: list[RoamingWatcher] = field(default_factory=list)
    visits: int = 0


class Crowd:
    """``gather`` makes it; ``judge`` fills its ``faults``."""

    def __init__(self, doors: Doors, dispatcher: Desk, customer: Desk, stranger: Desk) -> None:
        self.doors = doors
        self.random: Random = doors.random
        self.dispatcher = dispatcher
        self._customer = customer
        self._stranger = stranger
        self._slots: list[SlotKey] = []
        self.under_way: list[UnderWay] = []
        self.outsiders: list[RoamingWatcher] = []
        self.gone: list[RoamingWatcher] = []
        self.faults: list[str] = []
        self._tasks: dict[object, set[asyncio.Task[None]]] = {}
        self._lag_s = 0.0

    @property
    def watchers(self) -> list[RoamingWatcher]:
        return [watcher for each in self.under_way for watcher in each.watchers]

    @property
    def phones(self) -> list[RoamingPhone]:
        return [each.phone for each in self.under_way]

    def living(self, dead: str | None) -> None:
        """Which address does not answer now."""
        for desk in (self.dispatcher, self._customer, self._stranger):
            desk.dead = dead

    async def gather(self, numbers: Sequence[int], *, waiting: int) -> None:
        """These of the technicians set off. To so many further visits nobody travels yet, but they are looked at."""
        self._begin(self, self._measure_lag())
        today = datetime.datetime.now(datetime.UTC).date()
        span = f"from={today}&to={today + datetime.timedelta(days=7)}"
        found = await self._customer.ask("GET", f"/api/slots?service=check&{span}")
        self._slots = [decode_slot(slot["slot"]) for day in found["days"] for slot in day["slots"]]
        for first in range(0, len(numbers), JOIN_AT_ONCE):
            await asyncio.gather(*map(self._join, numbers[first : first + JOIN_AT_ONCE]))
        for each in self.under_way[:waiting]:
            visit_id = await self._book(each)
            for cookie in (self._customer.cookie, self._stranger.cookie):
                self._outside(RoamingWatcher(self.doors, visit_id, [Right()], cookie=cookie, stubborn=True))
            stranger = RoamingWatcher(self.doors, each.visit_id, [Right()], cookie=self._stranger.cookie, stubborn=True)
            self._outside(stranger)
        await self.all_right()

    async def all_right(self) -> None:
        """Every watcher is shown something that was fixed after this was called."""
        asked_ms = now_ms()
        watchers = self.watchers
        for watcher in watchers:
            watcher.ask(asked_ms)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            for watcher in watchers:
                await watcher.right.wait()

    async def end_some(self, count: int) -> list[UnderWay]:
        """So many visits each are undone, completed, or lose a link; whose they are."""
        some = self.random.sample(self.under_way, 3 * count)
        asked = [
            *map(self._undo, some[:count]),
            *map(self._complete, some[count : 2 * count]),
            *map(self._block, some[2 * count :]),
        ]
        await asyncio.gather(*asked)
        return some

    async def right_after(self, killed_ms: int) -> tuple[list[int], int]:
        """When (ms after the kill) each watcher who may see was right, and how many were not in a long time. Theirs is
        the right that nobody has ended meanwhile."""
        asked = self.watchers
        for watcher in asked:
            watcher.ask(killed_ms)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3 * RIGHT_WITHIN_S):
                for watcher in asked:
                    if watcher.may_see:
                        await watcher.right.wait()
        asked = [watcher for watcher in asked if watcher.may_see]
        took_ms = [watcher.right_after_ms for watcher in asked if watcher.right.is_set()]
        return took_ms, len(asked) - len(took_ms)

    def restart_lag(self) -> float:
        """The worst lag (s) of this process's loop since the last call: what is measured here is uncertain by it."""
        lag_s, self._lag_s = self._lag_s, 0.0
        return lag_s

    async def begin_again(self, some: Sequence[UnderWay]) -> None:
        """Those whose visit ended set off again, and have watchers again."""
        await asyncio.gather(*map(self._begin_again, some))

    def shuffle(self) -> None:
        """Half of everybody comes by any door anew."""
        for client in (*self.phones, *self.watchers, *self.outsiders):
            if self.random.random() < 0.5:
                client.move()

    async def settle(self) -> None:
        """The phones stop when all that they have sent is acknowledged."""
        for phone in self.phones:
            phone.stop()
        async with asyncio.timeout(ANSWER_WITHIN_S):
            for phone in self.phones:
                await phone.settled.wait()

    def judge(self, database: str) -> None:
        """``faults`` then has what anybody was told that they should not have been, and what was acknowledged and is
        not in the database."""
        kept = kept_fixes(database)
        for phone in self.phones:
            refused = {at for at, code in phone.refused.items() if code != "duplicate"}
            lost = set(phone.acknowledged) - kept.get(phone.technician, set()) - refused
            if not phone.acknowledged:
                self.faults.append(f"{phone.technician}: nothing was acknowledged")
            if lost:
                self.faults.append(f"{phone.technician}: {len(lost)} acknowledged fixes are not kept: {sorted(lost)}")
        for watcher in (*self.watchers, *self.outsiders, *self.gone):
            self.faults += watcher.faults
            if not watcher.welcomes and not watcher.closings:
                self.faults.append("somebody who watches was never answered")

    @property
    def older(self) -> int:
        """So often somebody who had come to another server was told of an older position than one told before."""
        return sum(watcher.older for watcher in (*self.watchers, *self.gone))

    async def disperse(self) -> None:
        for client in list(self._tasks):
            await self._end(client)
        for desk in (self.dispatcher, self._customer, self._stranger):
            await desk.close()

    # Inside

    async def _join(self, number: int) -> None:
        technician = f"technician-{number}"
        answer = await self.dispatcher.ask("POST", "/api/dispatch/device-tokens", {"technician": technician})
        each = UnderWay(RoamingPhone(self.doors, number, technician, answer["token"]), key=number + 1)
        self.under_way.append(each)
        self._begin(each.phone, each.phone.run(), each.phone.drive())
        await self._set_off(each)

    async def _book(self, each: UnderWay) -> str:
        key = self._slots[each.visits * SLOTS_APART]
        each.visits += 1
        slot = encode_slot(
            service_id=key.service_id,
            site_id=key.site_id,
            asset_id=None,
            technician_key=each.key,
            start_s=key.start_s,
        )
        booked = await self._customer.ask("POST", "/api/appointments", {"slot": slot, "service": "check"})
        visit_id: str = booked["id"]
        visit = await self.dispatcher.ask("GET", f"/api/appointments/{visit_id}")
        assert visit["technician"]["id"] == each.phone.technician
        return visit_id

    async def _set_off(self, each: UnderWay) -> None:
        """To a visit of their own, with two watchers."""
        each.visit_id = await self._book(each)
        each.right = Right()
        each.right.open()
        await self.dispatcher.ask("POST", f"/api/appointments/{each.visit_id}/travel", {})
        each.links, each.watchers = [], []
        for _ in range(2):
            await self._link(each)

    async def _link(self, each: UnderWay) -> None:
        link = await self.dispatcher.ask("POST", f"/api/dispatch/appointments/{each.visit_id}/links")
        right = Right()
        # Who gets the link later is shown where the technician was last.
        right.open(0)
        each.links.append((link["id"], right))
        watcher = RoamingWatcher(self.doors, each.visit_id, [each.right, right], token=link["token"], stubborn=True)
        each.watchers.append(watcher)
        self._begin(watcher, watcher.run())

    async def _undo(self, each: UnderWay) -> None:
        await self._after(each.right, "POST", f"/api/appointments/{each.visit_id}/undo", {})

    async def _complete(self, each: UnderWay) -> None:
        await self._after(each.right, "POST", f"/api/appointments/{each.visit_id}/start", {})
        await self.dispatcher.ask("POST", f"/api/appointments/{each.visit_id}/complete", {}, done=409)

    async def _block(self, each: UnderWay) -> None:
        link_id, right = each.links[0]
        await self._after(right, "DELETE", f"/api/dispatch/links/{link_id}", None)

    async def _after(self, right: Right, method: str, path: str, body: Any) -> None:
        """The right ends with the answer; where it was lost with the server, when it should be known everywhere."""
        answer = await self.dispatcher.ask(method, path, body, done=409)
        right.close(now_ms() if answer is not None else now_ms() + 1000 * RIGHT_WITHIN_S)

    async def _begin_again(self, each: UnderWay) -> None:
        visit = await self.dispatcher.ask("GET", f"/api/appointments/{each.visit_id}")
        if visit["status"] == "scheduled":
            each.right.open()
            await self.dispatcher.ask("POST", f"/api/appointments/{each.visit_id}/travel", {})
        elif visit["status"] == "completed":
            for watcher in each.watchers:
                await self._let_go(watcher)
            await self._set_off(each)
        else:
            await self._let_go(each.watchers.pop(0))
            each.links.pop(0)
            await self._link(each)

    def _outside(self, watcher: RoamingWatcher) -> None:
        self.outsiders.append(watcher)
        self._begin(watcher, watcher.run())

    async def _let_go(self, watcher: RoamingWatcher) -> None:
        self.gone.append(watcher)
        await self._end(watcher)

    def _begin(self, client: object, *coroutines: Coroutine[Any, Any, None]) -> None:
        self._tasks[client] = {asyncio.create_task(each) for each in coroutines}

    async def _end(self, client: object) -> None:
        """Raises what has failed."""
        tasks = self._tasks.pop(client)
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag_s = max(self._lag_s, loop.time() - due_s)


def kept_fixes(database: str) -> dict[str, set[int]]:
    """The times of each technician's fixes in a database."""
    kept: dict[str, set[int]] = {}
    engine = create_engine(tracks_url(database))
    with engine.connect() as connection:
        for (packed,) in connection.execute(select(fix_batches.c.rows)):
            for row in _rows(packed):
                kept.setdefault(row.technician_id, set()).add(row.fixed_at)
    engine.dispose()
    return kept


@contextlib.asynccontextmanager
async def crowd_of(urls: list[str], numbers: Sequence[int], *, waiting: int, seed: int = 1) -> AsyncIterator[Crowd]:
    doors = Doors(urls, Random(seed))
    people = ("dora@enroute.example", "rui@acme.example", "olga@other.example")
    crowd = Crowd(doors, *[await Desk.sign_in(doors, email) for email in people])
    try:
        await crowd.gather(numbers, waiting=waiting)
        yield crowd
    finally:
        await crowd.disperse()
