"""The figures of the ledger, against the plainest way to reckon them."""

import datetime
import math
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS
from tracker.accuracy import Accuracy, Measured, by_area, by_day, by_technician, measure
from tracker.records import Prediction

MINUTE_MS = 60_000
DAY_MS = 86_400_000


def told(**changed) -> Prediction:
    """15 minutes before, a minute too late, with a range of five minutes that held."""
    arrived_at = changed.pop("arrived_at", NOW_MS)
    minutes = changed.pop("minutes_before", 15)
    return Prediction(
        **(
            {
                "trip_id": "visit",
                "minutes_before": minutes,
                "technician_id": "ana",
                "predicted_at": arrived_at - minutes * MINUTE_MS,
                "eta_at": arrived_at + MINUTE_MS,
                "eta_low_at": arrived_at - 2 * MINUTE_MS,
                "eta_high_at": arrived_at + 3 * MINUTE_MS,
                "arrived_at": arrived_at,
                "area": "41.150,-8.619",
            }
            | changed
        )
    )


def test_one_prediction_is_its_own_average():
    assert measure([told()]) == Measured(
        1,
        (
            Accuracy(
                minutes_before=15,
                arrivals=1,
                mean_error_s=60.0,
                median_error_s=60.0,
                mean_error_share=pytest.approx(1 / 15),
                good_share=1.0,
                held_share=1.0,
                median_range_s=300.0,
            ),
        ),
    )


def test_nothing_was_told_about_no_visit():
    assert measure([]) == Measured(0, ())


def test_horizons_stand_in_order_and_a_visit_counts_once():
    measured = measure([told(minutes_before=5), told(minutes_before=30), told(trip_id="other")])

    assert [each.minutes_before for each in measured.horizons] == [30, 15, 5]
    assert measured.visits == 2
    assert measured.at(30).arrivals == 1


def test_too_early_and_too_late_do_not_cancel_out_in_the_error_but_in_the_bias():
    late, early = told(trip_id="late"), told(trip_id="early", eta_at=NOW_MS - MINUTE_MS)

    (at_15,) = measure([late, early]).horizons

    assert (at_15.mean_error_s, at_15.median_error_s) == (60.0, 0.0)


@pytest.mark.parametrize(
    ("minutes_before", "error_s", "good"),
    [(5, 60, True), (5, 61, False), (5, -60, True), (15, 180, True), (15, -181, False), (30, 361, False)],
)
def test_good_is_within_a_fifth_of_what_was_left(minutes_before: int, error_s: int, good: bool):
    row = told(minutes_before=minutes_before, eta_at=NOW_MS + error_s * 1000)

    assert measure([row]).at(minutes_before).good_share == float(good)


@pytest.mark.parametrize(("low_s", "high_s", "held"), [(0, 0, True), (-9, 0, True), (0.001, 9, False), (-9, -1, False)])
def test_a_range_holds_what_arrives_on_its_edges(low_s: float, high_s: float, held: bool):
    row = told(eta_low_at=NOW_MS + round(low_s * 1000), eta_high_at=NOW_MS + round(high_s * 1000))

    assert measure([row]).at(15).held_share == float(held)


def test_a_day_ends_at_midnight_of_the_zone():
    before = int(datetime.datetime(2026, 10, 24, 22, 59, 59, tzinfo=datetime.UTC).timestamp()) * 1000
    rows = [told(arrived_at=before), told(arrived_at=before + 1000, trip_id="next")]

    assert list(by_day(rows, ZoneInfo("Europe/Lisbon"))) == ["2026-10-24", "2026-10-25"]
    assert list(by_day(rows, ZoneInfo("Europe/Berlin"))) == ["2026-10-25"]


def test_technicians_and_areas_stand_with_the_most_visits_first():
    rows = [
        told(trip_id="1", technician_id="bo", area=None),
        told(trip_id="2", technician_id="bo"),
        told(trip_id="3"),
        told(trip_id="3", minutes_before=5),
    ]

    assert {name: each.visits for name, each in by_technician(rows).items()} == {"bo": 2, "ana": 1}
    assert list(by_technician(rows)) == ["bo", "ana"]
    assert {name: each.visits for name, each in by_area(rows).items()} == {"41.150,-8.619": 2, None: 1}


@st.composite
def a_ledger(draw: st.DrawFn) -> list[Prediction]:
    rows = []
    for number in range(draw(st.integers(0, 12))):
        arrived_at = NOW_MS + draw(st.integers(-3 * DAY_MS, 3 * DAY_MS))
        technician_id, area = draw(st.sampled_from("abc")), draw(st.sampled_from([None, "here", "there"]))
        for minutes in draw(st.lists(st.sampled_from([30, 15, 5]), unique=True)):
            eta_at = arrived_at + draw(st.integers(-1_800_000, 1_800_000))
            rows.append(
                Prediction(
                    trip_id=str(number),
                    minutes_before=minutes,
                    technician_id=technician_id,
                    predicted_at=arrived_at - minutes * MINUTE_MS - draw(st.integers(0, 900_000)),
                    eta_at=eta_at,
                    eta_low_at=eta_at - draw(st.integers(0, 900_000)),
                    eta_high_at=eta_at + draw(st.integers(0, 900_000)),
                    arrived_at=arrived_at,
                    area=area,
                )
            )
    return draw(st.permutations(rows))


def middle(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def plainly(rows: list[Prediction]) -> dict[int, list[float]]:
    found = {}
    for minutes in (30, 15, 5):
        count = good = held = 0
        sum_s = sum_share = 0.0
        errors, widths = [], []
        for row in rows:
            if row.minutes_before != minutes:
                continue
            count += 1
            off_s, left_s = abs(row.eta_at - row.arrived_at) / 1000, (row.arrived_at - row.predicted_at) / 1000
            sum_s += off_s
            sum_share += off_s / left_s
            good += off_s <= 30 or off_s <= 0.2 * left_s
            held += not (row.arrived_at < row.eta_low_at or row.arrived_at > row.eta_high_at)
            errors.append((row.eta_at - row.arrived_at) / 1000)
            widths.append((row.eta_high_at - row.eta_low_at) / 1000)
        if count:
            found[minutes] = [
                count, sum_s / count, middle(errors), sum_share / count, good / count, held / count, middle(widths),
            ]  # fmt: skip
    return found


def agrees(measured: Measured, rows: list[Prediction]) -> bool:
    expected = plainly(rows)
    assert measured.visits == len({row.trip_id for row in rows})
    assert [each.minutes_before for each in measured.horizons] == list(expected)
    return all(
        math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-6)
        for each in measured.horizons
        for value, wanted in zip(
            (
                each.arrivals,
                each.mean_error_s,
                each.median_error_s,
                each.mean_error_share,
                each.good_share,
                each.held_share,
                each.median_range_s,
            ),
            expected[each.minutes_before],
            strict=True,
        )
    )


@given(rows=a_ledger())
def test_the_figures_are_those_that_the_plain_way_finds(rows: list[Prediction]):
    assert agrees(measure(rows), rows)


@given(rows=a_ledger(), zone=st.sampled_from(["Europe/Lisbon", "Asia/Kathmandu", "Pacific/Auckland"]))
def test_groups_are_the_rows_parted_and_measured(rows: list[Prediction], zone: str):
    def day(row: Prediction) -> str:
        moment = datetime.datetime.fromtimestamp(row.arrived_at // 1000, datetime.UTC).astimezone(ZoneInfo(zone))
        return f"{moment:%Y-%m-%d}"

    for groups, key in (
        (by_day(rows, ZoneInfo(zone)), day),
        (by_technician(rows), lambda row: row.technician_id),
        (by_area(rows), lambda row: row.area),
    ):
        assert set(groups) == {key(row) for row in rows}
        for name, measured in groups.items():
            assert agrees(measured, [row for row in rows if key(row) == name])
