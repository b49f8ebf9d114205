"""What one process lets in: how many connections, how large a header, how slow a sender."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Sized

from web.deadlines import Deadlines

HEADER_WITHIN_S = 10.0
"""From the first byte of a request (of a connection: from its opening) to the end of its header."""
BODY_SILENCE_S = 20.0
"""Between two pieces of a body: a phone that changes cells needs some seconds."""
BODY_WITHIN_S = 300.0
"""A whole body: the largest one, a day of fixes, at the pace of a bad mobile network."""
MAX_HEADER_BYTES = 32_768
"""Request line and headers together; a dozen cookies are two kilobytes."""
MAX_HEADERS = 100
MAX_CONNECTIONS = 100_000
FILES_KEPT = 96
"""Descriptors that are no connections: database, log, event loops, and a hand-over's second one."""
TOLD_TO_WAIT = 64
"""Connections beyond the limit that are still taken, to be told why they cannot stay."""
RETRY_S = 5


class Intake:
    """The limits and deadlines that the connections of one process share."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        handed_over: Callable[[], Sized],
        max_connections: int = MAX_CONNECTIONS,
        header_within_s: float = HEADER_WITHIN_S,
        body_silence_s: float = BODY_SILENCE_S,
        body_within_s: float = BODY_WITHIN_S,
    ) -> None:
        self.headers = Deadlines(header_within_s, loop=loop)
        self.silences = Deadlines(body_silence_s, loop=loop)
        self.bodies = Deadlines(body_within_s, loop=loop)
        self.max_connections = max_connections
        self._handed_over = handed_over

    def room(self, connections: Sized) -> int:
        """How many more connections may come, below zero when there are too many. `connections` speak HTTP, or are
        about to become websockets."""
        return self.max_connections - len(connections) - len(self._handed_over())


def connections_allowed() -> int:
    """How many connections the process may hold: as many as the operating system lets it have open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        wanted = MAX_CONNECTIONS + FILES_KEPT + TOLD_TO_WAIT
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, max(soft, wanted))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(MAX_CONNECTIONS, soft - FILES_KEPT - TOLD_TO_WAIT))
