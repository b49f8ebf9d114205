"""Starts the servers that are compared, each pinned to one core, and ends them.

with serve_limit(cpu=0) as server: ...
with serve_enroute(database, cpu=0) as server: ...
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.native import compiled

START_DEADLINE_S = 60.0


class Server(msgspec.Struct, frozen=True):
    """A running server on 127.0.0.1; the CPU time of all `pids` is its cost."""

    name: str
    port: int
    pids: tuple[int, ...]


class ServerDied(RuntimeError):
    """The server ended, or never became ready; the text ends with what it printed."""


def cores() -> tuple[int | None, int | None]:
    """One core for the server and one for the load, or (None, None) on a machine that has no two."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) >= 2 else (None, None)


def pinned(command: list[str], *, cpu: int | None) -> list[str]:
    """The command, held to one core from its first instruction; its threads and children inherit that."""
    if cpu is None:
        return command
    pin = f"import os,sys; os.sched_setaffinity(0, {{{cpu}}}); os.execvp(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", pin, *command]


def enroute_environment(database: Path) -> dict[str, str]:
    """The environment of `enroute` for a benchmark: nothing of the caller's own configuration may leak in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENROUTE_")}
    return environment | {"ENROUTE_DATABASE": f"sqlite:///{database}", "ENROUTE_LOG_LEVEL": "warning"}


def enroute_command(*arguments: str) -> list[str]:
    """The `enroute` that belongs to this interpreter."""
    return [sys.executable, "-c", "from web.cli import main; main()", *arguments]


@contextmanager
def serve_limit(*, cpu: int | None) -> Iterator[Server]:
    """The C relay of `c/epoll_limit.c`."""
    process = subprocess.Popen(pinned([str(compiled("epoll_limit"))], cpu=cpu), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        if not words:
            raise ServerDied(f"the C relay ended with {process.wait()}")
        yield Server("C limit", int(words[-1]), (process.pid,))
    finally:
        _end(process)


@contextmanager
def serve_enroute(database: Path, *, cpu: int | None) -> Iterator[Server]:
    """`enroute serve` on a SQLite database that exists already."""
    port = _free_port()
    log_path = database.with_suffix(".log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            pinned(enroute_command("serve", "--host", "127.0.0.1", "--port", str(port)), cpu=cpu),
            env=enroute_environment(database),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, port, log_path)
            yield Server("Enroute", port, (process.pid,))
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log_path: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)  # nothing announces the first accepted connection but trying
    raise ServerDied(f"enroute serve did not become ready:\n{log_path.read_text(errors='replace')[-4000:]}")


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
