"""One storm: so many customers at so many servers of one installation, until so many attempts are made."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.booking_storms.customers import Customer
from tests.booking_storms.ledger import Ledger
from tests.booking_storms.town import SETTINGS
from tests.booking_storms.verdict import problems_of
from tests.servers import EnrouteServer, enroute_server

SHOWN = 10


@dataclass
class StormReport:
    """What a storm was. `problems` are sentences; a good installation has none."""

    attempts: int
    seconds: float
    outcomes: dict[str, int]
    told: int
    repeated: int
    longest_s: float
    problems: list[str]

    def __str__(self) -> str:
        lines = [
            f"{self.attempts} attempts in {self.seconds:.1f} s, {self.attempts / self.seconds:.0f} a second;"
            f" {self.told} changes acknowledged, {self.repeated} retries told of the same visit;"
            f" nobody waited longer than {self.longest_s:.1f} s",
            *(f"  {count:7} {outcome}" for outcome, count in sorted(self.outcomes.items())),
            f"{len(self.problems)} problems" if self.problems else "no problem",
            *(f"  {problem}" for problem in self.problems[:SHOWN]),
        ]
        return "\n".join(lines)


@contextlib.asynccontextmanager
async def installation(folder: Path, *, database: str, processes: int) -> AsyncIterator[list[EnrouteServer]]:
    """So many `enroute serve` on one database, each a process with a port of its own."""
    async with contextlib.AsyncExitStack() as stack:
        servers = []
        for number in range(processes):
            own = folder / f"server-{number}"
            shutil.rmtree(own, ignore_errors=True)
            own.mkdir(parents=True)
            environ = SETTINGS | {"ENROUTE_DATABASE": database}
            servers.append(await stack.enter_async_context(enroute_server(own, seed=None, environ=environ)))
        yield servers


@contextlib.asynccontextmanager
async def raging(crowd: Sequence[Customer], servers: Sequence[str]) -> AsyncIterator[None]:
    """The crowd acts while the block runs; a customer who fails ends it. At the end each has all answers there are."""
    over = False
    try:
        for customer in crowd:
            customer.move_to(servers)
        async with asyncio.TaskGroup() as together:
            for customer in crowd:
                together.create_task(customer.run(goes_on=lambda: not over))
            yield
            over = True
    finally:
        for customer in crowd:
            customer.close()


async def settle_doubts(crowd: Sequence[Customer], servers: Sequence[str]) -> None:
    """Everybody finds out what became of what was not answered."""
    try:
        async with asyncio.TaskGroup() as together:
            for customer in crowd:
                customer.move_to(servers)
                together.create_task(customer.settle())
    finally:
        for customer in crowd:
            customer.close()


async def storm(servers: Sequence[str], *, database: str, tokens: Sequence[str], attempts: int) -> StormReport:
    """As many customers as there are tokens, each with one request in flight."""
    ledger = Ledger()
    customers = [Customer(ledger, number=number, token=token, servers=servers) for number, token in enumerate(tokens)]
    began_s = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as together:
            for customer in customers:
                together.create_task(customer.run(goes_on=lambda: ledger.attempts < attempts))
        seconds = time.perf_counter() - began_s
        async with asyncio.TaskGroup() as together:
            for customer in customers:
                together.create_task(customer.settle())
    finally:
        for customer in customers:
            customer.close()
    return StormReport(
        attempts=ledger.attempts,
        seconds=seconds,
        outcomes=dict(ledger.outcomes),
        told=len(ledger.told),
        repeated=ledger.repeated,
        longest_s=ledger.longest_s,
        problems=problems_of(database, ledger),
    )
