"""Random drives through the core, told bit for bit: one line per fix. `python -m tests.tracker.random_walks SEED`.

To be run once on the sources and once on what was compiled from them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from math import cos, radians

from tracker.filters import TrackFilter
from tracker.frames import FrameError, FrameParser, frame
from tracker.messages import Fix, encode
from tracker.route import Route
from tracker.trip import Trip

START_MS = 1_764_000_000_000
TRIPS = 60
FIXES = 250


def told(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(TRIPS):
        yield from _drive(chance)
    yield from _frames(chance)


def _drive(chance: random.Random) -> Iterator[str]:
    # Among them one beside the pole and one that crosses the antimeridian.
    lat, lon = chance.choice([(41.15, -8.61), (-33.9, 151.2), (89.99, 10.0), (52.0, 179.999), (0.0001, 0.0001)])
    destination = chance.choice([(lat + 0.02, lon), (lat - 0.03, lon - 0.05), (None, None)])
    track = TrackFilter()
    trip = Trip(track=track, lat=destination[0], lon=destination[1], arrival_radius_m=75.0)
    now_ms = START_MS
    for number in range(FIXES):
        if number == 20 and destination[0] is not None:
            trip.take_route(_way(chance, lat, lon, destination[0], destination[1] or 0.0))
        lat, lon, fix = _next_fix(chance, lat, lon, now_ms)
        verdict = trip.receive(fix, now_ms)
        estimate, arrival = trip.estimate, trip.arrival
        place = (track.lat, track.lon, track.speed_mps, track.heading_deg, track.fixed_at, track.standing)
        left = (trip.left_m, trip.left_s, trip.pace.factor, trip.wants_route, trip.eta_changed, trip.just_arrived)
        when = (estimate.eta_at, estimate.low_at, estimate.high_at, estimate.reason, arrival.arrived_at)
        trip.eta_changed = False
        position = encode(trip.position(number, now_ms)) if track.fixed_at else b""
        yield f"{verdict} {place} {left} {when} {position!r} {trip.eta(number, now_ms)}"
        now_ms += chance.choice([1000, 1000, 1000, 333, 5000, 200_000])


def _next_fix(chance: random.Random, lat: float, lon: float, now_ms: int) -> tuple[float, float, Fix]:
    speed_mps = chance.choice([0.0, 0.0, chance.uniform(0, 30), 11.0])
    lat += speed_mps / 111_195.0
    lon += chance.gauss(0, 4) / (111_195.0 * max(cos(radians(lat)), 1e-6))
    spoilt = chance.random()
    fix = Fix(
        fixed_at=now_ms - (chance.choice([90_000_000, 3000, -70_000]) if spoilt < 0.05 else 0),
        lat=float("nan") if spoilt > 0.99 else lat + (0.5 if spoilt > 0.95 else chance.gauss(0, 4e-5)),
        lon=lon + chance.gauss(0, 4e-5),
        accuracy_m=chance.choice([None, 5.0, chance.uniform(1, 600)]),
        speed_mps=chance.choice([None, speed_mps, chance.uniform(-1, 90)]),
        heading_deg=chance.choice([None, chance.uniform(0, 360)]),
        battery=chance.choice([None, chance.random()]),
    )
    return lat, lon, fix


def _way(chance: random.Random, lat: float, lon: float, to_lat: float, to_lon: float) -> Route:
    steps = chance.randint(2, 40)
    points = [
        (lat + (to_lat - lat) * n / steps + chance.gauss(0, 2e-4), lon + (to_lon - lon) * n / steps)
        for n in range(steps + 1)
    ]
    seconds = [0.0]
    for _ in range(steps):
        seconds.append(seconds[-1] + chance.uniform(1, 60))
    return Route(points, seconds=seconds)


def _frames(chance: random.Random) -> Iterator[str]:
    for _ in range(400):
        parser = FrameParser(chance.choice([200, 70_000]))
        mask = chance.randbytes(4)
        payload = "é𝄞 ok".encode() * chance.randint(0, 400) + chance.choice([b"", b"\xff"])
        head = frame(payload, chance.choice([1, 1, 2, 8, 9, 10, 0]))
        length = len(head) - len(payload)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        data = head[:1] + bytes([head[1] | 0x80]) + head[2:length] + mask + masked
        cut = chance.randint(0, len(data))
        try:
            yield f"{parser.feed(data[:cut])!r} {parser.feed(data[cut:])!r}"
        except FrameError as error:
            yield f"{error.close_code} {error.detail} {parser.before_error!r}"


if __name__ == "__main__":
    for line in told(int(sys.argv[1])):
        print(line)
