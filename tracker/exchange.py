"""The processes of one installation: who is alive, who owns what, and messages between them. The port; a process that
is alone has no need of it.

A *key* names something that one process at a time works on (a trip). It is owned by a claim, and a claim is worth
as much as its owner's lease: who cannot renew it is dead to the others, and what it owned may be claimed by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tracker.guests import Guests


class Claim(msgspec.Struct, frozen=True):
    """Who owns a key now. `fence` grows with every change of owner, also over a Redis that was emptied."""

    owner: str
    fence: int


class Member(Protocol):
    """What the exchange tells. Every call comes on the event loop's thread and has to return soon."""

    def received(self, sender: str, message: bytes) -> None:
        """Messages of one sender come in the order in which they were sent."""

    def took_in(self) -> None:
        """All that came together was received: the loop gets its turn now."""

    def joined(self, node_id: str) -> None:
        """A process appeared, or came back: tell it again all that it must know."""

    def missed(self, node_id: str) -> None:
        """Messages from this process were lost on their way here."""

    def left(self, node_id: str) -> None:
        """Its lease ran out or it said goodbye; what it owned may be claimed."""

    def cut_off(self) -> None:
        """The others cannot be reached."""

    def back(self, emptied: bool) -> None:
        """They can be reached (again). `emptied`: our claims are forgotten or lapsed, claim them anew."""


class Exchange(Protocol):
    """`node_id` is 12 hex digits, new for each start of a process; `peers` are the other live processes."""

    node_id: str

    @property
    def peers(self) -> frozenset[str]: ...

    @property
    def connected(self) -> bool: ...

    def holds_lease(self) -> bool:
        """Is our lease certainly valid now? Cheap enough to ask before each publish; False while cut off."""

    def send(self, node_id: str, message: bytes) -> None:
        """To one process, with all else that is sent to it in this tick. Never waits; what cannot be sent is dropped
        and shows at the receiver as `missed`. Raises ExchangeMessageTooLarge."""

    def broadcast(self, message: bytes) -> None:
        """To every other live process, in one order with what is sent to it alone. Raises ExchangeMessageTooLarge."""

    async def claim(self, keys: Sequence[str]) -> dict[str, Claim]:
        """Takes those that nobody live owns; the answer says who owns each now. Raises ExchangeAway: then some of them
        may be ours all the same, and claiming again tells."""

    async def take_over(self, keys: Sequence[str], *, from_node: str) -> dict[str, Claim]:
        """As `claim`, but also from that live owner (it has agreed). Raises ExchangeAway."""

    async def owners(self, keys: Sequence[str]) -> dict[str, Claim]:
        """Only looks; keys that nobody live owns are left out. Raises ExchangeAway."""

    async def release(self, keys: Sequence[str]) -> None:
        """Gives up those of them that are ours. Raises ExchangeAway."""

    async def keep(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        """The last state of each key, with the fence it was made under, for a day. One made under a smaller fence than
        the key's claim or its kept state is refused silently. Raises ExchangeAway and ExchangeMessageTooLarge."""

    async def states(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The kept states; keys without one are left out. Raises ExchangeAway."""

    async def start(self, member: Member, guests: Guests | None = None) -> None:
        """Returns when connected, or when it is clear that for now nobody can be reached: then it tries on. It keeps
        step with these `guests`, and says when anybody is expected."""

    async def stop(self) -> None:
        """Says goodbye: the others are told `left` at once, and all claims are released."""
