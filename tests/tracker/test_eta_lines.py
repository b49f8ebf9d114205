import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS
from tests.tracker.roads.random_town import RandomTown
from tracker.eta_lines import LineTalk
from tracker.filters import TrackFilter
from tracker.rehearsal import Rehearsal
from tracker.roads.graph import RoadGraph
from tracker.trip import Trip


@pytest.fixture
def own_graph(tmp_path) -> RoadGraph:
    return RandomTown(seed=4).graph(tmp_path)


START = {"op": "start", "trip": "a", "dest": [41.005, -7.995], "t": NOW_MS / 1000}


def ask(talk: LineTalk, message: object) -> dict:
    return json.loads(talk.answer(json.dumps(message).encode()))


def ping(s: float, lat: float = 41.001, lon: float = -7.999) -> dict:
    return {"op": "ping", "t": NOW_MS / 1000 + s, "lat": lat, "lon": lon}


def talk_of(graph: RoadGraph) -> LineTalk:
    return LineTalk(Rehearsal(graph))


def is_answer(answer: dict) -> bool:
    return 0 <= answer["low_s"] <= answer["eta_s"] <= answer["high_s"] < 1e9


def test_each_ping_gets_seconds_from_its_own_time(own_graph):
    talk = talk_of(own_graph)
    assert ask(talk, START) == {"ok": True}

    first, later = ask(talk, ping(0)), ask(talk, ping(2, lat=41.0012))

    assert is_answer(first)
    assert is_answer(later)
    assert first["eta_s"] > 10


def test_duplicates_late_fixes_and_nonsense_are_answered_too(own_graph):
    talk = talk_of(own_graph)
    ask(talk, START)

    answers = [ask(talk, one) for one in (ping(10, lat=91), ping(30), ping(30), ping(15), ping(40, lat=0, lon=0))]

    assert all(is_answer(answer) for answer in answers)


def test_lines_that_are_no_message_get_an_error_and_the_talk_goes_on(own_graph):
    talk = talk_of(own_graph)

    for line in (b"zzz", b"{}", b'{"op":"fly"}', b"\xff", b"[]", b'{"op":"ping","t":1,"lat":1,"lon":2}'):
        assert "error" in json.loads(talk.answer(line))
    assert "error" in ask(talk, {**START, "dest": [100, 0]})
    assert ask(talk, START) == {"ok": True}


def test_a_place_without_roads_is_answered_by_the_straight_line(own_graph):
    talk = talk_of(own_graph)
    ask(talk, {**START, "dest": [10.0, 10.0]})

    assert is_answer(ask(talk, ping(0, lat=10.01, lon=10.0)))


@given(
    pings=st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-100, 100), st.floats(-200, 200)), max_size=20),
)
def test_whatever_is_sent_the_answer_is_a_range_of_numbers(pings):
    class StraightOnly:
        def start(self, *, lat, lon):
            self.trip = Trip(track=TrackFilter(), lat=lat, lon=lon, arrival_radius_m=75)

        receive = Rehearsal.receive
        line_up = Rehearsal.line_up
        told = Rehearsal.told
        _radius_m = 75.0

    talk = LineTalk(StraightOnly())
    ask(talk, START)

    for s, lat, lon in pings:
        assert is_answer(ask(talk, ping(s, lat, lon)))
