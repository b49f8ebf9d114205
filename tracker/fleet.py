"""The technicians that a process knows: their tracks and duties, their phones, the board of dispatchers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tracker.board import board_of
from tracker.bus import Bus
from tracker.errors import CloseCode
from tracker.hub import Hub
from tracker.live import Duty, LiveTechnician, LiveTrip, state_of
from tracker.messages import Board
from tracker.records import LastState
from tracker.streams import Streams


class Phone(Protocol):
    """A connected device, as far as it can be told to go."""

    def close(self, code: int, reason: str = "") -> None: ...

    def owned(self, owned: bool) -> None:
        """From now on this process takes the technician's fixes itself, or does not any more."""
        ...


class Fleet(Streams):
    """``technician`` makes known who was not; everything else looks."""

    def __init__(self, *, hub: Hub, bus: Bus, now_ms: Callable[[], int]) -> None:
        super().__init__(hub=hub, bus=bus, now_ms=now_ms)
        self._technicians: dict[str, LiveTechnician] = {}
        self._phones: dict[str, set[Phone]] = {}

    def technician(self, technician_id: str) -> LiveTechnician:
        """What this process knows of a technician, from now on if it did not."""
        found = self._technicians.get(technician_id)
        if found is None:
            found = self._technicians[technician_id] = LiveTechnician(technician_id, owned=self._alone)
        return found

    def known_technicians(self) -> list[LiveTechnician]:
        return list(self._technicians.values())

    def known_trips(self) -> list[LiveTrip]:
        """The visits that are watched here or driven to."""
        return list(self._trips.values())

    def known_trip(self, trip_id: str) -> LiveTrip | None:
        """The visit, if it is watched here or driven to."""
        return self._trips.get(trip_id)

    def connected_technicians(self) -> list[str]:
        """Whose phones are connected here."""
        return list(self._phones)

    def has_phone(self, technician_id: str) -> bool:
        """Is a phone of this technician connected here?"""
        return technician_id in self._phones

    def duty(self, technician_id: str) -> str:
        technician = self._technicians.get(technician_id)
        return technician.duty.value if technician is not None else Duty.ON_DUTY.value

    def technician_of(self, trip_id: str) -> str | None:
        """Who is under way to this visit now, if anybody."""
        live = self._trips.get(trip_id)
        return live.technician.id if live is not None and live.technician is not None else None

    def watched(self, technician_id: str) -> LiveTrip | None:
        """The trip on which this technician can be seen now, if any."""
        technician = self._technicians.get(technician_id)
        return technician.trip if technician is not None else None

    def board(self, now_ms: int, technician_ids: set[str] | None = None) -> Board:
        """Every technician this process has heard of (or the named ones), for dispatchers: its own as it sees them, the
        others as their owners told them."""
        known = self._technicians
        far = self.bus.far_rows()
        names = {**known, **far} if technician_ids is None else technician_ids
        here = [name for name in names if name in known and (known[name].owned or name not in far)]
        board = board_of([known[name] for name in here], now_ms)
        if far:
            shown = set(here)
            board.technicians += [far[name] for name in names if name in far and name not in shown]
        return board

    def answered(self, technician_id: str, phone: Phone) -> None:
        """A phone of this technician is connected."""
        self._phones.setdefault(technician_id, set()).add(phone)

    def hung_up(self, technician_id: str, phone: Phone) -> None:
        phones = self._phones.get(technician_id)
        if phones is not None:
            phones.discard(phone)
            if not phones:
                del self._phones[technician_id]

    def disconnect_phones(self, technician_id: str) -> int:
        """The technician's tokens died: their phones must sign in again. Returns how many were connected."""
        phones = list(self._phones.get(technician_id, ()))
        for phone in phones:
            phone.close(CloseCode.SIGN_IN_AGAIN, "sign in again")
        return len(phones)

    def _last_states(self, technician_ids: set[str]) -> list[LastState]:
        """Only of technicians of this process: what others know is newer."""
        known = [self._technicians[name] for name in technician_ids if name in self._technicians]
        return [state_of(technician) for technician in known if technician.owned]
