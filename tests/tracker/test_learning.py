from itertools import pairwise
from random import Random

import pytest

from tests.tracker.journeys import NOW_MS
from tests.tracker.roads.random_town import RandomTown
from tracker.calibration import COLD
from tracker.judging import mean_error_s, rehearse
from tracker.learning import FEWEST_TRIPS, learn
from tracker.messages import Fix
from tracker.recordings import Recording
from tracker.roads.driving import cold_seconds
from tracker.roads.graph import RoadGraph
from tracker.roads.snap import snap
from tracker.roads.trees import TreeMaker


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> RoadGraph:
    return RandomTown(seed=4).graph(tmp_path_factory.mktemp("town"))


def driven(graph: RoadGraph, *, trips: int, slower: float, every_ms: int = 600_000, seed: int = 1) -> list[Recording]:
    """Trips along the quickest way, all ``slower`` than a cold map says, told every 15 s."""
    rng = Random(seed)
    graph.replace_seconds(cold_seconds(graph).astype("float32").tobytes())
    maker = TreeMaker(graph)
    recordings = []
    while len(recordings) < trips:
        (lat, lon), (to_lat, to_lon) = (graph.midpoint(rng.randrange(graph.edge_count)) for _ in range(2))
        tree = maker.tree(lat=to_lat, lon=to_lon)
        route = tree.route(graph, snap(graph, lat=lat, lon=lon))
        if route is None or route.total_s < 60:
            continue
        started_at = NOW_MS + len(recordings) * every_ms
        fixes = []
        s = 0.0
        legs = list(pairwise(zip(route.seconds, route.points, strict=True)))
        while s < route.total_s * slower:
            before, after = next(leg for leg in legs if leg[1][0] * slower >= s)
            length_s = after[0] - before[0]
            share = (s / slower - before[0]) / length_s if length_s > 0 else 0.0
            fixes.append(
                Fix(
                    fixed_at=started_at + round(s * 1000),
                    lat=before[1][0] + share * (after[1][0] - before[1][0]),
                    lon=before[1][1] + share * (after[1][1] - before[1][1]),
                )
            )
            s += 15.0
        if len(fixes) > 2:
            recordings.append(Recording(f"trip-{len(recordings)}", tuple(fixes)))
    return recordings


def shifted(trip: Recording, by_ms: int, *, name: str = "") -> Recording:
    return Recording(
        name + trip.trip_id,
        tuple(Fix(fixed_at=fix.fixed_at + by_ms, lat=fix.lat, lon=fix.lon) for fix in trip.fixes),
    )


def test_too_few_trips_teach_nothing(graph):
    learned = learn(graph, driven(graph, trips=FEWEST_TRIPS - 1, slower=2.0))

    assert learned.calibration == COLD
    assert "Nothing learned" in learned.summary


def test_a_slow_city_is_learned_and_helps_on_other_trips(graph):
    history = driven(graph, trips=60, slower=3.0, every_ms=3 * 3_600_000)
    others = driven(graph, trips=15, slower=3.0, every_ms=3 * 3_600_000, seed=2)

    learned = learn(graph, history)

    cold_s = mean_error_s([rehearse(graph, COLD, others)])
    assert mean_error_s([rehearse(graph, learned.calibration, others)]) < 0.9 * cold_s
    assert learned.mae_s < learned.cold_mae_s


def test_what_was_learned_never_makes_the_trips_held_back_worse(graph):
    early = driven(graph, trips=40, slower=4.0)
    late = [shifted(trip, 30 * 86_400_000, name="late-") for trip in driven(graph, trips=20, slower=0.8, seed=3)]

    learned = learn(graph, early + late)

    assert learned.mae_s <= learned.cold_mae_s


def test_hours_that_were_slow_on_one_day_only_are_not_believed(graph):
    day_ms = 86_400_000
    history = [
        shifted(trip, number * day_ms, name=f"{number}-")
        for number, slower in enumerate((1.0, 3.0, 1.0, 0.6))
        for trip in driven(graph, trips=15, slower=slower, every_ms=1_800_000, seed=number)
    ]
    next_day = [shifted(trip, 4 * day_ms) for trip in driven(graph, trips=15, slower=1.0, every_ms=1_800_000, seed=9)]

    learned = learn(graph, history)

    cold_s = mean_error_s([rehearse(graph, COLD, next_day)])
    assert mean_error_s([rehearse(graph, learned.calibration, next_day)]) <= 1.01 * cold_s


def test_trips_of_the_same_few_hours_teach_nothing_because_no_other_hours_can_judge(graph):
    learned = learn(graph, driven(graph, trips=30, slower=3.0, every_ms=60_000))

    assert learned.calibration == COLD
    assert learned.summary.startswith("Nothing learned: all trips are from the same hours")


def test_progress_ends_at_one(graph):
    parts: list[float] = []

    learn(graph, driven(graph, trips=FEWEST_TRIPS, slower=1.5, every_ms=3 * 3_600_000), progress=parts.append)

    assert parts == sorted(parts)
    assert parts[-1] == 1.0
