import numpy as np
import pytest

from tracker.judging import Fold, Told
from tracker.scaling import Scales, outside_s, scales

TRIPS = 100
"""Of each fold, with eight rows each."""


def fold_told(seed: int, *, slower: float = 1.0, spread: float = 0.2, told_spread: float = 0.2) -> Told:
    """Log-normal ends of trips; the range that was told holds 80 % where both spreads are alike."""
    rng = np.random.default_rng(seed)
    eta_s = rng.uniform(100.0, 1000.0, 8 * TRIPS)
    left_s = eta_s * slower * np.exp(rng.normal(0.0, spread, len(eta_s)))
    half = 1.2816 * told_spread
    return Told(np.repeat(np.arange(TRIPS), 8), left_s, eta_s, eta_s * np.exp(-half), eta_s * np.exp(half))


def fold_pair() -> list[Fold]:
    first, second = list(range(TRIPS)), list(range(TRIPS, 2 * TRIPS))
    return [Fold(first, second), Fold(second, first)]


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

    assert found.low_scale > 1.1
    assert found.high_scale > 1.1
    assert held(told) < 0.6 < held(after)


def test_a_range_that_is_right_stays():
    found, _ = scales(fold_pair(), [fold_told(seed) for seed in (1, 2)], doubt=0.0)

    assert found == Scales(1.0, pytest.approx(1.0, abs=0.1), pytest.approx(1.0, abs=0.1))


def test_a_range_costs_least_where_its_ends_are_the_tenth_and_ninetieth_percentile():
    costs = {told_spread: outside_s(fold_told(1, told_spread=told_spread)).mean() for told_spread in (0.1, 0.2, 0.4)}

    assert min(costs, key=costs.__getitem__) == 0.2


def test_half_of_a_correction_is_its_root():
    assert Scales(1.21, 1.44, 1.0).at(0.5) == Scales(*(pytest.approx(each) for each in (1.1, 1.2, 1.0)))
    assert Scales(1.21, 1.44, 1.0).at(0.0) == Scales()
