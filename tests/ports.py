"""Ports that are still free when a server that was killed comes back to its own."""

from __future__ import annotations

import random
import socket
from pathlib import Path

RANGE_OF_THE_SYSTEM = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST, FEWEST = 10_000, 1_000
_given: set[int] = set()


def free_port() -> int:
    """One that this process has not had before and that nobody listens on. It lies below those which the system gives
    to whoever connects or asks for any: else a connection of another test takes it while its server is away, or, as
    everything is on this machine, a client that tries again and again connects to itself."""
    below = _first_of_the_system()
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(LOWEST, below) if below - LOWEST >= FEWEST else 0))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


def _first_of_the_system() -> int:
    try:
        return int(RANGE_OF_THE_SYSTEM.read_text().split()[0])
    except OSError:
        return 0
