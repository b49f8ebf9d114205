"""What was accepted and is not on disk yet: filled by the hot path, emptied by the recorder."""

from __future__ import annotations

from typing import Protocol

from tracker.records import FixRow


class Acknowledged(Protocol):
    """A device that is told when its fixes up to ``upto`` (ms, its clock) are on disk."""

    def committed(self, upto: int) -> None: ...


class Pending:
    """``acks``: for each device the time (ms, its clock) up to which it is owed an acknowledgement. ``full``: so much
    waits that nothing more may be taken."""

    __slots__ = ("acks", "full", "rows")

    def __init__(self) -> None:
        self.rows: list[FixRow] = []
        self.acks: dict[Acknowledged, int] = {}
        self.full = False
