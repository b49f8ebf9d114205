"""Road servers to test against: real sockets, the answers of the real ones in form, and every way to fail.

The forms are those of https://project-osrm.org/docs/v26.4.0/http and of
https://valhalla.github.io/valhalla/api/turn-by-turn/api-reference/ (…/api/matrix/api-reference/), compared with what
osrm-routed 26.10 and valhalla_service 3.9 answered over a real city. Their roads are simpler: everywhere between 41 and
42 degrees north, straight, driven at 10 m/s.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tracker.geo import distance_m
from tracker.route import Route

SPEED_MPS = 10.0
TURN_S = 6.0
"""What OSRM's leg takes beyond its segments."""
POINTS = 5

Write = Callable[[bytes], Awaitable[None]]
Fault = Callable[["StandIn", Write, asyncio.StreamWriter], Awaitable[None]]
LonLat = tuple[float, float]


class StandIn:
    """Owes ``close``. ``fault`` set, it answers by that; ``hold`` set, it answers when the event comes."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.hold: asyncio.Event | None = None
        self.asked: list[str] = []
        self.connections = 0
        self.now_asking = self.most_at_once = 0
        self.edit: Callable[[dict[str, Any]], None] = lambda answer: None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                _, target, _ = head.split("\r\n")[0].split(" ")
                lengths = [int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")]
                body = await reader.readexactly(lengths[0]) if lengths else b""
                await self._answer(target, body, writer)
        except (OSError, EOFError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, target: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.asked.append(target)
        self.now_asking += 1
        self.most_at_once = max(self.most_at_once, self.now_asking)

        async def write(content: bytes) -> None:
            writer.write(content)
            await writer.drain()

        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.fault is not None:
                await self.fault(self, write, writer)
            else:
                status, answer = self.answer(target, json.loads(body) if body else None)
                if status == 200 and isinstance(answer, dict):
                    self.edit(answer)
                await write(response(status, json.dumps(answer).encode()))
        finally:
            self.now_asking -= 1

    def answer(self, target: str, body: Any) -> tuple[int, Any]:
        raise NotImplementedError


class OsrmStandIn(StandIn):
    """As osrm-routed with its default limits."""

    def answer(self, target: str, body: Any) -> tuple[int, Any]:
        path, _, query = target.partition("?")
        options = dict(option.split("=", 1) for option in query.split("&") if option)
        _, service, version, profile, text = path.split("/")
        assert (version, profile) == ("v1", "driving")
        places = [(float(lon), float(lat)) for lon, lat in (pair.split(",") for pair in text.split(";"))]
        roads = [on_road(place) for place in places]
        for i, radius in enumerate(options["radiuses"].split(";")):
            if radius != "unlimited" and metres(places[i], roads[i]) > float(radius):
                return 400, {"message": f"Could not find a matching segment for coordinate {i}", "code": "NoSegment"}
        return self.route(roads, options) if service == "route" else self.table(places, roads, options)

    def route(self, roads: list[LonLat], options: dict[str, str]) -> tuple[int, Any]:
        start, end = roads
        if (start[0] < -9) != (end[0] < -9):  # an island without a ferry
            return 400, {"message": "Impossible route between points", "code": "NoRoute"}
        line = points_between(start, end)
        took_s = metres(start, end) / SPEED_MPS
        return 200, {
            "code": "Ok",
            "routes": [
                {
                    "legs": [
                        {
                            "annotation": {"duration": [took_s / (len(line) - 1)] * (len(line) - 1)},
                            "duration": took_s + TURN_S,
                            "distance": metres(start, end),
                            "weight": took_s,
                            "summary": "",
                            "steps": steps(line, took_s) if options["steps"] == "true" else [],
                        }
                    ],
                    "weight_name": "routability",
                    "geometry": polyline6(line),
                    "weight": took_s,
                    "duration": took_s + TURN_S,
                    "distance": metres(start, end),
                }
            ],
            "waypoints": [waypoint(start, start), waypoint(end, end)],
        }

    def table(self, places: list[LonLat], roads: list[LonLat], options: dict[str, str]) -> tuple[int, Any]:
        sources, destinations = ([int(i) for i in options[name].split(";")] for name in ("sources", "destinations"))
        if len(places) > 100:
            return 400, {"message": "Too many table coordinates", "code": "TooBig"}
        return 200, {
            "code": "Ok",
            "sources": [waypoint(places[i], roads[i]) for i in sources],
            "destinations": [waypoint(places[i], roads[i]) for i in destinations],
            "durations": [
                [
                    None
                    if (roads[i][0] < -9) != (roads[j][0] < -9)
                    else round(metres(roads[i], roads[j]) / SPEED_MPS, 1)
                    for j in destinations
                ]
                for i in sources
            ],
        }


class ValhallaStandIn(StandIn):
    """As valhalla_service with its default limits; ``old`` writes matrices as older releases did."""

    old = False

    def answer(self, target: str, body: Any) -> tuple[int, Any]:
        match target:
            case "/route":
                return self.route(body["locations"])
            case "/sources_to_targets":
                return self.matrix(body["sources"], body["targets"])
            case "/locate":
                return 200, [self.located(place) for place in body["locations"]]
        return refused(106, "Try any of: '/locate' '/route' '/sources_to_targets'", 404)

    def route(self, locations: list[dict[str, float]]) -> tuple[int, Any]:
        places = [(place["lon"], place["lat"]) for place in locations]
        if problem := self.problem(locations):
            return problem
        if (places[0][0] < -9) != (places[1][0] < -9):
            return refused(442, "No path could be found for input")
        start, end = map(on_road, places)
        line = points_between(start, end)
        took_s = metres(start, end) / SPEED_MPS
        # The first street takes a third of the time for its single segment.
        parts = [(0, 1, took_s / 3), (1, POINTS - 1, took_s * 2 / 3), (POINTS - 1, POINTS - 1, 0.0)]
        maneuvers = [
            {
                "type": number + 1,
                "instruction": "",
                "time": round(took, 3),
                "length": 1.0,
                "cost": took,
                "begin_shape_index": begin,
                "end_shape_index": last,
                "travel_mode": "drive",
                "travel_type": "car",
            }
            for number, (begin, last, took) in enumerate(parts)
        ]
        summary = {"time": took_s, "length": metres(start, end) / 1000, "cost": took_s, "has_toll": False}
        return 200, {
            "trip": {
                "locations": [{"type": "break", "lat": lat, "lon": lon} for lon, lat in places],
                "legs": [{"maneuvers": maneuvers, "summary": summary, "shape": polyline6(line)}],
                "summary": summary,
                "status_message": "Found route between points",
                "status": 0,
                "units": "kilometers",
                "language": "en-US",
            }
        }

    def matrix(self, sources: list[dict[str, float]], targets: list[dict[str, float]]) -> tuple[int, Any]:
        if len(sources) * len(targets) > 2500:
            return refused(150, "Exceeded max locations: 2500")
        if problem := self.problem([*sources, *targets]):
            return problem
        if len({place["lon"] < -9 for place in [*sources, *targets]}) > 1:
            return refused(170, "Locations are in unconnected regions. Go check/edit the map at osm.org")
        times = [
            [round(metres((a["lon"], a["lat"]), (b["lon"], b["lat"])) / SPEED_MPS) for b in targets] for a in sources
        ]
        if self.old:
            rows: Any = [
                [{"from_index": i, "to_index": j, "time": s, "distance": 1.0} for j, s in enumerate(row)]
                for i, row in enumerate(times)
            ]
        else:
            rows = {"durations": times, "distances": [[1.0] * len(row) for row in times]}
        return 200, {"sources_to_targets": rows, "units": "kilometers", "algorithm": "costmatrix"}

    def located(self, place: dict[str, float]) -> dict[str, Any]:
        edges = [] if self.problem([place]) else [{"way_id": 1, "side_of_street": "right", "percent_along": 0.5}]
        return {"input_lat": place["lat"], "input_lon": place["lon"], "edges": edges, "nodes": []}

    def problem(self, locations: list[dict[str, float]]) -> tuple[int, Any] | None:
        for place in locations:
            here = (place["lon"], place["lat"])
            if metres(here, on_road(here)) > place["search_cutoff"]:
                return refused(171, "No suitable edges near location")
        return None


def refused(code: int, error: str, status: int = 400) -> tuple[int, Any]:
    words = {400: "Bad Request", 404: "Not Found"}
    return status, {"error_code": code, "error": error, "status_code": status, "status": words[status]}


def on_road(place: LonLat) -> LonLat:
    return place[0], min(max(place[1], 41.0), 42.0)


def steps(line: list[tuple[float, float]], took_s: float) -> list[dict[str, Any]]:
    """One street of a single segment, one of the others with the turn into it, and the arrival: a point."""
    parts = [(line[:2], took_s / 4), (line[1:], took_s * 3 / 4 + TURN_S), (line[-1:], 0)]
    return [{"duration": took, "geometry": polyline6(part), "mode": "driving"} for part, took in parts]


def waypoint(place: LonLat, road: LonLat) -> dict[str, Any]:
    return {"distance": metres(place, road), "name": "", "location": list(road)}


def metres(a: LonLat, b: LonLat) -> float:
    return distance_m(lat=a[1], lon=a[0], to_lat=b[1], to_lon=b[0])


def points_between(start: LonLat, end: LonLat) -> list[tuple[float, float]]:
    return [
        (start[1] + (end[1] - start[1]) * i / (POINTS - 1), start[0] + (end[0] - start[0]) * i / (POINTS - 1))
        for i in range(POINTS)
    ]


def polyline6(lat_lon: list[tuple[float, float]]) -> str:
    # A point is written like two that are the same, without the second.
    return Route(lat_lon).polyline6() if len(lat_lon) > 1 else Route(lat_lon * 2).polyline6().removesuffix("??")


def response(status: int, body: bytes, *, length: int | None = None) -> bytes:
    return (
        f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json;charset=utf-8\r\nConnection: keep-alive\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    ).encode() + body


# Ways to fail.


def answering(status: int, body: bytes) -> Fault:
    async def fault(stand_in: StandIn, write: Write, writer: asyncio.StreamWriter) -> None:
        await write(response(status, body))

    return fault


def writing(content: bytes) -> Fault:
    """These bytes, and the connection is closed."""

    async def fault(stand_in: StandIn, write: Write, writer: asyncio.StreamWriter) -> None:
        await write(content)
        writer.close()

    return fault


async def silence(stand_in: StandIn, write: Write, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def dripping(stand_in: StandIn, write: Write, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: no pause is ever as long as a timeout of reads."""
    await write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await write(b" ")
        await asyncio.sleep(0.01)


async def endless(stand_in: StandIn, write: Write, writer: asyncio.StreamWriter) -> None:
    await write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


async def half_closed(stand_in: StandIn, write: Write, writer: asyncio.StreamWriter) -> None:
    """The head and half of the body, then no more is sent, while the socket can still be written to."""
    await write(response(200, b'{"code":"Ok","routes"', length=5000))
    writer.write_eof()
    await asyncio.Event().wait()
