from web.pollers import LOGGED_EVERY_MS, STILL_THERE_MS, Pollers
from web.principals import Principal

NOW_MS = 1_764_000_000_000


def somebody(session_id: str) -> Principal:
    return Principal(role="customer", person_id="rui", session_id=session_id, expires_at_ms=2**60)


def ask(pollers: Pollers, *, at_ms: int, session_id: str = "s", trip_id: str = "visit", technician_id: str = "ana"):
    return pollers.asked(
        trip_id=trip_id, technician_id=technician_id, principal=somebody(session_id), now_ms=NOW_MS + at_ms
    )


def test_the_first_question_of_an_hour_is_to_be_logged():
    pollers = Pollers()

    due = [ask(pollers, at_ms=at_ms) for at_ms in (0, 5000, LOGGED_EVERY_MS - 1, LOGGED_EVERY_MS)]

    assert due == [True, False, False, True]


def test_another_visit_technician_or_session_is_another_sight():
    pollers = Pollers()
    ask(pollers, at_ms=0)

    others = [
        ask(pollers, at_ms=1, **other) for other in ({"trip_id": "x"}, {"technician_id": "bo"}, {"session_id": "t"})
    ]

    assert others == [True, True, True]


def test_who_asked_a_moment_ago_is_still_there():
    pollers = Pollers()
    ask(pollers, at_ms=0, session_id="gone")
    ask(pollers, at_ms=1, session_id="there")
    ask(pollers, at_ms=1, session_id="elsewhere", trip_id="other")

    there = pollers.still_there("visit", now_ms=NOW_MS + STILL_THERE_MS)

    assert [principal.session_id for principal in there] == ["there"]


def test_who_stopped_asking_is_forgotten_after_an_hour():
    pollers = Pollers()
    for number in range(100):
        ask(pollers, at_ms=0, session_id=f"s{number}")

    ask(pollers, at_ms=LOGGED_EVERY_MS)

    assert len(pollers._polls) == 1
