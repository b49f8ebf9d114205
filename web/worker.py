"""A serving process of `enroute serve --workers N`; started by `web.supervisor` only."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

import msgspec

from web.compiled import take_up
from web.config import Settings
from web.logs import configure_logs
from web.worker_process import READY

MAX_SETTINGS_BYTES = 1 << 20
END_WITHIN_S = 20.0
"""Without its supervisor a worker drains and ends; one that does not get there by then is ended by itself."""


def main() -> None:
    number, control_number, *listener_numbers = map(int, sys.argv[1:])
    control = socket.socket(fileno=control_number)
    settings = msgspec.json.decode(control.recv(MAX_SETTINGS_BYTES), type=Settings)
    configure_logs(settings.log_level, worker=number)
    # Before the first import of the tracker.
    take_up(os.environ)
    from web.serve import serve

    listeners = [socket.socket(fileno=each) for each in listener_numbers]
    for each in (control, *listeners):
        each.set_inheritable(False)
    # A thread, so that even a loop that is held up by something does not outlive its supervisor for long.
    threading.Thread(target=_end_with_the_supervisor, args=(control,), name="supervisor", daemon=True).start()
    listener = listeners.pop(number - 1)
    for other in listeners:
        other.close()
    sys.exit(serve(settings, listener, on_ready=lambda: control.send(READY), worker=number))


def _end_with_the_supervisor(control: socket.socket) -> None:
    while control.recv(64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_WITHIN_S)
    os._exit(1)


if __name__ == "__main__":
    main()
