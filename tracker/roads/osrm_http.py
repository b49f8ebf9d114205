"""The road engine of an OSRM server."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.roads import osrm
from tracker.roads.destination import Destination
from tracker.roads.road_server import TIMEOUT_S, RoadServer
from tracker.roads.server_answers import LatLon, blocks, nothing_to_itself
from tracker.route import Route


class OsrmRoads:
    """A ``RoadEngine`` that knows only routes. Owes ``close``; the methods raise RoadsUnavailable."""

    name = "osrm"

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.server = RoadServer(url, timeout_s=timeout_s)

    async def close(self) -> None:
        await self.server.close()

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        start, end = (lat, lon), (to_lat, to_lon)
        answer = await self.server.get(osrm.route_target(start=start, end=end))
        return osrm.route_from(answer.status, answer.body, start=start, end=end)

    async def destination(
        self, *, lat: float, lon: float, from_lat: float | None = None, from_lon: float | None = None
    ) -> Destination | None:
        return None

    async def travel_s(
        self, origins: Sequence[LatLon], destinations: Sequence[LatLon] | None = None
    ) -> list[list[float | None]]:
        ends = origins if destinations is None else destinations
        rows: list[list[float | None]] = [[] for _ in origins]
        for row_numbers, column_numbers in blocks(len(origins), len(ends)):
            some_origins = [origins[i] for i in row_numbers]
            some_ends = [ends[i] for i in column_numbers]
            answer = await self.server.get(osrm.table_target(some_origins, some_ends))
            table = osrm.table_from(answer.status, answer.body, origins=some_origins, destinations=some_ends)
            for i, part in zip(row_numbers, table, strict=True):
                rows[i] += part
        nothing_to_itself(rows, origins, ends)
        return rows
