"""Where do the microseconds of one fix go? Each stage of the hot path alone, bytes and values fed straight to it.

No sockets and no event loop: what is left between these figures and `ping-to-watcher` is the kernel's and the loop's.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from math import cos, pi, radians, sin
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Any

import click
import msgspec

from benchmarks.fleet import DRIVE_DEGREES, column_lon
from benchmarks.fleet_roads import build_fleet_roads
from benchmarks.loading import CITY_LAT, CITY_LON, as_json
from tracker.calibration import COLD
from tracker.device_connection import DeviceConnection
from tracker.devices.native import decode_json, decode_msgpack
from tracker.eta import ArrivalEstimate
from tracker.facts import TripFacts
from tracker.filters import TrackFilter
from tracker.frames import BINARY, TEXT, FrameParser, frame
from tracker.hub import Hub
from tracker.messages import Fix, encode
from tracker.node import Node
from tracker.roads.destination import Destination
from tracker.roads.driving import driven_seconds
from tracker.roads.graph_file import open_graph
from tracker.roads.trees import TreeMaker
from tracker.route import Route, RouteProgress
from tracker.store import SqlTrackStore
from tracker.traffic import Traffic
from tracker.trip import Trip
from tracker.watchers import Watcher

START_MS = 1_764_000_000_000
SPEED_MPS = 11.0
NOISE_M = 4.0
METRES_PER_DEGREE = 111_195.0
POINT_EVERY_M = 40.0


class Stage(msgspec.Struct, frozen=True):
    """One row of the result; `us` is the median over the rounds, per fix."""

    name: str
    us: float


def drive(*, fixes: int, seed: int) -> tuple[Route, list[Fix]]:
    """A winding road and somebody who drives it at 1 Hz with GPS noise."""
    noise = random.Random(seed)
    length_m = fixes * SPEED_MPS + 500.0

    def place(metres: float) -> tuple[float, float]:
        # A street that swings 200 m to either side every 2 km: the window of the projection has to move on.
        sideways_m = 200.0 * sin(metres * pi / 1000.0)
        lat = CITY_LAT + metres / METRES_PER_DEGREE
        return lat, CITY_LON + sideways_m / (METRES_PER_DEGREE * cos(radians(lat)))

    points = [place(metres) for metres in _steps(length_m, POINT_EVERY_M)]
    route = Route(points, total_s=length_m / SPEED_MPS)
    track = []
    for second in range(fixes):
        lat, lon = place(second * SPEED_MPS)
        track.append(
            Fix(
                fixed_at=START_MS + 1000 * second,
                lat=lat + noise.gauss(0, NOISE_M) / METRES_PER_DEGREE,
                lon=lon + noise.gauss(0, NOISE_M) / METRES_PER_DEGREE,
                accuracy_m=6.5,
                speed_mps=round(SPEED_MPS + noise.gauss(0, 0.5), 1),
                heading_deg=float(round(noise.gauss(0, 5)) % 360),
            )
        )
    return route, track


def _steps(length_m: float, step_m: float) -> list[float]:
    return [step_m * number for number in range(int(length_m / step_m) + 1)]


def client_frame(payload: bytes, opcode: int, mask: bytes) -> bytes:
    """A masked frame as a phone sends it."""
    size = len(payload)
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    return head + mask + bytes(byte ^ mask[place & 3] for place, byte in enumerate(payload))


def street_drive(*, fixes: int, seed: int) -> tuple[Destination, list[Fix]]:
    """A street on a map of two, and somebody who drives it at 1 Hz with GPS noise."""
    with tempfile.TemporaryDirectory(prefix="enroute-stages-") as folder:
        graph = open_graph(build_fleet_roads(Path(folder), technicians=2))
        graph.replace_seconds(driven_seconds(graph, COLD).tobytes())
        tree = TreeMaker(graph).tree(lat=CITY_LAT, lon=column_lon(0))
    assert tree is not None
    noise = random.Random(seed)
    track = []
    for second in range(min(fixes, int((DRIVE_DEGREES * METRES_PER_DEGREE - 500.0) / SPEED_MPS))):
        track.append(
            Fix(
                fixed_at=START_MS + 1000 * second,
                lat=CITY_LAT - DRIVE_DEGREES + (second * SPEED_MPS + noise.gauss(0, NOISE_M)) / METRES_PER_DEGREE,
                lon=column_lon(0) + noise.gauss(0, NOISE_M) / METRES_PER_DEGREE,
                accuracy_m=6.5,
                speed_mps=round(SPEED_MPS + noise.gauss(0, 0.5), 1),
                heading_deg=float(round(noise.gauss(0, 5)) % 360),
            )
        )
    return Destination(graph, tree), track


def stages(*, fixes: int, seed: int) -> dict[str, Callable[[], Callable[[], Any]]]:
    """Name → a function that sets one round up and returns the loop to be timed."""
    route, track = drive(fixes=fixes, seed=seed)
    texts = [msgspec.json.encode(fix) for fix in track]
    packs = [msgspec.msgpack.encode(fix) for fix in track]
    masks = random.Random(seed)
    frames = [client_frame(text, TEXT, masks.randbytes(4)) for text in texts]
    binary_frames = [client_frame(pack, BINARY, masks.randbytes(4)) for pack in packs]
    end_lat, end_lon = route.points[-1]
    destination, street = street_drive(fixes=fixes, seed=seed)

    def on_the_map(*, lined: bool) -> Callable[[], Any]:
        """The street is driven again and again; ``lined``: the line along it was made at the first fix."""

        def drive_it() -> None:
            for number in range(fixes):
                fix = street[number % len(street)]
                if fix is street[0]:
                    trip = Trip(track=TrackFilter(), lat=CITY_LAT, lon=column_lon(0), arrival_radius_m=75.0)
                    trip.take_destination(destination, traffic=Traffic())
                trip.receive(fix, fix.fixed_at)
                if lined and trip.progress is None:
                    trip.take_route(trip.line())

        return drive_it

    def make_trip(*, mapped: bool) -> Trip:
        trip = Trip(track=TrackFilter(), lat=end_lat, lon=end_lon, arrival_radius_m=75.0)
        trip.take_route(route if mapped else None)
        return trip

    driven = make_trip(mapped=True)
    positions = []
    for number, fix in enumerate(track):
        driven.receive(fix, fix.fixed_at)
        positions.append(driven.position(number, fix.fixed_at))
    payloads = [encode(position) for position in positions]

    def parse(messages: list[bytes]) -> Callable[[], Any]:
        feed = FrameParser().feed
        return lambda: [feed(message) for message in messages]

    def filtering() -> Callable[[], Any]:
        receive = TrackFilter().receive
        return lambda: [receive(fix, fix.fixed_at) for fix in track]

    def projecting() -> Callable[[], Any]:
        advance = RouteProgress(route).advance
        return lambda: [advance(lat=fix.lat, lon=fix.lon) for fix in track]

    def estimating() -> Callable[[], Any]:
        update = ArrivalEstimate().update
        total_s = route.total_s
        times = [(total_s - number, fix.fixed_at) for number, fix in enumerate(track)]
        return lambda: [update(left_s=left_s, at_ms=at_ms, estimated=False) for left_s, at_ms in times]

    def receiving(*, mapped: bool) -> Callable[[], Any]:
        receive = make_trip(mapped=mapped).receive
        return lambda: [receive(fix, fix.fixed_at) for fix in track]

    def telling() -> Callable[[], Any]:
        position = driven.position
        return lambda: [position(7, fix.fixed_at) for fix in track]

    return {
        "parse a client's text frame": lambda: parse(frames),
        "parse a client's binary frame": lambda: parse(binary_frames),
        "decode JSON": lambda: lambda: [decode_json(text) for text in texts],
        "decode MessagePack": lambda: lambda: [decode_msgpack(pack) for pack in packs],
        "filter": filtering,
        "progress along a route": projecting,
        "arrival estimate": estimating,
        "Trip.receive on a route (filter, progress, ETA)": lambda: receiving(mapped=True),
        "Trip.receive without a map": lambda: receiving(mapped=False),
        "Trip.receive on a map, on the line": lambda: on_the_map(lined=True),
        "Trip.receive on a map, each fix snapped anew": lambda: on_the_map(lined=False),
        "build the position message": telling,
        "encode it": lambda: lambda: [encode(position) for position in positions],
        "frame it": lambda: lambda: [frame(payload) for payload in payloads],
        "the whole walk, phone's bytes to a watcher's frame": lambda: walk(route, track, frames),
    }


class Sink(asyncio.Transport):
    """A socket that takes everything and costs nothing."""

    def write(self, data: Any) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


def walk(route: Route, track: list[Fix], frames: list[bytes]) -> Callable[[], Any]:
    """The code that runs between read and write in the server: device connection, node, trip, hub, one watcher."""
    clock = [START_MS]
    now_ms: Callable[[], int] = lambda: clock[0]  # noqa: E731 - a def would be timed the same and read worse
    loop = asyncio.new_event_loop()
    hub = Hub(now_ms=now_ms, loop=loop)
    # Nothing is committed while the loop does not run: storing has its own task, and is not on this path.
    node = Node(hub=hub, store=SqlTrackStore("sqlite://"), now_ms=now_ms)
    end_lat, end_lon = route.points[-1]
    facts = TripFacts(1, "traveling", "UTC", START_MS, START_MS, destination_lat=end_lat, destination_lon=end_lon)
    node.open_trip(trip_id="visit", technician_id="ana", facts=facts, now_ms=START_MS)
    hub.subscribe(node.topic("visit"), Watcher(write=Sink().write, principal=None, until_ms=1 << 62))
    device = DeviceConnection(node=node, technician_id="ana")
    device.begin(Sink(), loop)
    intake = device.intake
    assert intake is not None

    def run() -> None:
        for fix, message in zip(track, frames, strict=True):
            clock[0] = fix.fixed_at
            intake.take(message)
        loop.close()

    return run


def measure(*, fixes: int, rounds: int, seed: int) -> list[Stage]:
    """Every stage once per round, so that a slow moment of the machine does not hit one stage alone.

    The thread's own CPU time: what else the machine does is not in it.
    """
    prepared = stages(fixes=fixes, seed=seed)
    took_us: dict[str, list[float]] = {name: [] for name in prepared}
    for _ in range(rounds):
        for name, prepare in prepared.items():
            loop = prepare()
            start = thread_time_ns()
            loop()
            took_us[name].append((thread_time_ns() - start) / 1000.0 / fixes)
    return [Stage(name, median(times)) for name, times in took_us.items()]


@click.command("core-stages")
@click.option("--smoke", is_flag=True, help="A few fixes: proves that it runs, measures nothing.")
@click.option("--fixes", default=20_000, show_default=True, help="Length of the drive, one fix per second of it.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(smoke: bool, fixes: int, rounds: int, seed: int, json_path: Path | None) -> None:
    """Microseconds per fix of each stage of the core, without sockets."""
    if smoke:
        fixes, rounds = 500, 1
    rows = measure(fixes=fixes, rounds=rounds, seed=seed)
    for row in rows:
        click.echo(f"{row.name:50} {row.us:8.3f} us")
    if json_path:
        json_path.write_bytes(as_json(rows))


if __name__ == "__main__":
    main()
