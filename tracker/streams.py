"""The numbered stream of each visit in this process: pinned, welcomed, told, ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from tracker.bus import Bus
from tracker.errors import CloseCode, NotTracked
from tracker.facts import TripFacts
from tracker.hub import Hub
from tracker.live import EtaView, LiveTrip
from tracker.messages import HEARTBEAT_S, End, Since, Snapshot, Status, Technician, Welcome, encode
from tracker.watchers import Message


class Streams:
    """``pin``, ``offer_facts``, ``welcome``, ``snapshot``, ``released`` serve watchers. Synchronous throughout:
    what a snapshot holds and what the stream tells next never overlap nor leave a hole."""

    def __init__(self, *, hub: Hub, bus: Bus, now_ms: Callable[[], int]) -> None:
        self.hub = hub
        self.bus = bus
        self.now_ms = now_ms
        self._alone = bus.alone
        self._trips: dict[str, LiveTrip] = {}

    def pin(self, trip_id: str) -> None:
        """Hold the visit's stream while its facts are read: whatever changes meanwhile reaches it."""
        live = self.live(trip_id)
        live.pins += 1

    def unpin(self, trip_id: str) -> None:
        live = self._trips.get(trip_id)
        if live is not None:
            live.pins -= 1
            self._forget_if_idle(live)

    def offer_facts(self, trip_id: str, facts: TripFacts) -> None:
        """Facts as the database had them; ignored when newer ones arrived meanwhile."""
        live = self.live(trip_id)
        if live.facts is None or facts.version > live.facts.version:
            live.take_facts(facts)

    def released(self, trip_id: str) -> None:
        """A watcher left; a stream nobody needs is forgotten."""
        live = self._trips.get(trip_id)
        if live is not None:
            self._forget_if_idle(live)

    def topic(self, trip_id: str) -> str:
        return f"trip:{trip_id}"

    def welcome(self, trip_id: str, now_ms: int, since: Since | None = None) -> bytes:
        """The first frame of a watch. Call it in the same breath as ``hub.subscribe``. Raises ``NotTracked``."""
        live = self._trips.get(trip_id)
        if live is None or live.facts is None:
            raise NotTracked(f"visit {trip_id} is not followed here")
        missed = None
        if since is not None and since.epoch == live.epoch and since.seq < live.seq:
            missed = [state for state in live.states if state.seq > since.seq] or None
        return encode(
            Welcome(
                epoch=live.epoch,
                seq=live.seq,
                heartbeat_s=HEARTBEAT_S,
                server_time=now_ms,
                snapshot=live.snapshot(now_ms),
                missed=missed,
            )
        )

    def snapshot(self, trip_id: str, now_ms: int) -> Snapshot:
        """The newest of each kind. Raises ``NotTracked`` when the visit's facts were never offered."""
        live = self._trips.get(trip_id)
        if live is None or live.facts is None:
            raise NotTracked(f"visit {trip_id} is not followed here")
        return live.snapshot(now_ms)

    def epoch(self, trip_id: str) -> str:
        return self.live(trip_id).epoch

    def eta(self, trip_id: str) -> EtaView | None:
        """The told arrival of a trip under way, or None."""
        live = self._trips.get(trip_id)
        if live is None:
            return None
        now_ms = self.now_ms()
        told = live.motion.eta(0, now_ms) if live.motion is not None else live.far_eta(now_ms)
        return EtaView(told.eta_at, told.eta_low_at, told.eta_high_at) if told is not None else None

    def arrived(self, trip_id: str) -> bool:
        """Does the technician seem to be at the door? Known where their fixes are decided."""
        live = self._trips.get(trip_id)
        return live is not None and live.motion is not None and live.motion.arrival.arrived_at is not None

    def end(self, trip_id: str, reason: str) -> None:
        """Nothing more will come for this visit: tell its watchers and let them go."""
        live = self._trips.get(trip_id)
        if live is None:
            return
        live.ended = reason
        live.seq += 1
        self.publish(live, encode(End(seq=live.seq, reason=reason)))
        self.hub.finish(live.topic, CloseCode.OVER, reason)
        self._forget_if_idle(live)

    # Inside

    def live(self, trip_id: str) -> LiveTrip:
        found = self._trips.get(trip_id)
        if found is None:
            found = self._trips[trip_id] = LiveTrip(trip_id, secrets.token_hex(6))
        return found

    def halt(self, live: LiveTrip, now_ms: int) -> None:
        """The right to see the technician ends; what was not delivered yet is not delivered any more."""
        live.halt(now_ms)
        self.hub.forget_positions(live.topic)

    def _forget_if_idle(self, live: LiveTrip) -> None:
        if live.technician is None and live.pins <= 0 and not self.hub.count(live.topic):
            self._trips.pop(live.id, None)

    def publish(self, live: LiveTrip, payload: bytes, *, conflates: bool = False, located: bool = False) -> None:
        """Tell the watchers here. The others' processes hear of changes themselves; what they cannot know (``located``)
        is shipped to those that want it."""
        self.hub.publish(live.topic, Message.of(payload, seq=live.seq, conflates=conflates, located=located))
        if located and live.far:
            self.bus.ship(live, payload, conflates=conflates)

    def relay(self, live: LiveTrip, payload: bytes, *, conflates: bool = False) -> None:
        """Tell the watchers here what the technician's owner told its own, in this process's numbers."""
        live.seq += 1
        message = Message.of(renumbered(payload, live.seq), seq=live.seq, conflates=conflates, located=True)
        self.hub.publish(live.topic, message)

    def tell_status(self, live: LiveTrip, now_ms: int) -> None:
        facts = live.facts
        assert facts is not None
        live.seq += 1
        status = Status(
            seq=live.seq,
            status=facts.status,
            at=now_ms,
            version=facts.version,
            window_start=facts.window_start_ms,
            window_end=facts.window_end_ms,
            tracking=facts.tracking,
        )
        live.states.append(status)
        self.publish(live, encode(status))

    def tell_technician(self, live: LiveTrip) -> None:
        facts = live.facts
        assert facts is not None
        card = facts.technician
        live.seq += 1
        told = Technician(seq=live.seq)
        if card is not None:
            told = Technician(seq=live.seq, name=card.name, photo=card.photo, phone=card.phone)
        self.publish(live, encode(told))

    def tell_eta(self, live: LiveTrip, now_ms: int, reason: str | None) -> None:
        if live.motion is None or live.facts is None or not live.facts.tracking:
            return
        live.seq += 1
        told = live.motion.eta(live.seq, now_ms, reason)
        if told is not None:
            payload = encode(told)
            self.publish(live, payload)
            if not self._alone:
                self.bus.tell_arrival(live, payload)


def renumbered(payload: bytes, seq: int) -> bytes:
    """A message of a numbered stream with another number: ``seq`` comes right after ``type`` and is not the last."""
    begin = payload.index(b'"seq":') + 6
    return b"%b%d%b" % (payload[:begin], seq, payload[payload.index(b",", begin) :])
