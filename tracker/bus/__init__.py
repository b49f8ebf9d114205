"""What live tracking needs of the other processes of an installation: the port, and the default of a process that is
alone.

Each process numbers the streams of its own watchers and learns of every change of a visit. A technician has one owner:
the process that takes their fixes, estimates, and tells; it passes on what it told to the processes whose watchers
want it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tracker.filters import Verdict
    from tracker.live import LiveTechnician, LiveTrip
    from tracker.messages import BoardTechnician, Fix


class Bus(Protocol):
    """``alone``: there is nobody to tell, and every technician is this process's own."""

    alone: bool

    @property
    def watched_elsewhere(self) -> bool:
        """Does anybody watch a visit live in another process?"""
        ...

    def doubtful(self) -> bool:
        """May another process have become the owner of technicians of this one, unheard (it was asleep)?"""
        ...

    def own(self, technician: LiveTechnician, *, insist: bool = False) -> None:
        """This process should own the technician, unless a living one does; ``insist``: also from that one, if no phone
        is connected there. Answers by ``Node.take`` later."""
        ...

    def taken(self, technician: LiveTechnician) -> None:
        """An owned technician is under way now: to whom it may be of interest is told what is known."""
        ...

    def ship(self, live: LiveTrip, payload: bytes, *, conflates: bool) -> None:
        """A position or a line that was told here, to the processes in ``live.far``."""
        ...

    def tell_arrival(self, live: LiveTrip, payload: bytes) -> None:
        """A changed arrival, to every process: home pages show it wherever they are."""
        ...

    def tell_page(self, topic: str, payload: bytes) -> None:
        """Something for a page without a numbered stream, wherever it is open."""
        ...

    @property
    def board_watched_elsewhere(self) -> bool:
        """Does anybody watch the board in another process?"""
        ...

    def moved(self, technician_ids: set[str]) -> None:
        """These technicians of this process are no longer where they were."""
        ...

    def tell_board(self, payload: bytes) -> None:
        """Rows of technicians of this process that changed."""
        ...

    async def company(self, topic: str) -> None:
        """Somebody here is about to look at this topic: return when what its owner told is known here, or soon
        anyway."""
        ...

    def far_rows(self) -> Mapping[str, BoardTechnician]:
        """Technicians of other processes, as their owners told them."""
        ...

    async def hand_on(self, technician: LiveTechnician, fixes: Sequence[Fix], *, insist: bool) -> list[Verdict]:
        """Fixes of a technician who is not this process's own (yet); returns after their owner's commit. ``insist``:
        the phone stays connected here, so this process should be the owner; then its connection waits for the commit.
        Raises ``OwnerAway``."""
        ...


class LocalBus:
    """One process: everything was told already."""

    alone = True
    watched_elsewhere = False
    board_watched_elsewhere = False

    def doubtful(self) -> bool:
        return False

    def own(self, technician: LiveTechnician, *, insist: bool = False) -> None:
        raise AssertionError("in one process everybody is owned")

    def taken(self, technician: LiveTechnician) -> None:
        return None

    def ship(self, live: LiveTrip, payload: bytes, *, conflates: bool) -> None:
        return None

    def tell_arrival(self, live: LiveTrip, payload: bytes) -> None:
        return None

    def tell_page(self, topic: str, payload: bytes) -> None:
        return None

    def moved(self, technician_ids: set[str]) -> None:
        return None

    def tell_board(self, payload: bytes) -> None:
        return None

    async def company(self, topic: str) -> None:
        return None

    def far_rows(self) -> Mapping[str, BoardTechnician]:
        return {}

    async def hand_on(self, technician: LiveTechnician, fixes: Sequence[Fix], *, insist: bool) -> list[Verdict]:
        raise AssertionError("in one process everybody is owned")
