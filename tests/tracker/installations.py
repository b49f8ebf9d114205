"""Several processes' exchanges in one: what is sent arrives when the loop turns, and leases end when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from tracker.errors import ExchangeAway
from tracker.exchange import Claim, Member
from tracker.guests import Guests


class Installation:
    """What Redis is to them. ``down`` cuts everybody off; ``kill`` is a process that dies without a word."""

    def __init__(self) -> None:
        self.members: dict[str, MemoryExchange] = {}
        self.claims: dict[str, Claim] = {}
        self.kept: dict[str, tuple[int, bytes]] = {}
        self.fence = 0
        self.down = False

    def exchange(self, node_id: str) -> MemoryExchange:
        return MemoryExchange(self, node_id)

    def kill(self, node_id: str, *, unheard_by: str = "") -> None:
        """Its lease is over: everybody else hears of it."""
        self.members.pop(node_id).dead = True
        for name, each in list(self.members.items()):
            if name != unheard_by:
                each.member.left(node_id)

    def go_down(self) -> None:
        self.down = True
        for each in list(self.members.values()):
            each.member.cut_off()

    def come_back(self, *, emptied: bool = False) -> None:
        self.down = False
        if emptied:
            self.claims.clear()
            self.kept.clear()
        for each in list(self.members.values()):
            each.member.back(emptied)

    def ask(self) -> None:
        if self.down:
            raise ExchangeAway("Redis is away")


class MemoryExchange:
    def __init__(self, installation: Installation, node_id: str) -> None:
        self.installation = installation
        self.node_id = node_id
        self.member: Member
        self.leased = True
        self.dead = False
        self.sent: list[bytes] = []
        # Messages to these processes get lost.
        self.deaf: set[str] = set()

    @property
    def peers(self) -> frozenset[str]:
        return frozenset(self.installation.members) - {self.node_id}

    @property
    def connected(self) -> bool:
        return not self.installation.down

    def holds_lease(self) -> bool:
        return self.leased and not self.installation.down

    def send(self, node_id: str, message: bytes) -> None:
        self.sent.append(message)
        if not self.installation.down and not self.dead and node_id not in self.deaf:
            asyncio.get_running_loop().call_soon(self._arrive, node_id, message)

    def broadcast(self, message: bytes) -> None:
        for node_id in self.peers:
            self.send(node_id, message)

    def _arrive(self, node_id: str, message: bytes) -> None:
        to = self.installation.members.get(node_id)
        if to is not None:
            to.member.received(self.node_id, message)
            to.member.took_in()

    async def claim(self, keys: Sequence[str]) -> dict[str, Claim]:
        return self._claim(keys, also_from=None)

    async def take_over(self, keys: Sequence[str], *, from_node: str) -> dict[str, Claim]:
        return self._claim(keys, also_from=from_node)

    def _claim(self, keys: Sequence[str], *, also_from: str | None) -> dict[str, Claim]:
        shared = self.installation
        shared.ask()
        for key in keys:
            known = shared.claims.get(key)
            if known is None or known.owner not in shared.members or known.owner == also_from:
                shared.fence += 1
                shared.claims[key] = Claim(self.node_id, shared.fence)
        return {key: shared.claims[key] for key in keys}

    async def owners(self, keys: Sequence[str]) -> dict[str, Claim]:
        self.installation.ask()
        return {key: self.installation.claims[key] for key in keys if key in self.installation.claims}

    async def release(self, keys: Sequence[str]) -> None:
        self.installation.ask()
        for key in keys:
            self.installation.claims.pop(key, None)

    async def keep(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        self.installation.ask()
        for key, (fence, state) in states.items():
            if fence >= self.installation.kept.get(key, (0, b""))[0]:
                self.installation.kept[key] = (fence, state)

    async def states(self, keys: Sequence[str]) -> dict[str, bytes]:
        self.installation.ask()
        return {key: self.installation.kept[key][1] for key in keys if key in self.installation.kept}

    async def drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.installation.kept.pop(key, None)

    async def start(self, member: Member, guests: Guests | None = None) -> None:
        self.member = member
        for each in list(self.installation.members.values()):
            each.member.joined(self.node_id)
            member.joined(each.node_id)
        self.installation.members[self.node_id] = self

    async def stop(self) -> None:
        for key in [key for key, claim in self.installation.claims.items() if claim.owner == self.node_id]:
            del self.installation.claims[key]
        self.installation.members.pop(self.node_id, None)
        for each in list(self.installation.members.values()):
            each.member.left(self.node_id)
