"""A benchmark that measures while something is broken is worse than none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from benchmarks.loading import Workload
from benchmarks.peer_plans import relay_plan
from benchmarks.peer_rounds import Contestant, DoesNotDeliver, check, measure, process_tree, troubles_of
from benchmarks.peer_rows import measured_row
from benchmarks.serving import Server, serve_limit
from tests.benchmarks.test_ping_to_watcher import a_result

CLOSED = Workload(name="1:3", trips=10, watchers=3)
OPEN = Workload(name="100 fixes/s", trips=10, watchers=3, rate_per_s=100.0)


@pytest.fixture(scope="module")
def relay() -> Iterator[Server]:
    with serve_limit(cpu=None) as server:
        yield server


def contestant(server: Server, *, deaf: bool = False) -> Contestant:
    """One whose watchers, when it is deaf, wait for a topic that nobody publishes to."""

    def plan(workload: Workload, update_bytes: int) -> Iterator[str]:
        for line in relay_plan(workload, dialect="plain", update_bytes=update_bytes):
            yield line.replace("/ws/appointments/", "/ws/appointments/other-") if deaf else line

    return Contestant(server, "1", plan)


def test_what_is_under_way_when_the_counting_ends_is_no_loss() -> None:
    assert troubles_of(CLOSED, a_result(fixes=100, positions=300 - 30)) == []
    assert troubles_of(CLOSED, a_result(fixes=100, positions=300 + 30)) == []
    assert troubles_of(OPEN, a_result(fixes=100, positions=300 - 3 * 64)) == []


@pytest.mark.parametrize(
    ("fields", "trouble"),
    [
        ({"fixes": 100, "positions": 269}, "31 of 300 updates missing"),
        ({"fixes": 100, "positions": 331}, "31 updates too many"),
        ({"fixes": 100, "positions": 300, "unanswered": 2}, "2 fixes did not reach all their watchers"),
        ({"fixes": 100, "positions": 300, "closings": {"1006": 4}}, "sockets closed: 4 with 1006"),
        ({"fixes": 100, "positions": 300, "errors": 1}, "1 errors or updates of another trip"),
    ],
)
def test_what_makes_figures_doubtful_is_named(fields: dict[str, object], trouble: str) -> None:
    assert troubles_of(CLOSED, a_result(**fields)) == [trouble]


def test_what_was_just_due_when_a_short_run_ended_is_no_load_that_fell_behind() -> None:
    slow = msgspec.structs.replace(OPEN, rate_per_s=10.0)

    assert troubles_of(slow, a_result(seconds=1.2, fixes=10, positions=30, fixes_per_s=8.3)) == []
    assert troubles_of(slow, a_result(seconds=1.2, fixes=9, positions=27, fixes_per_s=7.5)) != []


def test_a_load_that_fell_behind_its_clock_is_named() -> None:
    assert troubles_of(OPEN, a_result(fixes=90, positions=270, fixes_per_s=90.0)) == ["only 90 of 100 fixes/s left"]


def test_a_server_that_delivers_passes_the_check(relay: Server) -> None:
    result = check(contestant(relay), Workload(name="1:2", trips=2, watchers=2), update_bytes=270, load_cpu=None)

    assert result.bytes_per_position == 270


def test_a_server_that_delivers_nothing_is_not_measured(relay: Server) -> None:
    with pytest.raises(DoesNotDeliver, match="no position came back"):
        check(contestant(relay, deaf=True), Workload(name="1:2", trips=1, watchers=2), update_bytes=270, load_cpu=None)


def test_a_server_that_ends_leaves_a_row_that_says_so(relay: Server) -> None:
    gone = Contestant(Server("gone", 1, ()), "1", contestant(relay).plan)
    workload = Workload(name="1:1", trips=1, watchers=1)

    measured = measure(
        [workload],
        [gone],
        update_bytes={"trip": 270},
        rounds=2,
        seconds=0.1,
        warmup_s=0.0,
        server_cpu=None,
        load_cpu=None,
    )

    row = measured_row(workload, "gone", "1", measured["1:1", "gone"])
    assert (row.state, row.rounds, row.cpu_us_per_update) == ("failed", 0, None)
    assert row.troubles[0].startswith("2 rounds failed: 1:1: load: cannot connect to 127.0.0.1:1")


def test_every_server_gets_every_workload_in_every_round(relay: Server) -> None:
    workloads = [Workload(name="1:1", trips=2, watchers=1), Workload(name="1:3", trips=1, watchers=3)]
    both = [contestant(relay), msgspec.structs.replace(contestant(relay), server=Server("again", relay.port, ()))]

    measured = measure(
        workloads,
        both,
        update_bytes={"trip": 270},
        rounds=2,
        seconds=0.1,
        warmup_s=0.05,
        server_cpu=None,
        load_cpu=None,
    )

    assert {key: len(outcome.results) for key, outcome in measured.items()} == {
        (workload, server): 2 for workload in ("1:1", "1:3") for server in ("C limit", "again")
    }


def test_the_children_of_a_server_belong_to_it() -> None:
    script = (
        "import subprocess,sys; child=subprocess.Popen(['cat'], stdin=0); print(child.pid, flush=True); child.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None
    assert parent.stdout is not None

    with parent:
        child = int(parent.stdout.readline())
        tree = process_tree(parent.pid)
        parent.stdin.close()

    assert tree == [parent.pid, child]
    assert os.getpid() not in tree
