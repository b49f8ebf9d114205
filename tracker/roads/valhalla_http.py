"""The road engine of a Valhalla server."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.roads import valhalla
from tracker.roads.destination import Destination
from tracker.roads.road_server import TIMEOUT_S, RoadServer
from tracker.roads.server_answers import BLOCK, LatLon, blocks, nothing_to_itself
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

    async def travel_s(
        self, origins: Sequence[LatLon], destinations: Sequence[LatLon] | None = None
    ) -> list[list[float | None]]:
        """A matrix with one place far from every road is refused as a whole: such places are left out beforehand."""
        ends = origins if destinations is None else destinations
        rows: list[list[float | None]] = [[None] * len(ends) for _ in origins]
        near = await self._on_roads(list(dict.fromkeys([*origins, *ends])))
        starting = [i for i, place in enumerate(origins) if place in near]
        ending = [i for i, place in enumerate(ends) if place in near]
        for row_numbers, column_numbers in blocks(len(starting), len(ending)):
            some_origins = [starting[i] for i in row_numbers]
            some_ends = [ending[i] for i in column_numbers]
            await self._fill(rows, (origins, ends), some_origins, some_ends)
        nothing_to_itself(rows, origins, ends)
        return rows

    async def _on_roads(self, places: Sequence[LatLon]) -> set[LatLon]:
        near: set[LatLon] = set()
        for first in range(0, len(places), BLOCK):
            part = places[first : first + BLOCK]
            answer = await self.server.post("locate", valhalla.locate_request(part))
            on_roads = valhalla.on_roads_from(answer.status, answer.body, places=len(part))
            near.update(place for place, is_near in zip(part, on_roads, strict=True) if is_near)
        return near

    async def _fill(
        self,
        rows: list[list[float | None]],
        places: tuple[Sequence[LatLon], Sequence[LatLon]],
        origins: list[int],
        destinations: list[int],
    ) -> None:
        starts, ends = places
        request = valhalla.matrix_request([starts[i] for i in origins], [ends[i] for i in destinations])
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
