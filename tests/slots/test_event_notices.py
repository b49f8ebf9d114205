from __future__ import annotations

from slots.event_notices import KIND_OF, event_notice
from slots.events import AppointmentRated, Event, TravelStarted
from tests.slots.factories import CUSTOMER, NOW_S, a_view


def every_kind_of_event() -> set[type[Event]]:
    return set(Event.__subclasses__())


def test_every_event_there_is_has_its_kind() -> None:
    assert set(KIND_OF) == every_kind_of_event()
    assert len(set(KIND_OF.values())) == len(KIND_OF)


def test_an_event_names_the_visit_its_version_and_when_it_happened_by_the_doers_device() -> None:
    event = TravelStarted(view=a_view(version=4), actor=CUSTOMER, device_s=NOW_S - 90, server_s=NOW_S)

    notice = event_notice(event)

    assert (notice.key, notice.kind, notice.version) == ("visit.event.traveling.4", "event.traveling", 4)
    assert (notice.due_s, notice.contact_id) == (NOW_S, None)
    assert notice.payload == {"at_s": NOW_S - 90, "status": "scheduled"}


def test_of_a_rating_the_score_is_told_and_not_the_comment() -> None:
    event = AppointmentRated(
        view=a_view(version=6),
        actor=CUSTOMER,
        device_s=NOW_S,
        server_s=NOW_S,
        rating=2,
        comment="Rui Costa, Rua das Flores 1",
        low=True,
        first=True,
    )

    assert event_notice(event).payload == {"at_s": NOW_S, "status": "scheduled", "rating": 2, "low": True}
