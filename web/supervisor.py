"""`enroute serve --workers N`: the parent of N serving processes. It keeps their listening sockets, starts them, starts
again who died or hangs, and hands over one by one on SIGHUP. It imports nothing of the application and only listens
while all is well.

Each worker has a listening socket of its own, kept open here: nobody who connects is lost with a worker. While it has
none, another worker serves its queue beside its own. `become_supervisor` replaces the calling process, which has loaded
a database's drivers to look at the schema.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from web.config import Settings
from web.listeners import listen_for_scrapes, shown_url
from web.logs import configure_logs
from web.worker_process import WorkerProcess

FIRST_RESTART_S = 0.1
LONGEST_RESTART_S = 5.0
STEADY_S = 30.0
"""Who served for this long did not die of how it was started: it comes back at once."""
READY_WITHIN_S = 120.0
SILENT_S = 30.0
"""A worker's event loop is held up by nothing for longer than some ms; whose is silent for so long serves nobody."""
STOP_WITHIN_S = 25.0
"""Longer than a worker takes for its drain (`web.serve.DRAIN_S`) and for storing what it holds."""
ROOT = Path(__file__).resolve().parent.parent

log = logging.getLogger("enroute.supervisor")


@dataclass
class Slot:
    """One listening socket and who serves on it: `current`, and in a hand-over `coming`; another slot's worker takes
    its connections while there is nobody."""

    number: int
    current: WorkerProcess | None = None
    coming: WorkerProcess | None = None
    covered_by: WorkerProcess | None = None
    failures: int = 0
    start_at_s: float = 0.0

    @property
    def serving(self) -> WorkerProcess | None:
        return self.current if self.current is not None and self.current.is_ready else None


class Supervisor:
    """`run` until everything has ended; the exit code."""

    def __init__(self, settings: Settings, listeners: Sequence[socket.socket]) -> None:
        self._settings = settings
        self._listeners = list(listeners)
        self._scrapes = listen_for_scrapes(len(listeners))
        self._url = shown_url(settings, listeners[0])
        self._slots = [Slot(number) for number in range(1, len(listeners) + 1)]
        self._leaving: set[WorkerProcess] = set()
        self._to_renew: deque[Slot] = deque()
        self._served = False
        self._stop_by_s: float | None = None
        self._exit_code = 0
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        with self._signals() as heard:
            while True:
                now_s = time.monotonic()
                self._bury(now_s)
                wake_at_s = self._stop(now_s) if self._stop_by_s is not None else self._go_on(now_s)
                if self._stop_by_s is not None and not self._living():
                    return self._exit_code
                within_s = None if wake_at_s is None else max(0.0, wake_at_s - now_s)
                for key, _ in self._selector.select(within_s):
                    if key.fileobj is heard:
                        for number in heard.recv(512):
                            self._told(number)
                    else:
                        self._listen_to(key.data)

    @contextlib.contextmanager
    def _signals(self):  # type: ignore[no-untyped-def]
        """Signals as bytes of a socket: they wake the one wait there is, a child's end among them."""
        heard, written = socket.socketpair()
        heard.setblocking(False)
        written.setblocking(False)
        signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
        wanted = [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            wanted.append(signal.SIGHUP)
        for number in wanted:
            signal.signal(number, lambda _number, _frame: None)
        self._selector.register(heard, selectors.EVENT_READ)
        yield heard
        # One that comes while the interpreter ends would end it as if nothing had been drained.
        for number in wanted:
            signal.signal(number, signal.SIG_IGN)

    def _told(self, number: int) -> None:
        now_s = time.monotonic()
        if number == signal.SIGHUP and self._served and self._stop_by_s is None:
            log.info("SIGHUP: the workers are replaced one by one")
            self._to_renew = deque(self._slots)
        elif number in (signal.SIGTERM, signal.SIGINT):
            if self._stop_by_s is None:
                self._begin_stop(now_s)
            else:
                # A worker takes the second one as: do not wait for the drain.
                for worker in self._living():
                    worker.tell(signal.SIGTERM)

    def _begin_stop(self, now_s: float) -> None:
        self._stop_by_s = now_s + STOP_WITHIN_S
        # Who connects from now on is refused at once, not left waiting in the queue of nobody.
        for listener in self._listeners:
            listener.close()
        for worker in self._living() - self._leaving:
            worker.tell(signal.SIGTERM)

    def _stop(self, now_s: float) -> float | None:
        assert self._stop_by_s is not None
        if now_s < self._stop_by_s:
            return self._stop_by_s
        for worker in self._living():
            log.error("worker %s has not ended %.0f s after it was told to; it is killed", worker, STOP_WITHIN_S)
            worker.tell(signal.SIGKILL)
            self._exit_code = self._exit_code or 1
        return None

    def _go_on(self, now_s: float) -> float | None:
        """Do what is due; when to look again, None when only a signal or a worker brings news."""
        if not self._served and all(slot.serving for slot in self._slots):
            self._served = True
            print(f"{self._settings.brand} is ready: {self._url}", flush=True)
        self._renew(now_s)
        deadlines: list[float] = []
        for slot in self._slots:
            if slot.current is None and self._stop_by_s is None:
                if slot.start_at_s <= now_s:
                    slot.current = self._start(slot, now_s)
                if slot.current is None:
                    deadlines.append(slot.start_at_s)
            for worker in filter(None, (slot.current, slot.coming)):
                if not worker.is_ready:
                    deadlines.append(self._kill_after(worker, worker.started_s + READY_WITHIN_S, now_s, "to get ready"))
                else:
                    deadlines.append(self._kill_after(worker, worker.heard_s + SILENT_S, now_s, "to say that it runs"))
        self._cover()
        for worker in self._leaving:
            deadlines.append(self._kill_after(worker, worker.told_s + STOP_WITHIN_S, now_s, "to end"))
        return min(deadlines, default=None)

    def _kill_after(self, worker: WorkerProcess, deadline_s: float, now_s: float, what_for: str) -> float:
        if deadline_s > now_s:
            return deadline_s
        log.error("worker %s took too long %s; it is killed", worker, what_for)
        worker.tell(signal.SIGKILL)
        return now_s + 1

    def _renew(self, now_s: float) -> None:
        """The next one of a rolling restart, when the one before is done."""
        while self._to_renew and not self._leaving and not any(slot.coming for slot in self._slots):
            slot = self._to_renew.popleft()
            if slot.current is None:
                slot.start_at_s = now_s
                return
            slot.coming = self._start(slot, now_s)

    def _cover(self) -> None:
        """Have another worker take the connections of a slot that has none."""
        serving = [slot.serving for slot in self._slots if slot.serving is not None]
        for slot in self._slots:
            if slot.serving is not None:
                if slot.covered_by is not None:
                    slot.covered_by.say(f"uncover {slot.number}")
                    slot.covered_by = None
            elif self._served and serving and slot.covered_by not in serving:
                slot.covered_by = serving[slot.number % len(serving)]
                slot.covered_by.say(f"cover {slot.number}")

    def _start(self, slot: Slot, now_s: float) -> WorkerProcess | None:
        scrapes = self._scrapes[slot.number - 1]
        try:
            worker = WorkerProcess(slot.number, self._settings, self._listeners, scrape_listener=scrapes, now_s=now_s)
        except OSError as error:  # no memory, no descriptors, no processes left
            self._to_renew.clear()
            wait_s = self._wait_s(slot, now_s)
            if self._served:
                log.error("worker %d cannot be started (%s); tried again in %.1f s", slot.number, error, wait_s)
            elif self._stop_by_s is None:
                log.error("worker %d cannot be started (%s); the server does not start", slot.number, error)
                self._exit_code = 1
                self._begin_stop(now_s)
            return None
        self._selector.register(worker.control, selectors.EVENT_READ, data=worker)
        return worker

    def _listen_to(self, worker: WorkerProcess) -> None:
        if not worker.hear():
            self._selector.unregister(worker.control)
            return
        slot = self._slots[worker.number - 1]
        if worker is slot.coming and worker.is_ready:
            old, slot.current, slot.coming = slot.current, worker, None
            if old is not None:
                old.tell(signal.SIGTERM)
                self._leaving.add(old)
            log.info("worker %s has taken over", worker)

    def _living(self) -> set[WorkerProcess]:
        mine = [worker for slot in self._slots for worker in (slot.current, slot.coming) if worker is not None]
        return self._leaving.union(mine)

    def _bury(self, now_s: float) -> None:
        for worker in self._living():
            ending = worker.ending()
            if ending is None:
                continue
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(worker.control)
            worker.close()
            if worker in self._leaving:
                self._leaving.discard(worker)
            else:
                self._lost(worker, ending, now_s)

    def _lost(self, worker: WorkerProcess, ending: str, now_s: float) -> None:
        slot = self._slots[worker.number - 1]
        if worker is slot.coming:
            slot.coming = None
            if self._stop_by_s is None:
                self._to_renew.clear()
                log.error(
                    "worker %s %s before it was ready; the replacing ends here, the others serve on", worker, ending
                )
            return
        # While one is coming, it is the next.
        slot.current, slot.coming = slot.coming, None
        if self._stop_by_s is not None:
            return
        if not self._served:
            log.error("worker %s %s before all were ready; the server does not start", worker, ending)
            self._exit_code = max(1, worker.exit_code)
            self._begin_stop(now_s)
        elif slot.current is None:
            if worker.is_ready and now_s - worker.started_s >= STEADY_S:
                slot.failures = 0
            wait_s = self._wait_s(slot, now_s)
            log.error("worker %s %s; another starts in %.1f s", worker, ending, wait_s)
        else:
            log.error("worker %s %s; the one that was to follow takes its place", worker, ending)

    @staticmethod
    def _wait_s(slot: Slot, now_s: float) -> float:
        """How long until the next one is started, each time longer."""
        wait_s = min(LONGEST_RESTART_S, FIRST_RESTART_S * 2 ** min(slot.failures, 10))
        slot.failures += 1
        slot.start_at_s = now_s + wait_s
        return wait_s


def become_supervisor(settings: Settings, listeners: Sequence[socket.socket]) -> NoReturn:
    """Replace this process by a supervisor that serves `settings` on `listeners`."""
    told = os.memfd_create("settings", 0)
    os.write(told, msgspec.json.encode(settings))
    os.lseek(told, 0, os.SEEK_SET)
    for listener in listeners:
        listener.set_inheritable(True)
    numbers = [str(listener.fileno()) for listener in listeners]
    os.execve(  # noqa: S606  # a shell has nothing to do here
        sys.executable,
        # -P: a folder named `web` where the operator happens to stand is not ours.
        [sys.executable, "-P", "-m", "web.supervisor", str(told), *numbers],
        os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))},
    )


def main() -> None:
    told, *numbers = map(int, sys.argv[1:])
    with open(told, "rb") as file:
        settings = msgspec.json.decode(file.read(), type=Settings)
    configure_logs(settings.log_level)
    listeners = [socket.socket(fileno=number) for number in numbers]
    for listener in listeners:
        listener.set_inheritable(False)
    sys.exit(Supervisor(settings, listeners).run())


if __name__ == "__main__":
    main()
