"""Watchers on websockets that count against their session, and what is left to do when they go."""

from __future__ import annotations

import msgspec

from tracker.connections import WatcherConnection
from tracker.errors import CloseCode
from tracker.messages import Since, decode_hello
from web.auth import Principal
from web.state import State


class CountedWatcher(WatcherConnection):
    """One open watch. ``admitted`` once its session has room for it; then it is given back at the end."""

    __slots__ = ("_state", "admitted")

    def __init__(self, state: State, principal: Principal | None) -> None:
        until_ms = principal.expires_at_ms if principal is not None else state.now_ms() + 60_000
        super().__init__(hub=state.hub, principal=principal, until_ms=until_ms)
        self._state = state
        self.admitted = False

    def admit(self, principal: Principal) -> bool:
        """False when the session has too many watches open already, or has just ended."""
        self.admitted = self._state.watches.begin(principal)
        return self.admitted

    def cut(self, code: int, reason: str) -> None:
        if code == CloseCode.SIGN_IN_AGAIN and self.principal.role == "link":
            # Nobody can sign in to a link.
            code, reason = CloseCode.OVER, "the link is over"
        super().cut(code, reason)

    def ended(self) -> None:
        super().ended()
        if self.admitted:
            self._state.watches.end(self.principal.session_id)


class VisitWatcher(CountedWatcher):
    """A watcher of one visit. Its first message may still tell what it has seen of the stream before."""

    __slots__ = ("_heard", "trip_id")

    def __init__(self, state: State, principal: Principal | None, *, trip_id: str) -> None:
        super().__init__(state, principal)
        self.trip_id = trip_id
        self._heard = False

    def messages_received(self, messages: list[tuple[int, bytes]]) -> None:
        if self.admitted and not self._heard:
            self._heard = True
            self._resume(messages[0][1])
        super().messages_received(messages)

    def _resume(self, payload: bytes) -> None:
        """Whoever was known by cookie or bearer was welcomed before this could be read: welcome them once more, with
        the states they missed, if there are any."""
        try:
            since = decode_hello(payload).since
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        node = self._state.node
        if since is not None and _missed(self._state, self.trip_id, since):
            self.send(node.welcome(self.trip_id, self._state.now_ms(), since))

    def ended(self) -> None:
        super().ended()
        if self.admitted:
            self._state.node.released(self.trip_id)


def _missed(state: State, trip_id: str, since: Since) -> bool:
    live = state.node.live(trip_id)
    return since.epoch == live.epoch and any(told.seq > since.seq for told in live.states)
