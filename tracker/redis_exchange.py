"""The exchange between processes on Redis: pub/sub carries the messages, leases say who lives, claims who owns what.

Redis may be killed, paused, emptied or replaced at any time; this process then goes on alone and finds the others
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tracker.errors import ExchangeAway
from tracker.exchange import Claim, Member
from tracker.guests import Guests
from tracker.redis_blobs import Goodbye, Hello, Messages, Probe, decode_blob, encode_blob
from tracker.redis_claims import CLAIM_S, RedisClaims
from tracker.redis_leases import Renewal
from tracker.redis_line import ExchangeTiming, RedisLine
from tracker.redis_names import EVERYBODY, RedisNames
from tracker.redis_outbox import LARGEST_BACKLOG, Outbox
from tracker.redis_peers import RedisPeers
from tracker.redis_session import RedisSession
from tracker.redis_urls import read_redis_url

log = logging.getLogger("enroute.exchange")

# One write to the socket; more waits its turn behind what Redis has read.
WRITE_BYTES = 256 * 1024
LAST_WORDS_S = 0.5
RELEASE_S = 2.0


class ExchangeCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Since the start. `garbage`: payloads that are no blob; `strangers`: blobs of processes that hold no lease."""

    sent_blobs: int
    sent_messages: int
    dropped_messages: int
    received_messages: int
    missed: int
    garbage: int
    strangers: int
    refused_states: int
    connections: int


class RedisExchange:
    """An `Exchange`. `name` is the installation's: several may share a Redis. Raises ExchangeUrlError and ValueError.
    What is sent before `start` is dropped."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "enroute",
        timing: ExchangeTiming | None = None,
        largest_backlog: int = LARGEST_BACKLOG,
    ) -> None:
        timing = timing or ExchangeTiming()
        place = read_redis_url(url)
        names = RedisNames(name, db=place.db)
        command = b"SPUBLISH" if place.kind == "cluster" else b"PUBLISH"
        self.node_id = secrets.token_hex(6)
        self._everybody = names.channel(EVERYBODY)
        self._claims = RedisClaims(self.node_id, names)
        self._line = RedisLine(place, names, self.node_id, self._claims, timing)
        self._outbox = Outbox(self.node_id, names, command=command, largest_backlog=largest_backlog)
        self._probe = self._outbox.command(self.node_id, encode_blob(Probe(self.node_id)))
        self._goodbye = self._outbox.command(EVERYBODY, encode_blob(Goodbye(self.node_id)))
        self._peers = RedisPeers(self.node_id)
        self._lease_s = timing.lease_s
        self._tick_s = timing.tick_s
        self._may_flush_s = 0.0
        self._is_flush_due = True
        self._received = self._missed = self._garbage = self._strangers = 0
        self._member: Member | None = None
        self._looking_after: asyncio.Task[None] | None = None

    @property
    def peers(self) -> frozenset[str]:
        return self._peers.ids

    @property
    def connected(self) -> bool:
        return self._line.session is not None

    def holds_lease(self) -> bool:
        return self._line.holds_lease()

    def counters(self) -> ExchangeCounters:
        return ExchangeCounters(
            sent_blobs=self._outbox.sent_blobs,
            sent_messages=self._outbox.sent_messages,
            dropped_messages=self._outbox.dropped_messages,
            received_messages=self._received,
            missed=self._missed,
            garbage=self._garbage,
            strangers=self._strangers,
            refused_states=self._claims.refused_states,
            connections=self._line.connections,
        )

    def send(self, node_id: str, message: bytes) -> None:
        self._outbox.add(node_id, message)
        if not self._is_flush_due:
            self._make_flush_due()

    def broadcast(self, message: bytes) -> None:
        self.send(EVERYBODY, message)

    async def claim(self, keys: Sequence[str]) -> dict[str, Claim]:
        return await self._claim(keys)

    async def take_over(self, keys: Sequence[str], *, from_node: str) -> dict[str, Claim]:
        return await self._claim(keys, from_node=from_node)

    async def owners(self, keys: Sequence[str]) -> dict[str, Claim]:
        return await self._claims.owners(self._session().commands, keys)

    async def release(self, keys: Sequence[str]) -> None:
        await self._claims.release(self._session().commands, keys)

    async def keep(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        await self._claims.keep(self._session().scripts, states)

    async def states(self, keys: Sequence[str]) -> dict[str, bytes]:
        return await self._claims.states(self._session().commands, keys)

    async def start(self, member: Member, guests: Guests | None = None) -> None:
        self._member = member
        self._loop = asyncio.get_running_loop()
        self._guests = guests or Guests()
        self._is_flush_due = False
        self._line.start(self, guests)
        self._looking_after = asyncio.create_task(self._look_after_claims())
        await self._line.settled.wait()

    async def stop(self) -> None:
        if self._looking_after is not None:
            self._looking_after.cancel()
        self._flush()
        session = await self._line.stop()
        if session is None:
            return
        with contextlib.suppress(ExchangeAway):
            await self._line.give_up_lease(session)
            # From here on the claims may be taken; the rest is only tidy.
            session.publisher.write(self._goodbye)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._claims.release(session.commands, list(self._claims.ours)), RELEASE_S)
        await session.close(within_s=LAST_WORDS_S)

    # What the line tells.

    def on_message(self, channel: bytes, payload: bytes) -> None:
        try:
            blob = decode_blob(payload)
        except msgspec.DecodeError:
            # An empty one is how a publisher finds out whether it may.
            self._garbage += bool(payload)
            return
        sender = blob.sender
        if sender == self.node_id:
            if type(blob) is Probe:
                self._line.probe_came_back()
        elif type(blob) is Messages:
            if sender in self._peers.ids:
                self._deliver(blob, to_all=channel == self._everybody)
            else:
                self._strangers += 1
                self._line.nudge()
        elif type(blob) is Hello:
            self._on_hello(blob)
        elif type(blob) is Goodbye and self._peers.said_goodbye(sender):
            self._meet()
            self._tell(self._told.left, sender)

    def on_drained(self) -> None:
        self._flush()

    def on_renewed(
        self, renewal: Renewal, *, asked_s: float, opened_s: float | None, was_cut_off: bool, forgot: bool
    ) -> None:
        if forgot:
            # So it has forgotten the others, who are about to come back just as we did.
            self._peers.be_patient(time.monotonic() + self._lease_s)
        changes = self._peers.listed(renewal.others, asked_s=asked_s)
        self._meet()
        self._outbox.reopen()
        self._outbox.add_hello(renewal.generation)
        if was_cut_off or forgot:
            self._tell(self._told.back, forgot)
        for node_id in changes.left:
            self._tell(self._told.left, node_id)
        for node_id in changes.joined:
            self._tell(self._told.joined, node_id)
        if opened_s is not None:
            # The counts go on: what the others lose from now on, being still away themselves, shows as another gap.
            for node_id in self._peers.met_before(opened_s):
                self._tell_missed(node_id)
        self._flush()
        session = self._line.session
        if session is not None and not session.publisher.is_full:
            session.publisher.write(self._probe)

    def on_cut_off(self) -> None:
        self._outbox.close()
        self._tell(self._told.cut_off)

    @property
    def _told(self) -> Member:
        assert self._member is not None
        return self._member

    def _on_hello(self, hello: Hello) -> None:
        sender = hello.sender
        if self._peers.said_hello(sender, now_s=time.monotonic()):
            self._meet()
            self._tell(self._told.joined, sender)
        if self._peers.lost_until(sender, to_all=hello.count, to_us=hello.counts.get(self.node_id, 0)):
            self._tell_missed(sender)
        if hello.generation != self._line.generation:
            self._line.nudge()

    def _deliver(self, blob: Messages, *, to_all: bool) -> None:
        sender = blob.sender
        if self._peers.lost_before(sender, to_all=to_all, count=blob.count):
            self._tell_missed(sender)
        self._received += len(blob.messages)
        received = self._told.received
        messages = iter(blob.messages)
        while True:
            try:
                for message in messages:
                    received(sender, message)
                break
            except Exception:
                log.exception("a message from process %s could not be taken", sender)
        self._tell(self._told.took_in)

    def _meet(self) -> None:
        """Who is there may have changed."""
        self._outbox.set_receivers(self._peers.ids)

    def _tell_missed(self, node_id: str) -> None:
        self._missed += 1
        self._tell(self._told.missed, node_id)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        try:
            what(*arguments)
        except Exception:
            log.exception("the news of another process could not be taken")

    def _session(self) -> RedisSession:
        session = self._line.session
        if session is None:
            raise ExchangeAway("the other processes cannot be reached now")
        return session

    async def _claim(self, keys: Sequence[str], *, from_node: str = "") -> dict[str, Claim]:
        session = self._session()
        try:
            return await self._claims.claim(
                session.commands, keys, generation=self._line.generation, from_node=from_node
            )
        except ExchangeAway:
            # Perhaps Redis was emptied or replaced, or our lease ran out: the next renewal tells.
            self._line.nudge()
            raise

    async def _look_after_claims(self) -> None:
        while True:
            await asyncio.sleep(CLAIM_S / 4)
            with contextlib.suppress(ExchangeAway):
                await self._claims.look_after(self._session().commands)

    def _make_flush_due(self) -> None:
        """With the guests' next tick when little is sent; when much is, `ExchangeTiming.tick_s` after the last time."""
        self._is_flush_due = True
        self._guests.soon(self._may_flush_s - self._loop.time(), self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        session = self._line.session
        if session is None:
            return
        publisher = session.publisher
        while len(self._outbox) and not publisher.is_full:
            publisher.write(self._outbox.take(WRITE_BYTES))
        self._may_flush_s = self._loop.time() + self._tick_s
