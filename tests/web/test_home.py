"""Which of several Traveling visits is the Active one, as remembered between two looks."""

import asyncio
import datetime
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from slots.model import Status
from slots.store import open_database
from tests.slots.databases import create_database, postgresql_server
from tests.slots.factories import an_appointment
from tracker.live import EtaView
from web.home import Home
from web.migrations import runner

NOON_S = int(datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC).timestamp())
numbers = itertools.count()


class Arrivals:
    """What `Home` asks of a node: the told arrival of a visit."""

    def __init__(self) -> None:
        self.minutes: dict[str, float] = {}

    def eta(self, trip_id: str) -> EtaView | None:
        if trip_id not in self.minutes:
            return None
        at_ms = round((NOON_S + 60 * self.minutes[trip_id]) * 1000)
        return EtaView(at_ms, at_ms, at_ms)


@pytest.fixture
def arrivals() -> Arrivals:
    return Arrivals()


@pytest.fixture
def home(arrivals: Arrivals) -> Home:
    found = Home(arrivals)
    for name in ("a", "b"):
        found.note(an_appointment(id=name, status=Status.TRAVELING, account_id="acme"))
    return found


@pytest.fixture(scope="module")
def server_url(programs: Path) -> Iterator[str]:
    with postgresql_server(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(tmp_path: Path, request: pytest.FixtureRequest):
    url = f"sqlite:///{tmp_path / 'enroute.db'}"
    if request.param == "postgresql":
        url = create_database(request.getfixturevalue("server_url"), f"home_{next(numbers)}")
    await asyncio.to_thread(runner.upgrade, url)
    opened = open_database(url)
    yield opened
    await opened.close()


def home_of(arrivals: Arrivals, **set_off_min: int) -> Home:
    """A process that has just read what is Traveling; `a=5`: its technician set off five minutes after noon."""
    home = Home(arrivals)
    for name, minutes in set_off_min.items():
        set_off_s = NOON_S + 60 * minutes
        home.note(an_appointment(id=name, status=Status.TRAVELING, account_id="acme", traveling_s=set_off_s))
    return home


def test_two_close_arrivals_do_not_take_turns(home: Home, arrivals: Arrivals):
    arrivals.minutes = {"a": 10, "b": 12}
    chosen = [home.choose("acme")]

    for minutes in (8, 12, 5, 14, 5.1):
        arrivals.minutes["b"] = minutes
        chosen.append(home.choose("acme"))

    assert chosen == ["a"] * 6
    assert home.active("acme") == "a"


def test_one_that_is_sooner_by_more_than_five_minutes_takes_over_and_then_stays(home: Home, arrivals: Arrivals):
    arrivals.minutes = {"a": 10, "b": 4}
    home.choose("acme")
    arrivals.minutes["a"] = 3

    assert home.choose("acme") == "b"
    assert home.section(home.traveling("acme")[0]) == "upcoming"


def test_when_the_active_one_ends_the_other_is_promoted_however_late(home: Home, arrivals: Arrivals):
    arrivals.minutes = {"a": 10, "b": 90}
    home.choose("acme")

    home.note(an_appointment(id="a", status=Status.IN_PROGRESS, account_id="acme", version=2))

    assert home.choose("acme") == "b"


async def test_a_restarted_process_goes_on_with_the_one_that_was_active(arrivals: Arrivals, database):
    arrivals.minutes = {"a": 20, "b": 14}
    before = home_of(arrivals, a=0, b=1)
    await before.choose_again(database, now_s=NOON_S + 300)
    arrivals.minutes["a"] = 12

    after = home_of(arrivals, a=0, b=1)
    await after.choose_again(database, now_s=NOON_S + 600)

    assert (before.active("acme"), after.active("acme")) == ("b", "b")


async def test_where_nobody_changed_it_the_first_to_set_off_is_active_after_a_restart(arrivals: Arrivals, database):
    arrivals.minutes = {"a": 16, "b": 12}
    home = home_of(arrivals, a=0, b=1)

    await home.choose_again(database, now_s=NOON_S + 300)

    assert home.active("acme") == "a"


async def test_processes_that_look_at_different_moments_agree(arrivals: Arrivals, database):
    one, other = home_of(arrivals, a=0, b=1), home_of(arrivals, a=0, b=1)
    arrivals.minutes = {"a": 10, "b": 4.9}
    await one.choose_again(database, now_s=NOON_S + 300)
    arrivals.minutes["b"] = 5.1

    await other.choose_again(database, now_s=NOON_S + 310)
    await one.choose_again(database, now_s=NOON_S + 315)

    assert (one.active("acme"), other.active("acme")) == ("b", "b")


async def test_of_two_processes_that_choose_at_once_the_first_holds(arrivals: Arrivals, database):
    arrivals.minutes = {"a": 20, "b": 9, "c": 9}
    one = home_of(arrivals, a=0, b=1, c=2)
    other_arrivals = Arrivals()
    other_arrivals.minutes = {"a": 20, "b": 9, "c": 8}
    other = home_of(other_arrivals, a=0, b=1, c=2)

    await asyncio.gather(
        one.choose_again(database, now_s=NOON_S + 300), other.choose_again(database, now_s=NOON_S + 300)
    )

    assert one.active("acme") == other.active("acme") != "a"


async def test_a_visit_that_was_active_on_an_earlier_way_is_not_remembered_for_it(arrivals: Arrivals, database):
    arrivals.minutes = {"a": 20, "b": 9}
    await home_of(arrivals, a=0, b=1).choose_again(database, now_s=NOON_S + 300)
    arrivals.minutes = {"a": 20, "b": 17}

    again = home_of(arrivals, a=0, b=30)
    await again.choose_again(database, now_s=NOON_S + 1860)

    assert again.active("acme") == "a"
