import pytest

from tests.tracker.journeys import NOW_MS
from tests.tracker.roads.random_town import RandomTown
from tests.tracker.stores import MemoryTrackStore
from tests.tracker.test_learning import driven, shifted
from tracker.calibration import Calibration, encode_calibration
from tracker.nights import DAY_MS, LAST_DAYS, learn_by_night
from tracker.recordings import Recording
from tracker.records import FixRow, KeptCalibration
from tracker.roads.graph import RoadGraph

FIRST_MS = NOW_MS
SLOW = Calibration(trips=40, hours=(1.2,) * 168)
"""As if everything took three times as long."""


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> RoadGraph:
    return RandomTown(seed=4).graph(tmp_path_factory.mktemp("town"))


def week_of(graph: RoadGraph, *, days: int, slower: float = 1.0, a_day: int = 8, seed: int = 1) -> list[Recording]:
    """So many trips on each of some days from ``FIRST_MS`` on, an hour apart."""
    trips = driven(graph, trips=days * a_day, slower=slower, every_ms=0, seed=seed)
    return [
        shifted(trip, number // a_day * DAY_MS + number % a_day * 3_600_000, name=f"{seed}-")
        for number, trip in enumerate(trips)
    ]


def store_of(*histories: list[Recording], kept: dict[float, Calibration]) -> MemoryTrackStore:
    """Finished trips, and what was put in force on days after the first."""
    store = MemoryTrackStore()
    rows = [
        FixRow("ana", fix.fixed_at, fix.fixed_at, trip.trip_id, fix.lat, fix.lon, 5.0, None, None, False)
        for history in histories
        for trip in history
        for fix in trip.fixes
    ]
    store.write(rows, [])
    for day, calibration in kept.items():
        store.write_calibration(
            KeptCalibration(FIRST_MS + round(day * DAY_MS), calibration.trips, encode_calibration(calibration))
        )
    return store


def night(store: MemoryTrackStore, graph: RoadGraph, *, day: float):
    return learn_by_night(store, graph, now_ms=FIRST_MS + round(day * DAY_MS), days=28)


def test_without_anything_in_force_there_is_nothing_to_judge(graph):
    after = night(store_of(week_of(graph, days=5, slower=2.0), kept={}), graph, day=5)

    assert after.calibration.trips == 40
    assert after.calibration.check is None
    assert not after.fell_back


def test_what_made_the_last_days_worse_than_cold_is_taken_back(graph):
    store = store_of(week_of(graph, days=5), kept={1.0: SLOW})

    after = night(store, graph, day=5)

    assert after.fell_back
    assert (after.calibration.hours, after.calibration.cells, after.calibration.trips) == ((), (), 0)
    assert after.calibration.check.trips == 32
    assert after.calibration.check.mae_s > 1.5 * after.calibration.check.cold_mae_s
    assert after.said.startswith("What was learned told 32 trips of the last 7 days worse than the cold start")


def test_what_was_learned_before_the_bad_days_comes_back_if_it_tells_them_better(graph):
    history = week_of(graph, days=5, slower=3.0)
    good = night(store_of(week_of(graph, days=5, slower=3.0, seed=2), kept={}), graph, day=5).calibration
    store = store_of(history, kept={-3.0: good, -1.0: Calibration(trips=9, hours=(-3.0,) * 168)})

    after = night(store, graph, day=5)

    assert after.fell_back
    assert (after.calibration.hours, after.calibration.cells) == (good.hours, good.cells)
    assert "Back to what was learned before them" in after.said


def test_what_helped_is_said_and_learning_goes_on(graph):
    good = night(store_of(week_of(graph, days=5, slower=3.0, seed=2), kept={}), graph, day=5).calibration
    store = store_of(week_of(graph, days=5, slower=3.0), kept={-1.0: good})

    after = night(store, graph, day=5)

    assert not after.fell_back
    assert after.calibration.trips == 40
    assert after.calibration.check.mae_s < after.calibration.check.cold_mae_s
    assert "On 40 trips of the last 7 days off by" in after.said


def test_a_few_bad_trips_are_no_verdict(graph):
    store = store_of(week_of(graph, days=5), kept={4.0: SLOW})

    after = night(store, graph, day=5)

    assert after.calibration.check.trips == 8
    assert not after.fell_back


def test_the_cold_start_stays_while_the_bad_days_are_among_the_last_and_then_it_learns_again(graph):
    store = store_of(week_of(graph, days=14), kept={1.0: SLOW})
    fell_back = []
    for day in range(5, 14):
        after = night(store, graph, day=day)
        store.write_calibration(after.kept(FIRST_MS + day * DAY_MS))
        fell_back.append(after.fell_back)

    # The last day told by it was the fifth; of few trips there is no verdict.
    assert fell_back[:3] == [True, True, True]
    assert fell_back[LAST_DAYS:] == [False, False]
    assert night(store, graph, day=14).calibration.trips == 14 * 8


def test_a_verdict_survives_what_cannot_be_read(graph):
    store = store_of(week_of(graph, days=5), kept={})
    store.write_calibration(KeptCalibration(FIRST_MS, 5, b"\0broken"))

    assert night(store, graph, day=5).calibration.check is None


def test_too_few_trips_change_nothing(graph):
    after = night(store_of(week_of(graph, days=1), kept={1.0: SLOW}), graph, day=1.5)

    assert (after.calibration, after.fell_back) == (None, False)
    assert after.said == "Nothing learned: 8 finished trips in the last 28 days, it takes 20."
