"""A made-up town and its finished trips, as an installation finds them on its disk."""

from __future__ import annotations

from pathlib import Path

from tests.tracker.roads.random_town import RandomTown
from tests.tracker.test_learning import driven
from tracker.records import FixRow
from tracker.roads.build import build_roads
from tracker.roads.graph_file import open_graph
from tracker.store import SqlTrackStore, tracks_url


def build_town(folder: Path) -> Path:
    """The road graph of a town of few streets."""
    extract = folder / "town.osm.pbf"
    RandomTown(seed=4).extract.write(extract)
    build_roads(extract, folder / "roads.graph")
    return folder / "roads.graph"


def drive_trips(roads: Path | str, database: str, *, trips: int, slower: float, until_ms: int) -> None:
    """Finished trips, one every three hours until then, into the fix history."""
    every_ms = 3 * 3_600_000
    recordings = driven(open_graph(Path(roads)), trips=trips, slower=slower, every_ms=every_ms)
    later_ms = until_ms - every_ms - recordings[-1].started_at
    store = SqlTrackStore(tracks_url(database))
    for trip in recordings:
        rows = [
            FixRow(
                technician_id="ana",
                fixed_at=fix.fixed_at + later_ms,
                received_at=fix.fixed_at + later_ms,
                trip_id=trip.trip_id,
                lat=fix.lat,
                lon=fix.lon,
                accuracy_m=5.0,
                speed_mps=None,
                heading_deg=None,
                late=False,
            )
            for fix in trip.fixes
        ]
        store.write(rows, [])
    store.close()
