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
    return "error" not in answer and 0 <= answer["low_s"] <= answer["eta_s"] <= answer["high_s"] < 1e9


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

    answers = [
        ask(talk, one) for one in (ping(10), ping(20, lat=91), ping(30), ping(30), ping(15), ping(40, lat=0, lon=0))
    ]

    assert all(is_answer(answer) for answer in answers)


def test_lines_that_are_no_message_get_an_error_and_the_talk_goes_on(own_graph):
    talk = talk_of(own_graph)

    for line in (b"zzz", b"{}", b'{"op":"fly"}', b"\xff", b"[]", b'{"op":"ping","t":1,"lat":1,"lon":2}'):
        assert "error" in json.loads(talk.answer(line))
    assert "error" in ask(talk, {**START, "dest": [100, 0]})
    assert ask(talk, START) == {"ok": True}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"op":"ping","x":' + b"[" * 100_000, "nested too deeply"),
        (b'{"op":"start","dest":[41,-8],"t":1}', "`trip`"),
        (b'{"op":"start","trip":1,"dest":[41],"t":1}', "$.dest"),
        (b'{"op":"fly"}', "'fly'"),
        (b'{"op":"ping","lat":41,"lon":-8}', "`t`"),
        (b'{"op":"ping","t":"now","lat":41,"lon":-8}', "$.t"),
        (b'{"op":"ping","t":1e300,"lat":41,"lon":-8}', "seconds since 1970"),
        (b'{"op":"ping","t":1e400,"lat":41,"lon":-8}', "out of range"),
        (b'{"op":"ping","t":1,"lat":41,', "truncated"),
        (b'{"op":"ping","t":1,"lat":1e308,"lon":-8}', "no position to believe yet"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(own_graph, line, said):
    talk = talk_of(own_graph)
    ask(talk, START)

    assert said in json.loads(talk.answer(line))["error"]
    assert is_answer(ask(talk, ping(0)))


@pytest.mark.parametrize("dest", [[90, 0], [-90, 180], [0, -180], [41.005, 180]])
def test_a_destination_anywhere_on_earth_is_answered(own_graph, dest):
    talk = talk_of(own_graph)

    assert ask(talk, {**START, "dest": dest}) == {"ok": True}
    assert is_answer(ask(talk, ping(0)))
    assert is_answer(ask(talk, ping(15, lat=41.002)))


def test_a_feed_of_one_fix_a_minute_is_told_from_the_first_fix_on(own_graph):
    talk = talk_of(own_graph)
    ask(talk, START)

    answers = [ask(talk, ping(60 * minute, lat=41.001 + 0.001 * minute, lon=-7.999)) for minute in range(3)]

    assert all(is_answer(answer) for answer in answers)
    assert answers[0]["eta_s"] > 0
    assert answers[0]["low_s"] < answers[0]["eta_s"] < answers[0]["high_s"]


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

    known = False
    for s, lat, lon in pings:
        answer = ask(talk, ping(s, lat, lon))
        # Once a position was believed nothing is left unanswered.
        assert is_answer(answer) if known else is_answer(answer) or "no position" in answer["error"]
        known = known or "eta_s" in answer
