"""Real servers for tests: `enroute serve` as a process, an SMTP server, a webhook's other side.

Redis and PostgreSQL get their starters here too, once a test needs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests import shared_mode
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
# The import of a whole town takes some ten seconds of a processor, for the passwords.
START_WITHIN_S = 90.0
# What a busy machine may need; httpx gives up after 5 s, which an outage of a database alone may last.
ANSWER_WITHIN_S = 30.0
STOP_WITHIN_S = 20.0

PASSWORD = "correct horse battery"
EVERY_DAY = [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(7)]

# One account, one technician who always works, one of each staff: enough for a visit from booking to feedback.
SEED: dict[str, Any] = {
    "accounts": [{"id": "acme", "name": "Acme", "site": "acme-home"}],
    "contacts": [
        {"email": "rui@acme.example", "account": "acme", "name": "Rui", "password": PASSWORD},
        {"email": "eva@acme.example", "account": "acme", "name": "Eva"},
    ],
    "staff": [
        {
            "email": "ana@enroute.example",
            "name": "Ana",
            "role": "technician",
            "technician": "ana",
            "password": PASSWORD,
        },
        {"email": "dora@enroute.example", "name": "Dora", "role": "dispatcher", "password": PASSWORD},
        {"email": "ada@enroute.example", "name": "Ada", "role": "admin", "password": PASSWORD},
    ],
    "sites": [
        {
            "id": "acme-home",
            "account": "acme",
            "name": "Home",
            "address": "Rua das Flores 1, Porto",
            "lat": 41.15,
            "lon": -8.61,
            "time_zone": "Europe/Lisbon",
        }
    ],
    "services": [{"id": "check", "name": "Boiler check", "duration_min": 60}],
    "technicians": [{"id": "ana", "name": "Ana Alves", "time_zone": "Europe/Lisbon", "shifts": EVERY_DAY}],
}


@dataclass
class EnrouteServer:
    """A running `enroute serve`. `errors` is what it wrote to its log so far."""

    url: str
    database: str
    process: asyncio.subprocess.Process
    log: list[bytes] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> str:
        return b"".join(self.log).decode()

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A client with a cookie jar of its own."""
        return httpx.AsyncClient(base_url=self.url, **{"timeout": ANSWER_WITHIN_S} | options)

    @contextlib.asynccontextmanager
    async def signed_in(self, email: str, password: str = PASSWORD) -> AsyncIterator[httpx.AsyncClient]:
        async with self.client() as client:
            answer = await client.post("/api/session", json={"email": email, "password": password})
            assert answer.status_code == 201, answer.text
            yield client

    async def terminate(self) -> int:
        """SIGTERM; the exit code after the drain."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), STOP_WITHIN_S)


@contextlib.asynccontextmanager
async def enroute_server(
    folder: Path,
    *,
    seed: dict[str, Any] | None = SEED,
    arguments: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
    mortal: bool = False,
) -> AsyncIterator[EnrouteServer]:
    """`enroute serve` on a free port with a fresh SQLite database in `folder`; stopped at the end. Under
    `--processes` several workers on other databases, see `tests.shared_mode`. One that is `mortal` finds its port
    free when it is `started_again`."""
    async with shared_mode.environ_of(folder) as shared:
        port = str(free_port()) if mortal else "0"
        settings = {"ENROUTE_DATABASE": f"sqlite:///{folder / 'enroute.db'}", "ENROUTE_PORT": port}
        async with _served(
            folder, seed=seed, arguments=arguments, environment=settings | shared | (environ or {})
        ) as server:
            yield server


@contextlib.asynccontextmanager
async def _served(
    folder: Path, *, seed: dict[str, Any] | None, arguments: tuple[str, ...], environment: dict[str, str]
) -> AsyncIterator[EnrouteServer]:
    if not environment["ENROUTE_DATABASE"].startswith("sqlite"):
        code, output = await run_enroute("migrate", environ=environment)
        assert code == 0, output
    if seed is not None:
        path = folder / "seed.json"
        path.write_bytes(msgspec.json.encode(seed))
        code, output = await run_enroute("import", str(path), environ=environment)
        assert code == 0, output
    async with _running(environment, *arguments) as server:
        yield server


@contextlib.asynccontextmanager
async def _running(environment: dict[str, str], *arguments: str) -> AsyncIterator[EnrouteServer]:
    process = await start_enroute("serve", *arguments, environ=environment)
    assert process.stdout is not None
    assert process.stderr is not None
    log: list[bytes] = []
    # Read all the time: a server whose log nobody reads stands still when the pipe is full.
    reader = asyncio.create_task(_collect(process.stderr, log))
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_WITHIN_S)
        found = re.search(r"http://\S+", line.decode())
        assert found, f"the server did not start: {line!r} {b''.join(log).decode()}"
        yield EnrouteServer(found[0], environment["ENROUTE_DATABASE"], process, log, environment)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        await reader


@contextlib.asynccontextmanager
async def started_again(
    before: EnrouteServer, *, environ: dict[str, str] | None = None
) -> AsyncIterator[EnrouteServer]:
    """A killed server, one that was `mortal`, once more, on the same database and port."""
    environment = before.environment | {"ENROUTE_PORT": before.url.rpartition(":")[2]} | (environ or {})
    async with _running(environment) as server:
        yield server


async def start_enroute(
    *arguments: str, environ: dict[str, str] | None = None, stdin: int | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "web",
        *arguments,
        cwd=ROOT,
        env=_clean_environment() | (environ or {}),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Where the tests run under nohup, the server shall still listen to it.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )


async def run_enroute(*arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Run `enroute …` to its end: the exit code, and everything it said."""
    process = await start_enroute(*arguments, environ=environ)
    try:
        out, err = await asyncio.wait_for(process.communicate(), START_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, (out + err).decode()


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ENROUTE_")}


async def _collect(stream: asyncio.StreamReader, into: list[bytes]) -> None:
    while line := await stream.readline():
        into.append(line)


async def close_code(websocket: ClientConnection) -> int:
    """Read on until the server closes; the code it gave."""
    while True:
        try:
            await websocket.recv()
        except ConnectionClosed as closed:
            # 1006: the connection was torn down without a close frame.
            return closed.rcvd.code if closed.rcvd else 1006


@dataclass
class SmtpServer:
    """Takes mail and keeps it. `refuse` is the answer to the next recipients instead of 250."""

    port: int
    mails: asyncio.Queue[EmailMessage] = field(default_factory=asyncio.Queue)
    refuse: str | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def smtp_server() -> AsyncIterator[SmtpServer]:
    """The few words of RFC 5321 that a sender needs."""
    holder = SmtpServer(port=0)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test ready\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                verb = line[:4].upper().strip()
                if verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    mail = message_from_bytes(raw[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.default)
                    assert isinstance(mail, EmailMessage)
                    holder.mails.put_nowait(mail)
                    writer.write(b"250 kept\r\n")
                elif verb == b"RCPT" and holder.refuse:
                    writer.write(f"{holder.refuse}\r\n".encode())
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250 ok\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        holder.port = listening.sockets[0].getsockname()[1]
        yield holder


@dataclass
class WebhookReceiver:
    """Takes posts and keeps them: (headers in lower case, body). `answer` is the status it gives."""

    url: str
    posts: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue)
    answer: str = "204 No Content"


@contextlib.asynccontextmanager
async def webhook_receiver() -> AsyncIterator[WebhookReceiver]:
    holder = WebhookReceiver(url="")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        holder.posts.put_nowait((headers, body))
        writer.write(f"HTTP/1.1 {holder.answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        holder.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
        yield holder
