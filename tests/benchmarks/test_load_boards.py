"""What the load generator counts at a board: each technician's newer fix once, whatever else a row tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.fleet import limit_trips
from benchmarks.loading import Workload, run_plan
from benchmarks.peer_plans import enroute_plan

FLEET_VIEW = Workload(name="fleet view", trips=4, watchers=3, rate_per_s=200.0, view="fleet")


@asynccontextmanager
async def board_server() -> AsyncIterator[int]:
    """Tells every dispatcher the whole board after each fix, so that most of its rows are old news; yields its port."""
    dispatchers: set[ServerConnection] = set()
    rows = {f"t{number}": {"id": f"t{number}", "duty": "on_duty"} for number in range(FLEET_VIEW.trips)}
    yesterday = {"id": "t0", "duty": "on_duty", "fixed_at": 1_764_000_000_000}

    def board(technicians: list[dict[str, object]]) -> str:
        return json.dumps({"type": "board", "server_time": 0, "technicians": technicians}, separators=(",", ":"))

    async def serve_client(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        if request.path == "/ws/dispatch":
            dispatchers.add(connection)
            await connection.send(board([yesterday]))
            await connection.wait_closed()
            dispatchers.discard(connection)
            return
        technician = f"t{request.headers['Authorization'].removeprefix('Bearer trip')}"
        async for message in connection:
            fix = json.loads(message)
            rows[technician] = rows[technician] | {"fixed_at": fix["fixed_at"], "trip": f"visit of {technician}"}
            for dispatcher in list(dispatchers):
                await dispatcher.send(board(list(rows.values())))

    async with serve(serve_client, "127.0.0.1", 0, compression=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def test_a_row_counts_once_for_each_newer_fix() -> None:
    async with board_server() as port:
        result = await asyncio.to_thread(
            run_plan,
            FLEET_VIEW,
            enroute_plan(FLEET_VIEW, limit_trips(FLEET_VIEW.trips)),
            port=port,
            server_pids=(),
            cpu=None,
            seconds=0.5,
            warmup_s=0.1,
        )

    assert result.fixes == pytest.approx(100, abs=50)
    assert result.positions == pytest.approx(3 * result.fixes, abs=3 * 25)
    assert (result.late, result.errors, result.ended) == (0, 0, 0)
