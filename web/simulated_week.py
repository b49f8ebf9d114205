"""A week in minutes: technicians of the demo city drive, the ledger fills, every night is learned from.

The trips are made up and the clock runs at the pace of the machine; what predicts, keeps, judges and learns is what
serves customers. Each day is also driven as the cold start would have told it, so that a good day is not taken for
learning.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from simulations.cities import City
from simulations.city_pbf import write_city
from simulations.week import Errand, working_day
from tracker.accuracy import Measured, measure
from tracker.calibration import COLD, Calibration, decode_calibration
from tracker.ledger import PredictionLog, area_of
from tracker.messages import Fix
from tracker.nights import learn_by_night
from tracker.records import FixRow, LastState, Prediction
from tracker.rehearsal import Rehearsal
from tracker.roads.build import build_roads
from tracker.roads.graph import RoadGraph
from tracker.roads.graph_file import open_graph
from tracker.store import SqlTrackStore, tracks_url
from web.migrations import runner

MONDAY_MS = int(datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC).timestamp()) * 1000
DAY_MS = 86_400_000
NIGHT_MS = 3 * 3_600_000
HISTORY_DAYS = 28


class SimulatedDay(NamedTuple):
    """What the ledger holds of a day, what it would hold after a cold start, and what the night after it said."""

    date: datetime.date
    told: Measured
    cold: Measured
    night: str


def simulate_week(
    folder: Path, city: City, *, days: int, technicians: int, seed: str, slower: float
) -> Iterator[SimulatedDay]:
    """Day by day, from a Monday on. ``folder`` (empty) holds map and database and stays readable for
    `enroute eta report`."""
    write_city(city, folder / "city.osm.pbf")
    build_roads(folder / "city.osm.pbf", folder / "roads.graph")
    graph = open_graph(folder / "roads.graph")
    database = f"sqlite:///{folder / 'enroute.db'}"
    runner.upgrade(database)
    store = SqlTrackStore(tracks_url(database))
    try:
        for day in range(days):
            errands = working_day(city, day=day, technicians=technicians, seed=seed, slower=slower)
            told = _drive(graph, _in_force(store), errands, keep=store.write)
            store.write_predictions(told)
            cold = _drive(graph, COLD, errands)
            now_ms = MONDAY_MS + (day + 1) * DAY_MS + NIGHT_MS
            night = learn_by_night(store, graph, now_ms=now_ms, days=HISTORY_DAYS)
            if night.calibration is not None:
                store.write_calibration(night.kept(now_ms))
            date = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC).date() - datetime.timedelta(days=1)
            ledger = store.ledger(now_ms - NIGHT_MS - DAY_MS, now_ms - NIGHT_MS)
            yield SimulatedDay(date, measure(ledger), measure(cold), night.said)
    finally:
        store.close()


def _in_force(store: SqlTrackStore) -> Calibration:
    kept = store.calibration()
    return COLD if kept is None else decode_calibration(kept.data)


def _drive(
    graph: RoadGraph,
    calibration: Calibration,
    errands: Sequence[Errand],
    *,
    keep: Callable[[list[FixRow], list[LastState]], None] | None = None,
) -> list[Prediction]:
    """Every errand through the code that serves customers; the ledger's rows of those that arrived."""
    rehearsal = Rehearsal(graph, calibration)
    ledger: list[Prediction] = []
    for errand in errands:
        rehearsal.start(lat=errand.lat, lon=errand.lon)
        log = PredictionLog()
        rows = []
        for phone_fix in errand.fixes:
            fixed_at = MONDAY_MS + round((errand.start_s + phone_fix.t_s) * 1000)
            fix = Fix(
                fixed_at=fixed_at,
                lat=phone_fix.lat,
                lon=phone_fix.lon,
                accuracy_m=phone_fix.accuracy_m,
                speed_mps=phone_fix.speed_mps,
                heading_deg=phone_fix.heading_deg,
            )
            rehearsal.receive(fix)
            rehearsal.line_up()
            rows.append(_row(errand, fix))
            estimate = rehearsal.trip.estimate
            if estimate.eta_at is not None and rehearsal.trip.arrival.arrived_at is None:
                log.note(at_ms=fixed_at, eta_at=estimate.eta_at, low_at=estimate.low_at, high_at=estimate.high_at)
        if keep is not None:
            keep(rows, [])
        arrived_at = rehearsal.trip.arrival.arrived_at
        if arrived_at is not None:
            ledger += log.settle(
                trip_id=errand.name,
                technician_id=errand.technician,
                arrived_at=arrived_at,
                area=area_of(lat=errand.lat, lon=errand.lon),
            )
    return ledger


def _row(errand: Errand, fix: Fix) -> FixRow:
    return FixRow(
        technician_id=errand.technician,
        fixed_at=fix.fixed_at,
        received_at=fix.fixed_at,
        trip_id=errand.name,
        lat=fix.lat,
        lon=fix.lon,
        accuracy_m=fix.accuracy_m,
        speed_mps=fix.speed_mps,
        heading_deg=fix.heading_deg,
        late=False,
    )
