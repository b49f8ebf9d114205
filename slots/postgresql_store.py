"""How a process talks to PostgreSQL: a share of its connections, and an end to every wait.

A server that was stopped, cut off or moved away leaves its clients waiting: nothing in TCP tells them while the other
machine's kernel still answers. So every wait for an answer ends here, on our side, and the connection with it; what
the server is still at, it ends by its own limits.
"""

from __future__ import annotations

import asyncio
import functools
import select
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.event import listens_for
from sqlalchemy.exc import InvalidatePoolError

RV = TypeVar("RV")

CONNECTIONS = 12
"""Of one process, unless the operator says otherwise: PostgreSQL's own default is a hundred for all processes, and one
process keeps one processor busy with half of these."""
LOOKUP_CONNECTIONS = 2
TRACK_CONNECTIONS = 3
"""What the look-ups of tokens and visits, and the tracks, have of them."""
LEAST_CONNECTIONS = LOOKUP_CONNECTIONS + TRACK_CONNECTIONS + 1

ANSWER_WITHIN_S = 4.5
"""A person waits as long as that for a clear no."""
LOOKUP_WITHIN_S = 4
"""Whoever looks up who asks wants to do something afterwards."""
QUEUE_WITHIN_S = 30.0
"""For a free connection, while the database answers others."""
LOOK_S = 0.25
"""How often who waits looks whether it has waited long enough."""

LIMITS = {
    "connect_timeout": "4",  # seconds
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",  # ms: what was sent and nobody acknowledged
}
SESSION_LIMITS = {
    "statement_timeout": "15s",
    # Shorter than a person waits: then the server says what it was.
    "lock_timeout": "4s",
    # A process that was stopped in the middle of a transaction does not keep a technician locked for ever; an import
    # thinks for some seconds in the middle of one.
    "idle_in_transaction_session_timeout": "60s",
}


def limited(url: URL) -> URL:
    """The same database with our limits on connecting, waiting and locking, where the URL names none of its own."""
    query = LIMITS | dict(url.query)
    ours = " ".join(f"-c {name}={value}" for name, value in SESSION_LIMITS.items())
    # Of two values for one setting the later one counts.
    query["options"] = f"{ours} {url.query['options']}" if "options" in url.query else ours
    return url.set(query=query)


def own_connections(connections: int | None) -> int:
    """What is left of the share of one process (CONNECTIONS unless given) for its pages and use cases.

    Raises ValueError for fewer than LEAST_CONNECTIONS.
    """
    share = CONNECTIONS if connections is None else connections
    if share < LEAST_CONNECTIONS:
        raise ValueError(f"{share} connections to PostgreSQL are too few: {LEAST_CONNECTIONS} are the least.")
    return share - LOOKUP_CONNECTIONS - TRACK_CONNECTIONS


class Line:
    """The connections of one asynchronous engine, taken in `turns`, and when the database was last heard on one."""

    def __init__(self, size: int) -> None:
        self.size = size
        # The pool gives what comes back to whoever asks next, and who waits begins again at the end: here they queue.
        self.turns = asyncio.Semaphore(size)
        self._heard_s = 0.0

    async def connect(self, *args: Any, **options: Any) -> BoundedConnection:
        """As `AsyncConnection.connect`."""
        connection = await BoundedConnection.connect(*args, **options)
        connection.heard = self._heard
        return connection

    def _heard(self) -> None:
        self._heard_s = time.monotonic()

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """Ends the wait for a connection (TimeoutError) when the database has been silent to everybody for
        ANSWER_WITHIN_S; in a queue that moves on, one waits up to QUEUE_WITHIN_S."""
        loop = asyncio.get_running_loop()
        latest_s = time.monotonic() + QUEUE_WITHIN_S
        timer: asyncio.TimerHandle

        async with asyncio.timeout(None) as limit:

            def look(*, again: bool = False) -> None:
                nonlocal timer
                left_s = min(self._heard_s + ANSWER_WITHIN_S, latest_s) - time.monotonic()
                if left_s > 0:
                    timer = loop.call_later(left_s, look)
                elif not again:
                    # Perhaps it was this process that was away.
                    timer = loop.call_later(LOOK_S, functools.partial(look, again=True))
                else:
                    limit.reschedule(loop.time())

            timer = loop.call_later(ANSWER_WITHIN_S, look)
            try:
                yield
            finally:
                timer.cancel()


class Silent(psycopg.OperationalError):
    """No byte came or went for too long."""


def _nobody() -> None:
    pass


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """Raises OperationalError, and is closed, when the server is silent for ANSWER_WITHIN_S while an answer is due."""

    heard: Callable[[], None] = staticmethod(_nobody)

    async def wait(self, gen: PQGen[RV], interval: float = LOOK_S, timeout: float | None = None) -> RV:
        heeded = _ended_by_silence(gen, ANSWER_WITHIN_S, self.heard)
        try:
            return await waiting.wait_async(heeded, self.pgconn.socket, interval=LOOK_S, timeout=timeout)
        except Silent:
            await self.close()
            raise
        except asyncio.CancelledError:
            # Nobody waits for the answer. Asking the server to stop would be one more wait.
            await self.close()
            raise


class BoundedLookup(psycopg.Connection[Any]):
    """The same without asyncio, within LOOKUP_WITHIN_S."""

    def wait(self, gen: PQGen[RV], interval: float = LOOK_S, timeout: float | None = None) -> RV:
        heeded = _ended_by_silence(gen, LOOKUP_WITHIN_S, _nobody)
        try:
            return waiting.wait(heeded, self.pgconn.socket, interval=LOOK_S, timeout=timeout)
        except Silent:
            self.close()
            raise


def _ended_by_silence(gen: PQGen[RV], within_s: float, heard: Callable[[], None]) -> PQGen[RV]:
    """What the driver does step by step, as long as each step follows in time; an answer of many parts may take
    longer. `heard` is called when all of it is there."""
    # Looks in vain are counted, not seconds: a process that was itself away for a while finds its answer at the next.
    in_vain = 0
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            in_vain = 0 if ready else in_vain + 1
            if in_vain * LOOK_S >= within_s:
                raise Silent(f"no answer within {within_s:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        heard()
        answer: RV = end.value
        return answer


def lookup_engine(url: str, *, threads: int) -> Engine:
    """A synchronous engine (`postgresql+psycopg://…`) for short questions from at most LOOKUP_CONNECTIONS threads."""
    connections = min(threads, LOOKUP_CONNECTIONS)
    engine = create_engine(
        limited(make_url(url)),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=LOOKUP_WITHIN_S,
    )

    leave_ended_connections(engine)

    @listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, args: Any, options: Any) -> BoundedLookup:
        return BoundedLookup.connect(*args, **options)

    return engine


def leave_ended_connections(engine: Engine) -> None:
    """A server that ends a connection says so on it, and says nothing else between transactions. Listening for that
    costs no answer of the server, which a question before every transaction would."""

    @listens_for(engine, "checkout")
    def listen(dbapi_connection: Any, _record: object, _proxy: object) -> None:
        connection = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        heard = select.poll()
        if not connection.closed:
            heard.register(connection.fileno(), select.POLLIN)
        if connection.closed or heard.poll(0):
            raise InvalidatePoolError
