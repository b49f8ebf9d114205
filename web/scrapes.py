"""`/metrics` of several workers: a scrape reaches any one of them, which asks the others and answers for all.

Each has a socket of its own for that, kept by the supervisor: in the abstract namespace, so that no file outlives it.
It says no more than `/metrics` itself does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

ANSWER_WITHIN_S = 1.0
"""A worker that starts, or is held up, is reported as not up; the others' numbers are not kept waiting."""
MAX_TEXT_BYTES = 4 * 2**20


class Scrapes:
    """Of worker `number` of `count`, whose own socket is `listener`. `start` answers the other workers until `close`;
    `text` is the answer for all."""

    def __init__(self, listener: socket.socket, *, number: int, count: int) -> None:
        self.number = number
        self.count = count
        self._listener = listener
        own: bytes = listener.getsockname()
        shared = own.removesuffix(str(number).encode())
        # What all workers of this server, and nobody else, have in common.
        self.family = shared.strip(b"\0-").decode()
        self._others = {other: shared + str(other).encode() for other in range(1, count + 1) if other != number}
        self._server: asyncio.Server | None = None
        self._own_text: Callable[[], bytes] = bytes

    async def start(self, own_text: Callable[[], bytes]) -> None:
        """`own_text`: what this worker counts, in Prometheus's text format."""
        self._own_text = own_text
        self._server = await asyncio.start_unix_server(self._answer, sock=self._listener)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def text(self) -> bytes:
        own = self._own_text()
        others = await asyncio.gather(*(_ask(address) for address in self._others.values()))
        texts = {self.number: own, **dict(zip(self._others, others, strict=True))}
        # Some milliseconds for each worker: not on the loop that moves positions.
        return await asyncio.to_thread(merged, texts)

    async def _answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                writer.write(self._own_text())
                await writer.drain()
        writer.close()


async def _ask(address: bytes) -> bytes | None:
    # Connected by hand, at once or not at all: uvloop knows nothing of the abstract namespace.
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    writer = None
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            connection.connect(address)
            reader, writer = await asyncio.open_unix_connection(sock=connection)
            text = await reader.read(MAX_TEXT_BYTES)
            while more := await reader.read(MAX_TEXT_BYTES):
                text += more
                if len(text) > MAX_TEXT_BYTES:
                    return None
    except (OSError, TimeoutError):
        return None
    finally:
        (connection if writer is None else writer).close()
    return text or None


def merged(texts: Mapping[int, bytes | None]) -> bytes:
    """What each worker counts, as one text: every series with the label `worker`. Pure."""
    families: dict[str, Metric] = {}
    up = GaugeMetricFamily("enroute_worker_up", "1 for a worker that answered this scrape", labels=["worker"])
    for number, text in sorted(texts.items()):
        up.add_metric([str(number)], 0.0 if text is None else 1.0)
        for found in text_string_to_metric_families((text or b"").decode()):
            family = families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
            family.samples += [
                sample._replace(labels={**sample.labels, "worker": str(number)}) for sample in found.samples
            ]
    registry = CollectorRegistry()
    registry.register(_Gathered([*families.values(), up]))
    return generate_latest(registry)


class _Gathered(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
