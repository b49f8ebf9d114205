"""[pure] The other processes as this one knows them: who is here, and whose blobs were lost on the way.

Redis' list of leases says who lives; a hello, which is only sent under a valid lease, says so sooner.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Changes(msgspec.Struct, frozen=True):
    joined: tuple[str, ...]
    left: tuple[str, ...]


class _Peer(msgspec.Struct):
    """Counts of the last blob on our channel and on everybody's; None while any may come next. `met_s`: known since."""

    to_us: int | None
    to_all: int | None
    heard_s: float
    met_s: float


class RedisPeers:
    def __init__(self, node_id: str) -> None:
        self.ids: frozenset[str] = frozenset()
        self._node_id = node_id
        self._peers: dict[str, _Peer] = {}
        self._patient_until_s = 0.0

    def be_patient(self, until_s: float) -> None:
        """Redis forgot who is here: until then, being absent from its list means nothing."""
        self._patient_until_s = until_s

    def listed(self, ids: Iterable[str], *, asked_s: float) -> Changes:
        """Redis' list of the living, without us, as of a question that was sent at `asked_s`."""
        alive = frozenset(ids) - {self._node_id}
        joined = tuple(sorted(alive - self.ids))
        absent = self.ids - alive if asked_s >= self._patient_until_s else frozenset()
        # Who said hello meanwhile lives, whatever an older list says.
        left = tuple(sorted(node_id for node_id in absent if self._peers[node_id].heard_s < asked_s))
        for node_id in joined:
            # It counts what it sends to us from our coming on; what it told everybody before that is not for us.
            self._peers[node_id] = _Peer(0, None, asked_s, asked_s)
        for node_id in left:
            del self._peers[node_id]
        self.ids = frozenset(self._peers)
        return Changes(joined, left)

    def met_before(self, time_s: float) -> list[str]:
        """In the order of their ids."""
        return sorted(node_id for node_id, peer in self._peers.items() if peer.met_s < time_s)

    def said_hello(self, node_id: str, *, now_s: float) -> bool:
        """True if it is new here."""
        peer = self._peers.get(node_id)
        if peer is not None:
            peer.heard_s = now_s
            return False
        self._peers[node_id] = _Peer(0, None, now_s, now_s)
        self.ids = frozenset(self._peers)
        return True

    def said_goodbye(self, node_id: str) -> bool:
        """True if it was here."""
        was_here = self._peers.pop(node_id, None) is not None
        self.ids = frozenset(self._peers)
        return was_here

    def lost_before(self, node_id: str, *, to_all: bool, count: int) -> bool:
        """Counts a blob of a peer: True if blobs are missing between its last one and this."""
        peer = self._peers[node_id]
        if to_all:
            expected, peer.to_all = peer.to_all, count
        else:
            expected, peer.to_us = peer.to_us, count
        return expected is not None and expected + 1 != count

    def lost_until(self, node_id: str, *, to_all: int, to_us: int) -> bool:
        """What a peer's hello says of its counts: True if we have not seen them all."""
        peer = self._peers[node_id]
        was_lost = (peer.to_all is not None and peer.to_all != to_all) or (
            peer.to_us is not None and peer.to_us != to_us
        )
        peer.to_all, peer.to_us = to_all, to_us
        return was_lost
