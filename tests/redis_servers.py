"""Real Redis servers for tests: one, a master with a replica and Sentinels, a cluster. Nothing is kept on disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.ports import free_port

PROGRAM = "redis-server"
START_WITHIN_S = 20.0


def skip_without_redis() -> None:
    if shutil.which(PROGRAM) is None:
        pytest.skip("redis-server is not installed")


async def until(holds: Callable[[], Awaitable[bool]], what: str, *, within_s: float = START_WITHIN_S) -> None:
    """Asks a server of its state until it is so: no Redis tells by itself."""
    async with asyncio.timeout(within_s):
        while True:
            with contextlib.suppress(RedisError, OSError):
                if await holds():
                    return
            await asyncio.sleep(0.02)
    raise AssertionError(what)


class RedisServer:
    """One `redis-server`, at the same address however often it is started. `arguments` as in its configuration."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None, sentinel: bool = False) -> None:
        self.port = port or free_port()
        self.folder = folder / f"redis-{self.port}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / "redis.sock"
        self.url = f"redis://127.0.0.1:{self.port}"
        self._password = arguments[arguments.index("--requirepass") + 1] if "--requirepass" in arguments else None
        self._arguments = arguments
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def client(self) -> Redis:
        return Redis(port=self.port, password=self._password, protocol=2, socket_timeout=2.0, retry=None)

    async def start(self) -> RedisServer:
        command = [PROGRAM]
        if self._sentinel:
            command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        common = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        if not self._sentinel:
            common += ["--save", "", "--appendonly", "no", "--unixsocket", str(self.socket), "--repl-diskless-load"]
            common += ["swapdb", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
        self._begin([*command, *common, *self._arguments])
        await until(self._answers, f"redis-server did not start: {(self.folder / 'log').read_text()[-2000:]}")
        return self

    def _begin(self, command: list[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    async def _answers(self) -> bool:
        async with self.client() as client:
            return bool(await client.ping())

    def kill(self) -> None:
        """As a crash: nothing is said, nothing is kept."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def empty(self) -> None:
        async with self.client() as client:
            await client.flushall()

    async def run(self, *words: str | int) -> object:
        async with self.client() as client:
            return await client.execute_command(*words)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        self._process.wait(10)


@contextlib.asynccontextmanager
async def redis_server(folder: Path, *arguments: str) -> AsyncIterator[RedisServer]:
    skip_without_redis()
    server = RedisServer(folder, *arguments)
    try:
        yield await server.start()
    finally:
        server.kill()


class SentinelSet:
    """A master, a replica that follows it, and Sentinels that replace a master after half a second of silence."""

    service = "enroute-test"

    def __init__(self, folder: Path, *, sentinels: int) -> None:
        self.master = RedisServer(folder)
        self.replica = RedisServer(folder, "--replicaof", "127.0.0.1", str(self.master.port))
        self.sentinels = [RedisServer(folder, sentinel=True) for _ in range(sentinels)]
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/{self.service}"
        self._quorum = sentinels // 2 + 1

    async def start(self) -> None:
        await self.master.start()
        await self.replica.start()
        await until(lambda: self.follows(self.replica), "the replica follows the master")
        for sentinel in self.sentinels:
            lines = [
                f"sentinel monitor {self.service} 127.0.0.1 {self.master.port} {self._quorum}",
                f"sentinel down-after-milliseconds {self.service} 500",
                f"sentinel failover-timeout {self.service} 2000",
            ]
            (sentinel.folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
            await sentinel.start()
        await until(self._is_watched, "the Sentinels know each other and the replica")

    async def fail_over(self) -> None:
        """By hand, with the old master alive."""

        async def agrees() -> bool:
            # Refused as long as it has not heard from the replica lately.
            return await self.sentinels[0].run("SENTINEL", "FAILOVER", self.service) is not None

        await until(agrees, "the Sentinel begins")
        await self.failed_over()

    async def failed_over(self) -> None:
        """Waits until the replica is the master."""
        await until(self._is_replaced, "the replica became the master")

    async def follows(self, server: RedisServer) -> bool:
        answer = await server.run("ROLE")
        return isinstance(answer, list) and answer[0] == b"slave" and answer[3] == b"connected"

    def kill(self) -> None:
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()

    async def _is_watched(self) -> bool:
        for sentinel in self.sentinels:
            async with sentinel.client() as client:
                known = (await client.sentinel_masters())[self.service]
                if known["num-slaves"] < 1 or known["num-other-sentinels"] < len(self.sentinels) - 1:
                    return False
        return True

    async def _is_replaced(self) -> bool:
        answer = await self.replica.run("ROLE")
        return isinstance(answer, list) and answer[0] == b"master"


@contextlib.asynccontextmanager
async def sentinel_set(folder: Path, *, sentinels: int = 1) -> AsyncIterator[SentinelSet]:
    skip_without_redis()
    servers = SentinelSet(folder, sentinels=sentinels)
    try:
        await servers.start()
        yield servers
    finally:
        servers.kill()


SLOTS = 16384


@contextlib.asynccontextmanager
async def redis_cluster(folder: Path, *, masters: int = 3) -> AsyncIterator[Sequence[RedisServer]]:
    """Masters that share the slots evenly. Their bus needs a second free port for each."""
    skip_without_redis()
    servers = [
        RedisServer(
            folder,
            *("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", str(free_port())),
            *("--cluster-config-file", "nodes.conf"),
        )
        for _ in range(masters)
    ]
    try:
        for server in servers:
            await server.start()
        share = SLOTS // masters + 1
        for index, server in enumerate(servers):
            first, last = index * share, min((index + 1) * share, SLOTS) - 1
            await server.run("CLUSTER", "ADDSLOTSRANGE", first, last)
            await server.run("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for server in servers[1:]:
            bus_port = server._arguments[server._arguments.index("--cluster-port") + 1]
            await servers[0].run("CLUSTER", "MEET", "127.0.0.1", server.port, bus_port)
        for server in servers:
            await until(lambda server=server: _is_whole(server), "the cluster is whole")
        yield servers
    finally:
        for server in servers:
            server.kill()


async def _is_whole(server: RedisServer) -> bool:
    state = await server.run("CLUSTER", "INFO")
    text = state.decode() if isinstance(state, bytes) else str(state)
    return "cluster_state:ok" in text or "'cluster_state': 'ok'" in text
