"""A week in which traffic is slower than the map believes: the ledger fills, and the error falls."""

import pytest
from click.testing import CliRunner

from simulations.demo_day import demo_city
from tests.simulations.cities import small_city
from tracker.accuracy import Measured
from web.commands.eta import eta_group
from web.simulated_week import simulate_week


def off_s(measured: Measured, minutes: int = 5) -> float:
    return measured.at(minutes).mean_error_s


def test_after_a_night_the_ledger_tells_less_error_than_a_cold_start(tmp_path):
    monday, tuesday = simulate_week(tmp_path, small_city(), days=2, technicians=2, seed="1", slower=3.0)

    assert [str(day.date) for day in (monday, tuesday)] == ["2026-11-02", "2026-11-03"]
    assert monday.told.visits > 15
    assert monday.told == monday.cold
    assert off_s(tuesday.told) < 0.85 * off_s(tuesday.cold)
    assert off_s(tuesday.told) < 0.85 * off_s(monday.told)
    assert "Learned from " in monday.night


@pytest.mark.full
def test_the_same_seed_tells_the_same_day(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (
        next(simulate_week(tmp_path / name, small_city(), days=1, technicians=1, seed="7", slower=2.0))
        for name in ("one", "two")
    )

    assert one == two


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", ["1", "2"])
def test_over_a_week_in_the_demo_city_the_error_falls_by_a_third_and_stays_there(tmp_path, seed):
    first, *later = simulate_week(tmp_path, demo_city(1), days=7, technicians=4, seed=seed, slower=2.0)

    assert all(off_s(day.told) < 0.8 * off_s(day.cold) for day in later)
    assert all(off_s(day.told) < 0.75 * off_s(first.told) for day in later[-3:])
    assert all(off_s(day.told, 15) < 0.67 * off_s(first.told, 15) for day in later[-3:])
    # After some two hundred trips a range that says 80 % holds about that, at either horizon.
    for minutes in (15, 5):
        told = [day.told.at(minutes) for day in later[-3:]]
        arrivals = sum(each.arrivals for each in told)
        assert 0.70 < sum(each.held_share * each.arrivals for each in told) / arrivals < 0.90


def test_the_command_prints_a_line_a_day_and_leaves_a_database_to_report_from(tmp_path):
    folder = tmp_path / "week"

    result = CliRunner().invoke(eta_group, ["week", "--days", "1", "--technicians", "1", "--folder", str(folder)])

    assert result.exit_code == 0
    head, line = result.stdout.splitlines()
    assert (head.split()[0], line.split()[0]) == ("visits", "2026-11-02")
    assert (folder / "enroute-tracks.db").exists()
    again = CliRunner().invoke(eta_group, ["week", "--days", "1", "--folder", str(folder)])
    assert (again.exit_code, "is not empty" in again.output) == (2, True)
