"""Sees every change of a table that is made through this process's database handle, whoever makes it.

What is remembered of a row is right as long as nobody changed it. Instead of asking each writer to say so, this looks
at the statements themselves: none can be forgotten.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, event
from sqlalchemy.engine import Connection

from slots.store import Database

# Statements that are given as text and change no row.
_HARMLESS = frozenset(
    {"SELECT", "BEGIN", "PRAGMA", "SHOW", "SET", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT", "EXPLAIN"}
)
_TOUCHED = "enroute.touched"
_ANY = "*"


class Mark:
    """`number` grows whenever rows of its tables that were there before may have changed: after the commit, and before
    `Database.transaction()` returns. What was read since it last grew is what the tables hold, as far as this process
    knows; rows that are new change nothing that was known."""

    __slots__ = ("number", "tables")

    def __init__(self, tables: frozenset[str]) -> None:
        self.number = 0
        self.tables = tables


class TableChanges:
    """Watches one database handle. `mark` for as many sets of tables as are asked for."""

    def __init__(self, database: Database) -> None:
        self._marks: list[Mark] = []
        engine = database.engine.sync_engine
        event.listen(engine, "after_cursor_execute", self._executed)
        # A transaction is over when its connection goes back to the pool or, broken, away for ever. Whether it was
        # committed is not asked: in doubt the rows did change.
        for ending in ("checkin", "invalidate", "soft_invalidate", "close", "detach"):
            event.listen(engine, ending, self._ended)

    def mark(self, *tables: Table) -> Mark:
        mark = Mark(frozenset(table.name for table in tables))
        self._marks.append(mark)
        return mark

    def _executed(
        self, connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        table = _changed_table(statement, context)
        if table is None or (not executemany and cursor.rowcount == 0):
            return
        connection.info.setdefault(_TOUCHED, set()).add(table)

    def _ended(self, dbapi_connection: Any, record: Any, *rest: Any) -> None:
        touched = record.info.pop(_TOUCHED, None)
        if not touched:
            return
        for mark in self._marks:
            if _ANY in touched or not mark.tables.isdisjoint(touched):
                mark.number += 1


def _changed_table(statement: str, context: Any) -> str | None:
    """The table whose known rows this statement may change, `_ANY` where that cannot be told, None for none."""
    if context is not None and (context.isinsert or context.isupdate or context.isdelete):
        if context.isinsert and statement.startswith("INSERT INTO ") and " ON CONFLICT" not in statement:
            return None
        name: str = context.compiled.statement.table.name
        return name
    if context is not None and context.compiled is not None and context.compiled.statement.is_select:
        return None
    return None if statement.lstrip().partition(" ")[0].upper() in _HARMLESS else _ANY
