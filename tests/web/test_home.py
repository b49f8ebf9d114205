"""Which of several Traveling visits is the Active one, as remembered between two looks."""

import datetime

import pytest

from slots.model import Status
from tests.slots.factories import an_appointment
from tracker.live import EtaView
from web.home import Home

NOON_S = int(datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC).timestamp())


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
