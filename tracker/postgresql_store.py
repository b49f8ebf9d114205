"""The tracks' connections to PostgreSQL: few, and none waits without an end for a server that says nothing."""

from __future__ import annotations

import select
from typing import Any, TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.event import listens_for
from sqlalchemy.exc import InvalidatePoolError

RV = TypeVar("RV")

CONNECTIONS = 3
"""One writes, one learns for minutes, one reads what somebody asked for."""
ANSWER_WITHIN_S = 8.0
"""A batch of fixes waits for a disk that is slow for a moment; nobody who looks at a screen waits for it."""
LOOK_S = 0.25

LIMITS = {
    "connect_timeout": "4",  # seconds
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",  # ms: what was sent and nobody acknowledged
}
SESSION_LIMITS = (
    "-c statement_timeout=15s -c lock_timeout=4s"
    # Learning thinks for a while between two parts of what it reads.
    " -c idle_in_transaction_session_timeout=120s"
)


def track_engine(url: str) -> Engine:
    """An engine for worker threads, with limits where the URL (``postgresql+psycopg://…``) names none of its own."""
    parsed = make_url(url)
    query = LIMITS | dict(parsed.query)
    query["options"] = f"{SESSION_LIMITS} {parsed.query['options']}" if "options" in parsed.query else SESSION_LIMITS
    engine = create_engine(
        parsed.set(query=query),
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=ANSWER_WITHIN_S,
    )

    @listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, args: Any, options: Any) -> BoundedTracks:
        return BoundedTracks.connect(*args, **options)

    @listens_for(engine, "checkout")
    def listen(connection: Any, _record: object, _proxy: object) -> None:
        # A server that ends a connection says so on it, and says nothing else between transactions.
        heard = select.poll()
        if not connection.closed:
            heard.register(connection.fileno(), select.POLLIN)
        if connection.closed or heard.poll(0):
            raise InvalidatePoolError

    return engine


class Silent(psycopg.OperationalError):
    """No byte came or went for too long."""


class BoundedTracks(psycopg.Connection[Any]):
    """Raises Silent, and is closed, when the server is silent for ANSWER_WITHIN_S while an answer is due."""

    def wait(self, gen: PQGen[RV], interval: float = LOOK_S, timeout: float | None = None) -> RV:
        try:
            return waiting.wait(_heeded(gen), self.pgconn.socket, interval=LOOK_S, timeout=timeout)
        except Silent:
            self.close()
            raise


def _heeded(gen: PQGen[RV]) -> PQGen[RV]:
    """What the driver does step by step, as long as each step follows in time."""
    # Looks in vain are counted, not seconds: a process that was itself away for a while finds its answer at the next.
    in_vain = 0
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            in_vain = 0 if ready else in_vain + 1
            if in_vain * LOOK_S >= ANSWER_WITHIN_S:
                raise Silent(f"no answer within {ANSWER_WITHIN_S:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        answer: RV = end.value
        return answer
