"""One worker as its supervisor sees it: a fresh interpreter, the listening sockets, and a control socket between them.

The supervisor says first what the settings are; the worker answers when it serves, and from then on its event loop says
every few seconds that it runs; it is told whose socket to serve beside its own. When the supervisor's end closes, the
supervisor is gone and the worker ends by itself.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

from web.config import Settings

READY = b"ready"
RUNS = b"runs"
RUNS_EVERY_S = 5.0


class WorkerProcess:
    """Started when made. `control` is readable when there is something to `hear`."""

    def __init__(
        self,
        number: int,
        settings: Settings,
        listeners: Sequence[socket.socket],
        *,
        scrape_listener: socket.socket,
        now_s: float,
    ) -> None:
        self.number = number
        self.started_s = self.heard_s = now_s
        self.is_ready = False
        self.told_s = 0.0
        # Whole messages, and an end that is noticed.
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setblocking(False)
        handed_over = [listener.fileno() for listener in (scrape_listener, *listeners)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "web.worker", str(number), str(theirs.fileno()), *map(str, handed_over)],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *handed_over),
                # Ctrl+C reaches a whole session; here the supervisor passes it on, once.
                start_new_session=True,
            )
        with contextlib.suppress(OSError):  # it has ended already, which the parent is told
            self.control.send(msgspec.json.encode(settings))

    def __str__(self) -> str:
        return f"{self.number} (pid {self._process.pid})"

    def hear(self) -> bool:
        """Take what the worker says; False when it will say nothing more."""
        try:
            said = self.control.recv(64)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.heard_s = time.monotonic()
        self.is_ready = self.is_ready or said == READY
        return said != b""

    def say(self, words: str) -> None:
        """`cover N`: take the connections of that slot's socket too; `uncover N`: no more."""
        with contextlib.suppress(OSError):  # it has just ended
            self.control.send(words.encode())

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.told_s = time.monotonic()
        self._process.send_signal(number)

    @property
    def exit_code(self) -> int:
        """As a shell would say it; negative: killed by that signal."""
        return self._process.returncode or 0

    def ending(self) -> str | None:
        """How it ended, in words; None while it lives."""
        code = self._process.poll()
        if code is None:
            return None
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def close(self) -> None:
        self.control.close()
