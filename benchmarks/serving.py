"""Starts the servers that are compared, each pinned to one core, and ends them.

with serve_limit(cpu=0) as server: ...
with serve_enroute(database, cpu=0) as server: ...
"""

from __future__ import annotations

import http.client
import os
import platform
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
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
    """The command, held to one core from its first instruction and allowed all the open files there are; its threads
    and children inherit both."""
    begin = "import os,resource,sys; files=resource.RLIMIT_NOFILE; most=resource.getrlimit(files)[1];"
    begin += "resource.setrlimit(files, (most, most));"
    if cpu is not None:
        begin += f"os.sched_setaffinity(0, {{{cpu}}});"
    return [sys.executable, "-c", f"{begin} os.execvp(sys.argv[1], sys.argv[1:])", *command]


def enroute_environment(database: Path) -> dict[str, str]:
    """The environment of `enroute` for a benchmark: nothing of the caller's own configuration may leak in, but how
    the core runs, where memory lies and how sockets are written to are theirs to say."""
    kept = ("ENROUTE_COMPILED", "ENROUTE_LARGE_PAGES", "ENROUTE_IO_URING")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENROUTE_") or name in kept}
    return environment | {"ENROUTE_DATABASE": f"sqlite:///{database}", "ENROUTE_LOG_LEVEL": "warning"}


def enroute_command(*arguments: str) -> list[str]:
    """The `enroute` that belongs to this interpreter."""
    return [sys.executable, "-c", "from web.cli import main; main()", *arguments]


@contextmanager
def serve_command(
    name: str, command: list[str], *, port: int, log_path: Path, environment: dict[str, str], cpu: int | None
) -> Iterator[Server]:
    """A server that listens on 127.0.0.1:port. Ready is whoever takes a connection."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            pinned(command, cpu=cpu),
            env={**os.environ, **environment},
            cwd=log_path.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(name, process, lambda: _takes_connections(port), log_path)
            yield Server(name, port, (process.pid,))
        finally:
            _end(process)


@contextmanager
def serve_redis(folder: Path, *, cpu: int | None) -> Iterator[Server]:
    """Over TCP on this machine, as between machines; nothing is kept on disk."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    log_path = folder / "redis.log"
    with serve_command("Redis", command, port=port, log_path=log_path, environment={}, cpu=cpu) as server:
        yield server


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
def serve_enroute(database: Path, *, cpu: int | None, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`enroute serve` on a SQLite database that exists already, with settings by their names in the environment."""
    port = free_port()
    log_path = database.with_suffix(".log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            pinned(enroute_command("serve", "--host", "127.0.0.1", "--port", str(port)), cpu=cpu),
            env=enroute_environment(database) | dict(settings or {}),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready("enroute serve", process, lambda: _says_it_is_ready(port), log_path)
            yield Server("Enroute", port, (process.pid,))
        finally:
            _end(process)


def core_of(server: Server) -> str:
    """How an Enroute server's core runs, by its own word, and on which Python: `compiled, Python 3.11.2`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        said = re.search(rb'^enroute_core_info\{core="(\w+)"\}', connection.getresponse().read(), re.MULTILINE)
    finally:
        connection.close()
    return f"{said[1].decode() if said else 'unknown core'}, Python {platform.python_version()}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(
    name: str, process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log_path: Path
) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready():
            return
        time.sleep(0.05)  # nothing announces the first accepted connection but trying
    raise ServerDied(f"{name} did not become ready:\n{log_path.read_text(errors='replace')[-4000:]}")


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _says_it_is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
