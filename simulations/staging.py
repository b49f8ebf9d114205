"""What a replay needs on the server before its first fix: people, places and services. [pure]

Every technician has a skill and a service of their own, so that a booking can only go to them, and every trip has an
asset at the place where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulations.company import ROUND_THE_CLOCK
from simulations.tracks import Track


@dataclass(frozen=True, slots=True)
class Trip:
    """One recorded trip to play. ``technician`` is the id of the service and the skill too."""

    technician: str
    asset: str
    track: Track


@dataclass(frozen=True, slots=True)
class Lane:
    """Trips that one customer watches one after the other."""

    account: str
    customer_email: str
    trips: tuple[Trip, ...]


def make_lanes(tracks: Sequence[Track], *, lanes: int, run: str, in_real_time: bool) -> list[Lane]:
    """Deal ``tracks`` out to at most ``lanes`` lanes. ``run`` keeps the ids of different runs apart.

    In real time a lane has one technician. Faster trips lie in the past and overlap each other, which one person
    cannot: each has a technician of its own.
    """
    count = min(lanes, len(tracks))
    dealt: list[list[Trip]] = [[] for _ in range(count)]
    for index, track in enumerate(tracks):
        technician = f"replay-{run}-{index % count if in_real_time else index}"
        dealt[index % count].append(Trip(technician, f"replay-{run}-end-{index}", track))
    return [
        Lane(f"replay-{run}-account-{n}", f"replay-{run}-{n}@simulation.example", tuple(trips))
        for n, trips in enumerate(dealt)
    ]


def staging_file(lanes: Sequence[Lane], *, password: str) -> dict[str, list[dict[str, Any]]]:
    """The import that puts ``lanes`` on a server. The customers in it sign in with ``password``."""
    zone = {"time_zone": "UTC"}
    technicians = sorted({trip.technician for lane in lanes for trip in lane.trips})
    trips = [(lane, trip) for lane in lanes for trip in lane.trips]
    return {
        "services": [{"id": one, "name": f"Visit of {one}", "duration_min": 1, "skill": one} for one in technicians],
        "technicians": [
            {"id": one, "name": one, "skills": [one], "shifts": ROUND_THE_CLOCK, **zone} for one in technicians
        ],
        "accounts": [
            {"id": lane.account, "name": lane.account, "status": "active", "site": lane.trips[0].asset}
            for lane in lanes
        ],
        "contacts": [
            {"email": lane.customer_email, "account": lane.account, "name": lane.account, "password": password}
            for lane in lanes
        ],
        "sites": [
            {
                "id": trip.asset,
                "account": lane.account,
                "name": f"End of {trip.track.name}"[:200],
                "lat": trip.track.points[-1].lat,
                "lon": trip.track.points[-1].lon,
                **zone,
            }
            for lane, trip in trips
        ],
        "assets": [
            {"id": trip.asset, "account": lane.account, "site": trip.asset, "name": trip.track.name[:200]}
            for lane, trip in trips
        ],
    }
