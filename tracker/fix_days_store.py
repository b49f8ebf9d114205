"""On PostgreSQL each day (UTC) of fixes is a partition of its own: a day that is over and old enough is dropped, which
costs the same for a thousand fixes as for a hundred million.

Partitions are made ahead (``make_ready``) and on demand, by whichever process is first; one lock keeps those who make
and those who drop apart.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from tracker.records import FixRow

DAY_MS = 86_400_000
DAYS_AHEAD = 2
DROP_WITHIN = "1s"
"""Who reads old fixes keeps a drop waiting, and the drop those who write; an hour later it is tried again."""

_PARTITIONS = (
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'fix_batches'::regclass"
)
_LOCK = 0x656E726F
_NO_PARTITION = "23514"
_LOCK_NOT_AVAILABLE = "55P03"
_GONE_FIRST = frozenset({"40001", "40P01"})


def by_day(rows: Iterable[FixRow]) -> dict[int, list[FixRow]]:
    """The rows of each day, which is counted from 1970."""
    days: dict[int, list[FixRow]] = {}
    for row in rows:
        days.setdefault(row.fixed_at // DAY_MS, []).append(row)
    return days


_EPOCH = datetime.date(1970, 1, 1).toordinal()
_NAME = re.compile(r"fix_batches_(\d{4})(\d\d)(\d\d)")


def name_of(day: int) -> str:
    return f"fix_batches_{datetime.date.fromordinal(_EPOCH + day):%Y%m%d}"


def day_of(name: str) -> int | None:
    """None for a partition that is not one of ours."""
    date = _NAME.fullmatch(name)
    return None if date is None else datetime.date(*map(int, date.groups())).toordinal() - _EPOCH


class FixDays:
    """The partitions of one database. Used from worker threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Known to be there, unless another process has dropped them since.
        self._known: set[int] = set()

    def make_ready(self, now_ms: int) -> None:
        """Make the partitions of today and the next days, as far as they are missing."""
        today = now_ms // DAY_MS
        self.make(range(today, today + DAYS_AHEAD + 1))

    def make(self, days: Iterable[int]) -> None:
        missing = sorted(set(days) - self._known)
        if not missing:
            return
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            for day in missing:
                _make(connection, day)
        self._known.update(missing)

    def written(self, days: Iterable[int], write: Callable[[], None]) -> None:
        """Run a write into these days; again, once, if one of them was dropped meanwhile or another transaction made
        this one give way."""
        self.make(days)
        try:
            write()
        except DBAPIError as error:
            sqlstate = getattr(error.orig, "sqlstate", None)
            if isinstance(error, IntegrityError) and sqlstate == _NO_PARTITION:
                self._known.clear()
                self.make(days)
            elif sqlstate not in _GONE_FIRST:
                raise
            write()

    def drop(self, before_ms: int) -> int:
        """Drop the days that were over by then (ms since 1970); returns how many fixes went.

        A day that is being read for long is left for the next time, as is everything while another process makes or
        drops days.
        """
        gone = 0
        for day in self._days():
            if (day + 1) * DAY_MS <= before_ms:
                held = self._held(day)
                if self._dropped(day):
                    self._known.discard(day)
                    gone += held
        return gone

    def _days(self) -> list[int]:
        with self._engine.connect() as connection:
            days = [day_of(name) for name in connection.execute(text(f"{_PARTITIONS} ORDER BY relname")).scalars()]
        return [day for day in days if day is not None]

    def _held(self, day: int) -> int:
        """How many fixes; 0 where counting them takes too long: what is only told must not keep them."""
        try:
            with self._engine.connect() as connection:
                held = connection.execute(text(f"SELECT coalesce(sum(count), 0) FROM {name_of(day)}")).scalar_one()
        except DBAPIError:
            return 0
        return int(held)

    def _dropped(self, day: int) -> bool:
        try:
            with self._engine.begin() as connection:
                connection.execute(text(f"SET LOCAL lock_timeout = '{DROP_WITHIN}'"))
                alone = text("SELECT pg_try_advisory_xact_lock(:key)")
                if not connection.execute(alone, {"key": _LOCK}).scalar_one():
                    return False
                if not _is_there(connection, day):
                    return False
                connection.execute(text(f"DROP TABLE {name_of(day)}"))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            return False
        return True


def _is_there(connection: Connection, day: int) -> bool:
    # Read from the tables of the catalog: what `to_regclass` says may be older than the lock that was just taken.
    query = text(f"{_PARTITIONS} AND relname = :name")
    return connection.execute(query, {"name": name_of(day)}).scalar_one_or_none() is not None


def _make(connection: Connection, day: int) -> None:
    name = name_of(day)
    if _is_there(connection, day):
        return
    connection.execute(text(f"CREATE TABLE {name} (LIKE fix_batches INCLUDING DEFAULTS)"))
    # Attached, because a table that is created as a partition locks out who reads and writes the others.
    connection.execute(
        text(
            f"ALTER TABLE fix_batches ATTACH PARTITION {name}"
            f" FOR VALUES FROM ({day * DAY_MS:d}) TO ({(day + 1) * DAY_MS:d})"
        )
    )
