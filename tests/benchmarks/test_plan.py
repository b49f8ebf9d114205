"""The plan on paper: what is reckoned adds up."""

from benchmarks.plan import Costs, Installation, simulate
from benchmarks.several import capacity


def town(**changed) -> Installation:
    return Installation(**({"technicians": 400, "watchers": 1200, "processes": 4} | changed))


def test_one_process_says_nothing_to_anybody():
    plan = simulate(town(processes=1), Costs(), seed=1)

    assert (plan.messages_per_s, plan.blobs_per_s, plan.redis) == (0, 0, 0)


def test_each_fix_goes_to_no_more_processes_than_watch_it():
    plan = simulate(town(), Costs(), seed=1)

    assert plan.fixes_per_s == 80
    # Three watchers at random over four processes: on average 3 * (1 - (3/4)**3) other processes have one.
    expected = plan.fixes_per_s * 3 * (1 - (3 / 4) ** 3)
    assert 0.85 * expected < plan.messages_per_s < 1.15 * expected


def test_what_goes_the_same_way_in_a_tick_goes_together():
    slow = simulate(town(), Costs(), seed=1)
    fast = simulate(town(fix_every_s=0.05), Costs(), seed=1)

    assert 1.0 <= slow.messages_per_blob < fast.messages_per_blob


def test_more_workers_carry_more_though_each_update_costs_more():
    one, two, eight = (capacity(one_us=10.0, two_us=12.0, workers=count) for count in (1, 2, 8))

    assert (one.cpu_us_per_update, two.cpu_us_per_update) == (10.0, 12.0)
    assert two.updates_per_s < eight.updates_per_s < 4 * two.updates_per_s
