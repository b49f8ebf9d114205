"""`enroute serve` that goes and comes back on the same port and database, as an installation does on an update."""

from __future__ import annotations

import http.client
import random
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from benchmarks.serving import START_DEADLINE_S, Server, ServerDied, enroute_command, enroute_environment, pinned

DRAIN_DEADLINE_S = 30.0


class RestartableServer:
    """Started on entering the context; `stop` drains it by SIGTERM, `start` brings up the next one."""

    def __init__(self, database: Path, *, cpu: int | None) -> None:
        self._database = database
        self._port = _lasting_port()
        self._cpu = cpu
        self._log = database.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def server(self) -> Server:
        assert self._process is not None
        return Server("Enroute", self._port, (self._process.pid,))

    def start(self) -> None:
        """Returns when the server is ready. Raises ServerDied when it never is."""
        command = enroute_command("serve", "--host", "127.0.0.1", "--port", str(self._port))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                pinned(command, cpu=self._cpu),
                env=enroute_environment(self._database),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline_s = time.monotonic() + START_DEADLINE_S
        while self._process.poll() is None and time.monotonic() < deadline_s:
            if self._is_ready():
                return
            time.sleep(0.02)  # nothing announces the first accepted connection but trying
        self._process.kill()
        self._process.wait()
        raise ServerDied(f"enroute serve did not become ready:\n{self._log.read_text(errors='replace')[-4000:]}")

    def stop(self) -> int:
        """SIGTERM; the exit code after the drain. A server that does not go is killed, and the code tells."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(timeout=DRAIN_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _lasting_port() -> int:
    """A free port that no client is given for its own end: while the server is away, thousands try to reach it, and one
    of them would otherwise connect to itself."""
    lowest_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = list(range(min(lowest_of_clients, 32_768) - 10_000, min(lowest_of_clients, 32_768)))
    random.shuffle(candidates)
    for port in candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerDied("no free port below those that the system gives to clients")
