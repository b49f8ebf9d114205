"""A serving process of `enroute serve --workers N`; started by `web.supervisor` only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from web.compiled import take_up
from web.config import Settings
from web.large_pages import reserve_heap
from web.logs import configure_logs
from web.worker_process import READY, RUNS, RUNS_EVERY_S

if TYPE_CHECKING:
    from web.serve import Server

MAX_SETTINGS_BYTES = 1 << 20
END_WITHIN_S = 20.0
"""Without its supervisor a worker drains and ends; one that does not get there by then is ended by itself."""


def main() -> None:
    number, control_number, scrape_number, *listener_numbers = map(int, sys.argv[1:])
    control = socket.socket(fileno=control_number)
    settings = msgspec.json.decode(control.recv(MAX_SETTINGS_BYTES), type=Settings)
    configure_logs(settings.log_level, worker=number)
    if settings.large_pages == "auto":
        reserve_heap()
    # Before the first import of the tracker.
    take_up(os.environ)
    from web.scrapes import Scrapes
    from web.serve import serve

    listeners = {index: socket.socket(fileno=each) for index, each in enumerate(listener_numbers, 1)}
    scrape_listener = socket.socket(fileno=scrape_number)
    for each in (control, scrape_listener, *listeners.values()):
        each.set_inheritable(False)

    def ready(server: Server) -> None:
        # A thread, so that even a loop that is held up by something does not outlive its supervisor for long.
        threading.Thread(target=_obey, args=(control, server), name="supervisor", daemon=True).start()
        with contextlib.suppress(OSError):  # the supervisor has just ended, which the thread sees too
            control.send(READY)
        _tell_that_it_runs(control, asyncio.get_running_loop())

    scrapes = Scrapes(scrape_listener, number=number, count=len(listeners))
    listener = listeners.pop(number)
    sys.exit(serve(settings, listener, on_ready=ready, scrapes=scrapes, others=listeners))


def _tell_that_it_runs(control: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(OSError):  # the supervisor was stopped for long, or has just ended
        control.send(RUNS, socket.MSG_DONTWAIT)
    loop.call_later(RUNS_EVERY_S, _tell_that_it_runs, control, loop)


def _obey(control: socket.socket, server: Server) -> None:
    # A supervisor that is killed with words of ours unread resets the connection.
    with contextlib.suppress(ConnectionError):
        while words := control.recv(64).decode():
            verb, _, number = words.partition(" ")
            if verb == "cover":
                server.cover(int(number))
            elif verb == "uncover":
                server.uncover(int(number))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_WITHIN_S)
    os._exit(1)


if __name__ == "__main__":
    main()
