import pytest
from msgspec import structs

from tests.web.api.house import House
from tests.web.test_bridge import report
from web.live_notices import ARRIVING_WITHIN_S, LATE_BY_S, news_of

NOON = 43_200


@pytest.mark.parametrize(
    ("arrival_s", "news"),
    [
        (NOON - 1800, ()),
        (NOON + LATE_BY_S, ()),
        (NOON + LATE_BY_S + 1, ("running_late",)),
    ],
)
def test_a_delay_is_told_when_it_is_clear(arrival_s: int, news: tuple[str, ...]):
    assert news_of(arrival_s=arrival_s, window_end_s=NOON, now_s=NOON - 7200) == news


@pytest.mark.parametrize("now_s", [NOON - 60, NOON + 3600])
def test_somebody_near_is_announced_even_after_the_window(now_s: int):
    news = news_of(arrival_s=now_s + ARRIVING_WITHIN_S, window_end_s=NOON, now_s=now_s)

    assert news == ("arriving",)


async def test_arriving_is_told_once_for_a_visit(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    report(house, visit["technician"]["id"], lat=41.153)

    for _ in range(3):
        await house.state.bridge.live_notices.look()
    await house.state.outbox.send_due()

    told = [message.kind for message in house.state.outbox.unsent]
    assert told.count("arriving") == 1
    assert "running_late" not in told


async def test_while_there_is_no_news_the_database_is_not_asked(house: House, monkeypatch):
    visit = await house.bring_to(await house.book(), "traveling")
    report(house, visit["technician"]["id"], lat=41.3)
    assert house.state.node.eta(visit["id"]) is not None
    monkeypatch.setattr(house.state.database, "read", None)

    await house.state.bridge.live_notices.look()

    assert "arriving" not in [message.kind for message in house.state.outbox.unsent]


async def test_nothing_is_told_of_a_visit_that_was_changed_and_not_heard_of_yet(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    report(house, visit["technician"]["id"], lat=41.153)
    live = house.state.node.known_trip(visit["id"])
    assert live is not None
    facts, live.facts = live.facts, structs.replace(live.facts, version=live.facts.version - 1)
    await house.state.bridge.live_notices.look()
    await house.state.outbox.send_due()
    assert "arriving" not in [message.kind for message in house.state.outbox.unsent]

    live.facts = facts
    await house.state.bridge.live_notices.look()
    await house.state.outbox.send_due()

    assert "arriving" in [message.kind for message in house.state.outbox.unsent]


async def test_nothing_is_told_while_tracking_is_off(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    report(house, visit["technician"]["id"], lat=41.153)
    await house.switch(technician_tracking=False)

    await house.state.bridge.live_notices.look()
    await house.state.outbox.send_due()

    assert "arriving" not in [message.kind for message in house.state.outbox.unsent]
