from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from simulations.gps_noise import PERFECT, GpsFaults, taken_by_phone
from simulations.journeys import Moment
from simulations.plane import distance_m

LAT, LON = 41.15, -8.62
STEADY = GpsFaults(rms_min_m=3, rms_max_m=8, duplicate_share=0, outlier_share=0, gaps_per_hour=0, tunnels_per_hour=0)
faults = st.builds(
    GpsFaults,
    duplicate_share=st.floats(0, 0.3),
    outlier_share=st.floats(0, 0.2),
    gaps_per_hour=st.floats(0, 60),
    tunnels_per_hour=st.floats(0, 60),
)


def standing(t_s: float) -> Moment:
    return Moment(t_s, LAT, LON, 0.0, 0.0, 0.0)


def off_m(fix) -> float:
    return distance_m(lat_a=LAT, lon_a=LON, lat_b=fix.lat, lon_b=fix.lon)


def all_fixes(deliveries):
    return [fix for delivery in deliveries for fix in delivery.fixes]


def test_a_perfect_phone_reports_the_truth_at_every_interval():
    deliveries = taken_by_phone(standing, duration_s=60, interval_s=5, seed="a", faults=PERFECT)

    assert [delivery.at_s for delivery in deliveries] == [5.0 * n for n in range(13)]
    assert max(off_m(fix) for fix in all_fixes(deliveries)) < 1e-6


def test_the_error_is_three_to_eight_metres_rms_over_many_phones():
    for seed in range(8):
        deliveries = taken_by_phone(standing, duration_s=20_000, interval_s=5, seed=str(seed), faults=STEADY)
        rms_m = math.sqrt(sum(off_m(fix) ** 2 for fix in all_fixes(deliveries)) / len(deliveries))
        assert 2.5 < rms_m < 9.0


def test_errors_of_neighbouring_fixes_are_alike_and_those_of_distant_ones_are_not():
    fixes = all_fixes(taken_by_phone(standing, duration_s=20_000, interval_s=2, seed="c", faults=STEADY))

    def apart_m(steps: int) -> float:
        pairs = zip(fixes, fixes[steps:], strict=False)
        return math.sqrt(
            sum(distance_m(lat_a=a.lat, lon_a=a.lon, lat_b=b.lat, lon_b=b.lon) ** 2 for a, b in pairs)
            / (len(fixes) - steps)
        )

    assert apart_m(1) < 0.55 * apart_m(60)


@given(seed=st.text(max_size=5), faults=faults)
def test_nothing_arrives_before_it_was_taken_and_the_phone_hands_over_in_order(seed, faults):
    deliveries = taken_by_phone(standing, duration_s=600, interval_s=5, seed=seed, faults=faults)

    for delivery in deliveries:
        assert all(fix.t_s <= delivery.at_s for fix in delivery.fixes)
        assert all(a.t_s < b.t_s for a, b in pairwise(delivery.fixes))
    assert all(a.at_s <= b.at_s for a, b in pairwise(deliveries))


@given(seed=st.text(max_size=5), faults=faults)
def test_an_outlier_is_half_a_kilometre_to_three_away_and_nothing_else_is(seed, faults):
    deliveries = taken_by_phone(standing, duration_s=600, interval_s=5, seed=seed, faults=faults)

    for fix in all_fixes(deliveries):
        if fix.outlier:
            assert 495 < off_m(fix) < 3030
        else:
            assert off_m(fix) < 60


@given(seed=st.text(max_size=5), faults=faults)
def test_the_same_seed_gives_the_same_phone(seed, faults):
    one, other = (taken_by_phone(standing, duration_s=300, interval_s=5, seed=seed, faults=faults) for _ in range(2))

    assert one == other


def test_what_was_taken_in_a_tunnel_comes_out_in_one_late_batch():
    tunnels = GpsFaults(tunnels_per_hour=30, gaps_per_hour=0, duplicate_share=0)

    deliveries = taken_by_phone(standing, duration_s=3600, interval_s=2, seed="t", faults=tunnels)

    batches = [delivery for delivery in deliveries if len(delivery.fixes) > 1]
    assert batches
    assert max(d.at_s - d.fixes[0].t_s for d in batches) > 20
    assert len(all_fixes(deliveries)) == 1801


def test_a_gap_is_a_time_without_any_fix():
    gaps = GpsFaults(gaps_per_hour=30, tunnels_per_hour=0, duplicate_share=0)

    fixes = all_fixes(taken_by_phone(standing, duration_s=3600, interval_s=2, seed="g", faults=gaps))

    assert max(b.t_s - a.t_s for a, b in pairwise(fixes)) > 10
