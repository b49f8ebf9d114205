"""The road engine of an OSRM server."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.roads import osrm
from tracker.roads.destination import Destination
from tracker.roads.road_server import TIMEOUT_S, RoadServer
from tracker.roads.server_answers import LatLon, blocks
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

    async def travel_s(self, places: Sequence[LatLon]) -> list[list[float | None]]:
        """Driving seconds between all (lat, lon): a row for each origin, a column for each destination."""
        rows: list[list[float | None]] = [[] for _ in places]
        for row_numbers, column_numbers in blocks(len(places)):
            origins = [places[i] for i in row_numbers]
            destinations = [places[i] for i in column_numbers]
            answer = await self.server.get(osrm.table_target(origins, destinations))
            table = osrm.table_from(answer.status, answer.body, origins=origins, destinations=destinations)
            for i, part in zip(row_numbers, table, strict=True):
                rows[i] += part
        for i, row in enumerate(rows):
            row[i] = 0.0
        return rows
