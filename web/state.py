"""What the endpoints of one process share. Every endpoint reaches it by `request.app.state.enroute`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from web.config import Settings
from web.lookups import Lookups
from web.passwords import Passwords
from web.throttle import Limits
from web.watches import Watches

if TYPE_CHECKING:
    from slots.booking import Scheduling
    from slots.store import Database
    from tracker.hub import Hub
    from tracker.node import Node
    from tracker.sockets import Sockets
    from web.announcements import Announcements
    from web.bridge import Bridge
    from web.event_webhook import Events
    from web.health import Metrics
    from web.neighbours import Neighbours
    from web.senders import Outbox
    from web.switches import Switches
    from web.watch_log import WatchLog


def system_now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class State:
    """Made once by `web.app`, handed on by hand. `now_ms` is the only clock of the endpoints."""

    settings: Settings
    database: Database
    switches: Switches
    booking: Scheduling
    node: Node
    hub: Hub
    sockets: Sockets
    metrics: Metrics
    passwords: Passwords
    watch_log: WatchLog
    announcements: Announcements
    # The other workers of this server, where there are some.
    neighbours: Neighbours | None = None
    limits: Limits = field(default_factory=Limits)
    now_ms: Callable[[], int] = system_now_ms
    # Set when the server begins to stop: long answers (server-sent events) must end by themselves.
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    # Open watches by session; answers to a watcher's hello under way.
    watches: Watches = field(default_factory=Watches)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    # Who holds which token, and what a visit is, as remembered for a second.
    lookups: Lookups = field(init=False)
    # These ask the State itself, so they come right after it.
    bridge: Bridge = field(init=False)
    outbox: Outbox = field(init=False)
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        self.lookups = Lookups(self.database, now_ms=self.now_ms)

    def now_s(self) -> int:
        return self.now_ms() // 1000


def state_of(connection: HTTPConnection) -> State:
    state: State = connection.app.state.enroute
    return state
