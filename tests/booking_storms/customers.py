"""The customers of a storm. Each looks at times, keeps, books, moves and cancels, takes the earliest like all others,
loses answers, asks again with the same key, and writes down what it was told."""

from __future__ import annotations

import asyncio
import datetime
import random
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from tests.booking_storms.ledger import Asked, Ledger, Told
from tests.booking_storms.line import Answer, Cut, Line
from tests.booking_storms.town import SERVICE, first_day

DAYS = 12
MAX_VISITS = 2
MAX_KEPT = 4
# A refusal for want of a place comes with other places.
REFUSED_WITH_SLOTS = frozenset({"slot_taken", "hold_expired"})
# What a server may say while it cannot reach its database; whether the change was made is open.
OUTAGES = frozenset({"storage_unavailable", "busy"})
WAIT_S = 0.05
"""Before asking again during an outage. Retry-After asks for more; a storm does not listen."""


class Customer:
    """`servers` are the addresses of one installation. A customer stays with one and repeats itself at another."""

    def __init__(
        self, ledger: Ledger, *, number: int, token: str, servers: Sequence[str], outages: bool = False, seed: int = 1
    ) -> None:
        self._ledger = ledger
        self._outages = outages
        self._random = random.Random(f"{seed} {number}")
        self._number = number
        self._token = token
        self._lines: list[Line] = []
        self.move_to(servers)
        self._slots: list[str] = []
        self._kept: list[tuple[str, str]] = []  # (hold, its slot), left to run out
        self._visits: dict[str, int] = {}  # id -> version as told
        self._open_bookings: list[tuple[Asked, dict[str, Any]]] = []
        self._doubtful: set[str] = set()  # visits whose last change was not answered

    def move_to(self, servers: Sequence[str]) -> None:
        """The installation is at these addresses now."""
        self.close()
        turned = [servers[(self._number + n) % len(servers)] for n in range(max(2, len(servers)))]
        self._lines = [Line(url, token=self._token) for url in turned]

    def close(self) -> None:
        for line in self._lines:
            line.close()

    async def run(self, *, goes_on: Callable[[], bool]) -> None:
        """Act until `goes_on` says no."""
        while goes_on():
            try:
                await self._act()
            except Cut:
                if not self._outages:
                    self._ledger.fault("a connection was cut")
                await asyncio.sleep(WAIT_S)

    async def settle(self) -> None:
        """Find out what became of everything that was not answered; the servers are well again."""
        while self._open_bookings or self._doubtful:
            await self._ask_again()

    async def _act(self) -> None:
        if self._open_bookings or self._doubtful:
            await self._ask_again()
            return
        chance = self._random.random()
        if self._visits and (len(self._visits) >= MAX_VISITS or chance < 0.2):
            visit_id = self._random.choice(list(self._visits))
            if chance < 0.1:
                await self._change_at_two_desks(visit_id)
            elif chance < 0.5:
                await self._move(visit_id)
            else:
                await self._cancel(visit_id)
            return
        slot = await self._wanted()
        if slot is None:
            if self._visits:
                await self._cancel(next(iter(self._visits)))
            return
        if chance < 0.5:
            await self._hold_and_book(slot)
        elif chance < 0.75:
            await self._book({"slot": slot, "service": SERVICE}, slot)
        elif chance < 0.87:
            await self._book_impatiently(slot)
        else:
            await self._book_and_hang_up(slot)

    async def _wanted(self) -> str | None:
        """A place near the beginning of what the customer saw last, which may be old news; None: nothing is free."""
        if not self._slots or self._random.random() < 0.1:
            day = first_day() + datetime.timedelta(days=self._random.randrange(DAYS - 2))
            query = f"service={SERVICE}&from={day}&to={day + datetime.timedelta(days=2)}"
            answer = await self._lines[0].ask("GET", f"/api/slots?{query}")
            if self._is_outage(answer):
                return None
            if answer.status != 200:
                self._ledger.fault(f"slots answered {answer.status} {answer.code}")
                return None
            self._slots = [slot["slot"] for found in answer.body["days"] for slot in found["slots"]]
        if not self._slots:
            return None
        return self._slots[int(len(self._slots) * self._random.random() ** 2)]

    async def _hold_and_book(self, slot: str) -> None:
        if len(self._kept) >= MAX_KEPT:
            hold, slot = self._kept.pop(0)
        else:
            body = {"slot": slot, "service": SERVICE}
            answer = await self._post("hold", "/api/holds", body)
            if answer is None or answer.status != 201:
                return
            hold = answer.body["hold"]
            if self._random.random() < 0.1:
                self._kept.append((hold, slot))
                return
        await self._book({"hold": hold, "service": SERVICE}, slot)

    async def _book(self, body: dict[str, Any], slot: str) -> None:
        asked = Asked("book", key=uuid.UUID(int=self._random.getrandbits(128)).hex, slot=slot)
        body |= {"details": asked.key}
        self._booked(asked, body, await self._post_booking(asked, body, self._lines[0]))

    async def _book_impatiently(self, slot: str) -> None:
        """Twice at once with one key, at two servers where there are two."""
        asked = Asked("book", key=uuid.UUID(int=self._random.getrandbits(128)).hex, slot=slot)
        body = {"slot": slot, "service": SERVICE, "details": asked.key}
        answers = await asyncio.gather(*(self._post_booking(asked, body, line) for line in self._lines[:2]))
        ids = {answer.body["id"] for answer in answers if answer is not None and answer.status == 201}
        if len(ids) > 1:
            self._ledger.fault(f"one key booked {len(ids)} visits at once")
        for answer in answers:
            self._booked(asked, body, answer)

    async def _book_and_hang_up(self, slot: str) -> None:
        """The answer is lost; the customer asks again elsewhere with the same key."""
        asked = Asked("book", key=uuid.UUID(int=self._random.getrandbits(128)).hex, slot=slot)
        body = {"slot": slot, "service": SERVICE, "details": asked.key}
        self._ledger.attempts += 1
        self._open_bookings.append((asked, body))
        self._ledger.unanswered.add(asked)
        await self._lines[0].ask_and_hang_up("POST", "/api/appointments", body, headers=_key(asked))
        await self._ask_again()

    async def _move(self, visit_id: str) -> None:
        slot = await self._wanted()
        if slot is not None:
            await self._change(Asked("move", visit_id=visit_id, slot=slot), {"slot": slot}, self._lines[0])

    async def _cancel(self, visit_id: str) -> None:
        await self._change(Asked("cancel", visit_id=visit_id), {"reason": "storm"}, self._lines[0])

    async def _change_at_two_desks(self, visit_id: str) -> None:
        """Two people change one version of one visit at once: at most one of them may."""
        slot = await self._wanted()
        if slot is None:
            return
        done = await asyncio.gather(
            self._change(Asked("move", visit_id=visit_id, slot=slot), {"slot": slot}, self._lines[0]),
            self._change(Asked("cancel", visit_id=visit_id), {"reason": "storm"}, self._lines[1]),
        )
        if all(done):
            self._ledger.fault(f"two editors of one version of {visit_id} were both told yes")

    async def _change(self, asked: Asked, body: dict[str, Any], line: Line) -> bool:
        """Whether the server said that it has changed the visit."""
        assert asked.visit_id is not None
        known = self._visits.get(asked.visit_id, 0)
        match = {"If-Match": f'"{known}"'}
        path = f"/api/appointments/{asked.visit_id}/{asked.action}"
        answer = await self._post(asked.action, path, body, headers=match, line=line, asked=asked)
        if answer is None:
            self._doubtful.add(asked.visit_id)
            return False
        if answer.status == 412:
            self._doubtful.add(asked.visit_id)
        # A visit moved to where it was stays as it was, also when another desk has canceled it by the time we hear so.
        return answer.status == 200 and answer.body["version"] != known and self._note(asked, answer)

    def _note(self, asked: Asked, answer: Answer) -> bool:
        """Whether the answer tells of something new; a visit moved to where it was stays as it is."""
        visit_id, version = answer.body["id"], answer.body["version"]
        if self._visits.get(visit_id) == version:
            return False
        self._ledger.tell(Told(visit_id, version, asked))
        if answer.body["status"] == "canceled":
            self._visits.pop(visit_id, None)
        elif version > self._visits.get(visit_id, 0):
            self._visits[visit_id] = version
        return True

    async def _post_booking(self, asked: Asked, body: dict[str, Any], line: Line) -> Answer | None:
        return await self._post("book", "/api/appointments", body, headers=_key(asked), line=line, asked=asked)

    def _booked(self, asked: Asked, body: dict[str, Any], answer: Answer | None) -> None:
        if answer is None:
            if all(other is not asked for other, _ in self._open_bookings):
                self._open_bookings.append((asked, body))
        elif answer.status == 201:
            if answer.body["id"] in self._visits:
                self._ledger.repeated += 1
            self._note(asked, answer)

    async def _ask_again(self) -> None:
        """Until there is an answer for what had none: a booking by its key, a change by looking at the visit."""
        for asked, body in list(self._open_bookings):
            line = self._random.choice(self._lines)
            answer = await self._post_booking(asked, body, line)
            if answer is None:
                return
            self._open_bookings.remove((asked, body))
            self._booked(asked, body, answer)
        for visit_id in list(self._doubtful):
            answer = await self._lines[0].ask("GET", f"/api/appointments/{visit_id}")
            if self._is_outage(answer):
                return
            self._doubtful.discard(visit_id)
            if answer.status != 200:
                self._ledger.fault(f"a visit that was there answered {answer.status} {answer.code}")
            elif answer.body["status"] == "canceled":
                self._visits.pop(visit_id, None)
            else:
                self._visits[visit_id] = answer.body["version"]

    async def _post(
        self,
        action: str,
        path: str,
        body: dict[str, Any],
        *,
        headers: dict[str, str] | None = None,
        line: Line | None = None,
        asked: Asked | None = None,
    ) -> Answer | None:
        """None where the outcome is open."""
        ledger = self._ledger
        ledger.attempts += 1
        asked_s = time.perf_counter()
        try:
            answer = await (line or self._lines[0]).ask("POST", path, body, headers=headers)
        except Cut:
            if not self._outages:
                ledger.fault(f"{action}: the connection was cut")
            answer = None
        except TimeoutError:
            ledger.fault(f"{action}: no answer")
            answer = None
        ledger.longest_s = max(ledger.longest_s, time.perf_counter() - asked_s)
        if answer is None or self._is_outage(answer):
            ledger.count(f"{action} {answer.code if answer else 'cut'}")
            if asked is not None:
                ledger.unanswered.add(asked)
            await asyncio.sleep(WAIT_S)
            return None
        ledger.count(f"{action} {answer.code or answer.status}")
        self._judge(action, answer)
        return answer

    def _is_outage(self, answer: Answer) -> bool:
        if not (self._outages and answer.status == 503 and answer.code in OUTAGES):
            return False
        if int(answer.headers.get("retry-after", "0")) < 1:
            self._ledger.fault("a 503 without Retry-After")
        return True

    def _judge(self, action: str, answer: Answer) -> None:
        """A refusal is a 409 with fresh places, or 412 for what another changed meanwhile; all else is a fault."""
        if answer.status < 300:
            return
        if answer.status == 409 and answer.code in REFUSED_WITH_SLOTS:
            if "slots" not in answer.body:
                self._ledger.fault(f"{action}: {answer.code} without slots")
                return
            self._slots = [slot["slot"] for slot in answer.body["slots"]]
            if self._slots:
                self._ledger.count("refused with places to take instead")
        elif answer.status == 412:
            return
        elif answer.code == "storage_full" and self._outages:
            if answer.headers["content-type"] != "application/problem+json" or not answer.body["detail"]:
                self._ledger.fault(f"{action}: a full disk is not explained: {answer.body}")
        else:
            self._ledger.fault(f"{action} answered {answer.status} {answer.code}")


def _key(asked: Asked) -> dict[str, str]:
    assert asked.key is not None
    return {"Idempotency-Key": asked.key}
