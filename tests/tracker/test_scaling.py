from collections.abc import Callable

import numpy as np
import pytest

from tracker.judging import Fold, Told
from tracker.scaling import Scales, outside_s, scales

TRIPS = 100
"""Of each fold, with eight rows each."""


def fold_told(
    seed: int,
    *,
    slower: float = 1.0,
    spread: float | Callable[[np.ndarray], np.ndarray] = 0.2,
    told_spread: float = 0.2,
) -> Told:
    """Log-normal ends of trips; the range that was told holds 80 % where both spreads are alike."""
    rng = np.random.default_rng(seed)
    eta_s = np.exp(rng.uniform(np.log(30.0), np.log(1000.0), 8 * TRIPS))
    left_s = eta_s * slower * np.exp(rng.normal(0.0, spread(eta_s) if callable(spread) else spread, len(eta_s)))
    half = 1.2816 * told_spread
    return Told(np.repeat(np.arange(TRIPS), 8), left_s, eta_s, eta_s * np.exp(-half), eta_s * np.exp(half))


def fold_pair() -> list[Fold]:
    first, second = list(range(TRIPS)), list(range(TRIPS, 2 * TRIPS))
    return [Fold(first, second), Fold(second, first)]


def rows_of(told: Told, rows: np.ndarray) -> Told:
    return Told(*(column[rows] for column in told))


def held(told: list[Told]) -> float:
    return float(np.mean([(each.low_s <= each.left_s) & (each.left_s <= each.high_s) for each in told]))


def test_what_both_days_take_longer_is_corrected():
    told = [fold_told(seed, slower=1.1) for seed in (1, 2)]

    found, after = scales(fold_pair(), told, doubt=0.0)

    assert 1.03 < found.scale < 1.1
    assert all(
        np.abs(now.left_s - now.eta_s).sum() < np.abs(was.left_s - was.eta_s).sum()
        for was, now in zip(told, after, strict=True)
    )


def test_days_that_disagree_correct_nothing():
    found, after = scales(fold_pair(), [fold_told(1, slower=1.2), fold_told(2, slower=0.85)], doubt=0.0)

    assert found.scale == 1.0
    assert np.array_equal(after[0].eta_s, fold_told(1, slower=1.2).eta_s)


def test_a_range_that_holds_too_little_is_widened():
    told = [fold_told(seed, spread=0.4) for seed in (1, 2)]

    found, after = scales(fold_pair(), told, doubt=0.0)

    assert min(found.low_scales) > 1.1
    assert min(found.high_scales) > 1.1
    assert held(told) < 0.6 < held(after)


def test_a_range_that_is_right_stays():
    found, _ = scales(fold_pair(), [fold_told(seed) for seed in (1, 2)], doubt=0.0)

    assert found.scale == 1.0
    assert all(0.85 < each < 1.15 for each in (*found.low_scales, *found.high_scales))


def test_a_city_that_is_sure_far_out_and_not_near_the_end_gets_such_a_range():
    told = [fold_told(seed, spread=lambda ahead_s: 2.5 / np.sqrt(ahead_s)) for seed in (1, 2)]

    found, after = scales(fold_pair(), told, doubt=0.0)

    assert found.high_scales[1] > 1.1
    assert found.high_scales[-2] < 0.6
    for was, now in zip(told, after, strict=True):
        near, far = was.eta_s < 250.0, was.eta_s > 600.0
        assert held([rows_of(was, near)]) < 0.7 < held([rows_of(now, near)]) < 0.85
        assert held([rows_of(was, far)]) > 0.95 > 0.9 > held([rows_of(now, far)]) > 0.75


def test_one_day_narrows_no_range_by_more_than_a_tenth():
    told = [fold_told(seed, spread=0.05) for seed in (1, 2)]

    of_one, _ = scales(fold_pair(), told, doubt=0.0, one_day=True)
    of_two, _ = scales(fold_pair(), told, doubt=0.0)

    assert min(of_one.low_scales + of_one.high_scales) >= 0.9
    assert max(of_two.low_scales + of_two.high_scales) < 0.5


def test_few_trips_move_the_range_a_little():
    told = [Told(*(column[:80] for column in fold_told(seed, spread=0.05))) for seed in (1, 2)]

    few, _ = scales(fold_pair(), told, doubt=0.0)
    many, _ = scales(fold_pair(), [fold_told(seed, spread=0.05) for seed in (1, 2)], doubt=0.0)

    assert all(1.0 > one > other for one, other in zip(few.high_scales, many.high_scales, strict=True))


def test_a_range_costs_least_where_its_ends_are_the_tenth_and_ninetieth_percentile():
    costs = {told_spread: outside_s(fold_told(1, told_spread=told_spread)).mean() for told_spread in (0.1, 0.2, 0.4)}

    assert min(costs, key=costs.__getitem__) == 0.2


def test_half_of_a_correction_is_its_root():
    assert Scales(1.21, (1.44,), (1.0,)).at(0.5) == Scales(pytest.approx(1.1), (pytest.approx(1.2),), (1.0,))
    assert Scales(1.21, (1.44,), (1.0,)).at(0.0) == Scales()
