"""Keeps a process connected to Redis and its lease valid, for ever: looks the address up, connects, renews, probes, and
begins anew when anything is wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from typing import Protocol

import msgspec

from tracker.errors import ExchangeAway
from tracker.guests import Guests
from tracker.redis_addresses import RedisAddresses
from tracker.redis_claims import RedisClaims
from tracker.redis_leases import RedisLeases, Renewal
from tracker.redis_names import RedisNames
from tracker.redis_session import RedisSession, open_session
from tracker.redis_urls import RedisPlace

log = logging.getLogger("enroute.exchange")

FIRST_RETRY_S = 0.05
# However often we are nudged, Redis is not asked more often.
SHORTEST_BETWEEN_RENEWALS_S = 0.05
# Asked for a lease that is about to run out, Redis is asked just after that.
AFTER_A_LEASE_S = 0.01
# Redis counts in whole ms, and no two clocks run alike.
CLOCKS_DIFFER_S = 0.02
# Nobody has renewed for so many times the usual: Redis was away.
MISSED_RENEWALS = 1.5


class ExchangeTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: what a lease lasts, how often it is renewed and a probe sent, how long probes may stay away, when a
    missing Redis counts as cut off, what one step with Redis may take, how rarely it is tried again, what the others
    have to come back after an outage (longer than a try), and the tick of a busy outbox."""

    lease_s: float = 3.0
    renew_s: float = 1.0
    silence_s: float = 3.0
    cut_off_s: float = 1.0
    timeout_s: float = 1.0
    retry_s: float = 1.0
    grace_s: float = 2.0
    tick_s: float = 0.008


class LineUser(Protocol):
    """What the line tells; synchronous, on the loop's thread."""

    def on_message(self, channel: bytes, payload: bytes) -> None: ...

    def on_drained(self) -> None: ...

    def on_renewed(
        self, renewal: Renewal, *, asked_s: float, opened_s: float | None, was_cut_off: bool, forgot: bool
    ) -> None:
        """`opened_s`: when a new connection was begun, None while it is the one before; what was published between the
        two is lost. `forgot`: our claims."""

    def on_cut_off(self) -> None: ...


class RedisLine:
    """`session` is what to talk over, None while there is none; `generation` names Redis' memory as last seen."""

    def __init__(
        self, place: RedisPlace, names: RedisNames, node_id: str, claims: RedisClaims, timing: ExchangeTiming
    ) -> None:
        self.session: RedisSession | None = None
        self.generation = ""
        self.is_cut_off = False
        self.connections = 0
        self.settled = asyncio.Event()
        self._place = place
        self._names = names
        self._node_id = node_id
        self._claims = claims
        self._timing = timing
        self._addresses = RedisAddresses(place, key=names.tag, timeout_s=timing.timeout_s)
        self._leases = RedisLeases(
            node_id,
            names,
            lease_ms=round(timing.lease_s * 1000),
            pause_ms=round(timing.renew_s * MISSED_RENEWALS * 1000),
            grace_ms=round(timing.grace_s * 1000),
        )
        self._lease_until_s = 0.0
        self._probed_s = 0.0
        self._nudged = asyncio.Event()
        self._cutting_off: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def holds_lease(self) -> bool:
        return not self.is_cut_off and time.monotonic() < self._lease_until_s

    def start(self, user: LineUser, guests: Guests | None = None) -> None:
        """`settled` is set once it is clear whether Redis can be reached."""
        self._user = user
        self._guests = guests
        self._is_missing_since(time.monotonic())
        self._task = asyncio.create_task(self._run(), name="exchange on Redis")

    def nudge(self) -> None:
        """Something is not as we thought: renew now."""
        self._nudged.set()

    def probe_came_back(self) -> None:
        self._probed_s = time.monotonic()

    async def stop(self) -> RedisSession | None:
        """Renews no more. The session is handed over to be closed, if there is one."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._cutting_off is not None:
            self._cutting_off.cancel()
        self._lease_until_s = 0.0
        session, self.session = self.session, None
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)
        await self._addresses.close()
        return session

    async def give_up_lease(self, session: RedisSession) -> None:
        """Raises ExchangeAway."""
        await self._leases.give_up(session.scripts)

    async def _run(self) -> None:
        failures = 0
        while True:
            began_s = time.monotonic()
            try:
                await self._connect_and_keep()
            except ExchangeAway as away:
                if failures == 0:
                    log.warning("Redis at %s: %s", self._place, away)
            except Exception:
                log.exception("the exchange on Redis begins anew")
            if time.monotonic() - began_s > self._timing.retry_s + self._timing.timeout_s:
                failures = 0
            retry_s = min(self._timing.retry_s, FIRST_RETRY_S * 2**failures)
            failures = min(failures + 1, 10)
            await asyncio.sleep(retry_s * random.uniform(0.5, 1.0))  # noqa: S311  # spreads the processes

    async def _connect_and_keep(self) -> None:
        """Raises ExchangeAway when the connection is lost, and when there is none to be had."""
        opened_s = time.monotonic()
        session = await open_session(
            self._place,
            self._addresses,
            self._names,
            self._node_id,
            on_message=self._user.on_message,
            on_drained=self._user.on_drained,
            timeout_s=self._timing.timeout_s,
            guests=self._guests,
        )
        watching = asyncio.create_task(self._watch_address(session)) if self._addresses.may_move else None
        session.lost.add_done_callback(lambda _: self._nudged.set())
        try:
            await self._keep(session, opened_s=opened_s)
        except asyncio.CancelledError:
            if self.session is None:
                await session.close()
            raise
        except BaseException:
            self._is_missing_since(time.monotonic())
            closing = asyncio.create_task(session.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            raise
        finally:
            if watching is not None:
                watching.cancel()

    async def _keep(self, session: RedisSession, *, opened_s: float) -> None:
        self._probed_s = time.monotonic()
        while True:
            asked_s = time.monotonic()
            known_changes = self._claims.changes
            try:
                renewal = await self._leases.renew(session.scripts)
            except ExchangeAway as error:
                self._is_missing_since(asked_s)
                raise ExchangeAway(f"the lease was not renewed: {error}") from None
            self._renewed(session, renewal, opened_s=opened_s, asked_s=asked_s, known_changes=known_changes)
            self._nudged.clear()
            rest_s = min([self._timing.renew_s, *(ms / 1000 + AFTER_A_LEASE_S for ms in renewal.others.values())])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(rest_s - (time.monotonic() - asked_s), 0.0)):
                    await self._nudged.wait()
            if not session.lost.done():
                await asyncio.sleep(max(0.0, asked_s + SHORTEST_BETWEEN_RENEWALS_S - time.monotonic()))
            reason = session.lost.result() if session.lost.done() else None
            if time.monotonic() - self._probed_s > self._timing.silence_s:
                reason = reason or "what we publish does not come back"
            if reason is not None:
                raise ExchangeAway(reason)

    def _renewed(
        self, session: RedisSession, renewal: Renewal, *, opened_s: float, asked_s: float, known_changes: int
    ) -> None:
        is_first = not self.generation
        forgot = not is_first and (
            renewal.generation != self.generation or not renewal.held or renewal.changes < known_changes
        )
        if forgot:
            log.warning("Redis has forgotten this process's claims, or they lapsed")
            self._claims.forget(changes=renewal.changes)
        self.generation = renewal.generation
        self._lease_until_s = asked_s + self._timing.lease_s - CLOCKS_DIFFER_S
        is_new, self.session = self.session is not session, session
        was_cut_off, self.is_cut_off = self.is_cut_off, False
        if self._cutting_off is not None:
            self._cutting_off.cancel()
            self._cutting_off = None
        if is_new:
            self.connections += 1
            log.info("connected to Redis at %s", session.address)
        self._user.on_renewed(
            renewal,
            asked_s=asked_s,
            opened_s=opened_s if is_new else None,
            was_cut_off=was_cut_off,
            forgot=forgot,
        )
        self.settled.set()

    async def _watch_address(self, session: RedisSession) -> None:
        """A master that was replaced while it could not be reached by others does not know it, and may be all right to
        us."""
        while True:
            await asyncio.sleep(self._timing.renew_s)
            with contextlib.suppress(ExchangeAway):
                address = await self._addresses.find()
                if address != session.address:
                    session.fail(f"{address} has taken the place of {session.address}")

    def _is_missing_since(self, since_s: float) -> None:
        self.session = None
        if self._cutting_off is None and not self.is_cut_off:
            wait_s = max(0.0, since_s + self._timing.cut_off_s - time.monotonic())
            self._cutting_off = asyncio.get_running_loop().call_later(wait_s, self._cut_off)

    def _cut_off(self) -> None:
        self._cutting_off = None
        self.is_cut_off = True
        log.warning("cut off from the other processes: Redis at %s cannot be reached", self._place)
        self._user.on_cut_off()
        self.settled.set()
