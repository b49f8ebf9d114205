"""The road engine of a Valhalla server."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.roads import valhalla
from tracker.roads.destination import Destination
from tracker.roads.road_server import TIMEOUT_S, RoadServer
from tracker.roads.server_answers import BLOCK, LatLon, blocks
from tracker.route import Route


class ValhallaRoads:
    """A ``RoadEngine`` that knows only routes. Owes ``close``; the methods raise RoadsUnavailable."""

    name = "valhalla"

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.server = RoadServer(url, timeout_s=timeout_s)

    async def close(self) -> None:
        await self.server.close()

    async def route(self, *, lat: float, lon: float, to_lat: float, to_lon: float) -> Route | None:
        start, end = (lat, lon), (to_lat, to_lon)
        answer = await self.server.post("route", valhalla.route_request(start=start, end=end))
        return valhalla.route_from(answer.status, answer.body, start=start, end=end)

    async def destination(
        self, *, lat: float, lon: float, from_lat: float | None = None, from_lon: float | None = None
    ) -> Destination | None:
        return None

    async def travel_s(self, places: Sequence[LatLon]) -> list[list[float | None]]:
        """Driving seconds between all (lat, lon): a row for each origin, a column for each destination.

        A matrix with one place far from every road is refused as a whole: such places are found and left out first.
        """
        rows: list[list[float | None]] = [[None] * len(places) for _ in places]
        reachable = [i for i, near in enumerate(await self._on_roads(places)) if near]
        for row_numbers, column_numbers in blocks(len(reachable)):
            origins = [reachable[i] for i in row_numbers]
            destinations = [reachable[i] for i in column_numbers]
            await self._fill(rows, places, origins, destinations)
        for i, row in enumerate(rows):
            row[i] = 0.0
        return rows

    async def _on_roads(self, places: Sequence[LatLon]) -> list[bool]:
        near: list[bool] = []
        for first in range(0, len(places), BLOCK):
            part = places[first : first + BLOCK]
            answer = await self.server.post("locate", valhalla.locate_request(part))
            near += valhalla.on_roads_from(answer.status, answer.body, places=len(part))
        return near

    async def _fill(
        self, rows: list[list[float | None]], places: Sequence[LatLon], origins: list[int], destinations: list[int]
    ) -> None:
        request = valhalla.matrix_request([places[i] for i in origins], [places[i] for i in destinations])
        answer = await self.server.post("sources_to_targets", request)
        matrix = valhalla.matrix_from(answer.status, answer.body, origins=len(origins), destinations=len(destinations))
        if matrix is not None:
            for i, part in zip(origins, matrix, strict=True):
                for j, took_s in zip(destinations, part, strict=True):
                    rows[i][j] = took_s
            return
        # An island among the places, or two too far apart: halves, until what can be answered is.
        if len(origins) >= len(destinations):
            half = len(origins) // 2
            parts = [(origins[:half], destinations), (origins[half:], destinations)] if half else []
        else:
            half = len(destinations) // 2
            parts = [(origins, destinations[:half]), (origins, destinations[half:])]
        for some_origins, some_destinations in parts:
            await self._fill(rows, places, some_origins, some_destinations)
