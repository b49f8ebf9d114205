from __future__ import annotations

import asyncio
import contextlib

import msgspec

from slots import booking, outbox_store
from slots.booking import Scheduling
from slots.events import TravelStarted
from slots.model import Rules
from slots.notices import Notice
from tests.slots.factories import CUSTOMER, NOW_S, RULES, at, booked, slot_at

LATER_S = NOW_S + 5


async def claim(scheduling: Scheduling, *, now_s: int = LATER_S, lease_s: int = 120) -> list[str]:
    async with scheduling.database.transaction() as connection:
        rows = await outbox_store.claim_due(connection, now_s=now_s, lease_s=lease_s)
    return [row.message_key for row in rows]


async def states(scheduling: Scheduling, appointment_id: str) -> dict[str, str]:
    async with scheduling.database.read() as connection:
        rows = await outbox_store.log(connection, appointment_id=appointment_id)
    return {f"{row.kind}.{row.version}": row.state for row in rows}


async def sent(scheduling: Scheduling, key: str, *, told_s: int | None) -> None:
    async with scheduling.database.transaction() as connection:
        await outbox_store.mark_sent(
            connection, message_key=key, told_window_start_s=told_s, now_s=LATER_S, rules=Rules()
        )


async def move_to(scheduling: Scheduling, appointment_id: str, start_s: int) -> None:
    slot = await slot_at(scheduling, start_s, moving=appointment_id)
    await booking.move(scheduling, appointment_id=appointment_id, slot=slot, version=None, actor=CUSTOMER, now_s=NOW_S)


async def test_a_due_row_is_claimed_by_one_sender(either_scheduling: Scheduling) -> None:
    view = await booked(either_scheduling, at(10))

    claims = await asyncio.gather(*(claim(either_scheduling) for _ in range(5)))

    assert sorted(key for keys in claims for key in keys) == [f"{view.id}.confirmed.1"]


async def test_a_sender_that_died_loses_its_claim_and_the_key_stays_the_same(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    first = await claim(scheduling, lease_s=60)

    during = await claim(scheduling, now_s=LATER_S + 59)
    after = await claim(scheduling, now_s=LATER_S + 60)

    assert (during, after, first) == ([], first, [f"{view.id}.confirmed.1"])


async def test_a_row_is_not_claimed_before_it_is_due(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10, day=3))

    keys = await claim(scheduling)
    async with scheduling.database.read() as connection:
        due = [await outbox_store.is_due(connection, now_s=now_s) for now_s in (NOW_S - 1, NOW_S)]

    assert keys == [f"{view.id}.confirmed.1"]
    assert due == [False, True]


async def test_what_was_sent_is_never_claimed_again(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    (key,) = await claim(scheduling)

    await sent(scheduling, key, told_s=at(10))

    assert await claim(scheduling, now_s=LATER_S + 3600) == []
    assert await states(scheduling, view.id) == {"confirmed.1": "sent"}
    told = await booking.get(scheduling, appointment_id=view.id)
    assert (told.appointment.told_window_start_s, told.version) == (at(10), 1)


async def test_what_failed_is_tried_again_at_its_time(scheduling: Scheduling) -> None:
    await booked(scheduling, at(10))
    (key,) = await claim(scheduling)
    async with scheduling.database.transaction() as connection:
        await outbox_store.mark_failed(
            connection, message_key=key, error="no route to host", retry_s=LATER_S + 600, now_s=LATER_S
        )

    assert await claim(scheduling, now_s=LATER_S + 599) == []
    assert await claim(scheduling, now_s=LATER_S + 600) == [key]


async def test_an_expired_row_dies_with_its_reason(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))

    keys = await claim(scheduling, now_s=at(12))

    async with scheduling.database.read() as connection:
        (row,) = await outbox_store.log(connection, appointment_id=view.id)
    assert (keys, row.state, row.outcome) == ([], "dead", "expired")


async def test_a_dead_row_stays_in_the_log_and_is_not_sent(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    async with scheduling.database.transaction() as connection:
        await outbox_store.mark_dead(
            connection, message_key=f"{view.id}.confirmed.1", reason="no address", now_s=LATER_S
        )

    assert await claim(scheduling) == []
    assert await states(scheduling, view.id) == {"confirmed.1": "dead"}


async def test_one_key_is_queued_once(either_scheduling: Scheduling) -> None:
    invitation = Notice(key="invite.ana", kind="invitation", due_s=NOW_S, expires_s=at(10), payload={"to": "a@b"})
    for _ in range(2):
        async with either_scheduling.database.transaction() as connection:
            await outbox_store.put(connection, (invitation,), now_s=NOW_S)

    assert await claim(either_scheduling) == ["invite.ana"]


async def test_a_move_while_the_confirmation_is_on_its_way_is_told_after_it(
    either_scheduling: Scheduling,
) -> None:
    view = await booked(either_scheduling, at(10))
    (key,) = await claim(either_scheduling)
    await move_to(either_scheduling, view.id, at(14))

    await sent(either_scheduling, key, told_s=at(10))

    assert (await states(either_scheduling, view.id))["moved.2"] == "pending"


async def test_a_move_before_the_confirmation_was_sent_needs_one_message_only(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    await move_to(scheduling, view.id, at(11))
    (key,) = await claim(scheduling)

    await sent(scheduling, key, told_s=at(11))

    assert await states(scheduling, view.id) == {"confirmed.1": "sent"}


async def test_a_move_back_after_a_message_that_had_died_on_its_way_is_told(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    (confirmed,) = await claim(scheduling)
    await sent(scheduling, confirmed, told_s=at(10))
    await move_to(scheduling, view.id, at(11))
    (moved,) = await claim(scheduling)
    await move_to(scheduling, view.id, at(10))

    await sent(scheduling, moved, told_s=at(11))

    assert await states(scheduling, view.id) == {
        "confirmed.1": "sent",
        "moved.2": "sent",
        "moved.3": "pending",
    }


async def test_old_settled_rows_are_forgotten(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    await sent(scheduling, f"{view.id}.confirmed.1", told_s=at(10))
    async with scheduling.database.transaction() as connection:
        gone = await outbox_store.purge_settled(connection, before_s=LATER_S + 1)

    assert gone == 1
    assert await states(scheduling, view.id) == {}


def telling(scheduling: Scheduling) -> Scheduling:
    """The same scheduling of an operator who has another program told."""
    return Scheduling(database=scheduling.database, rules=msgspec.structs.replace(RULES, tells_events=True))


async def claim_events(scheduling: Scheduling) -> list[str]:
    async with scheduling.database.transaction() as connection:
        rows = await outbox_store.claim_due(connection, now_s=LATER_S, lane="events")
    return [row.message_key for row in rows]


async def test_of_a_visits_events_the_oldest_unsettled_one_is_claimed_by_one_sender(
    either_scheduling: Scheduling,
) -> None:
    scheduling = telling(either_scheduling)
    view = await booked(scheduling, at(10))
    await move_to(scheduling, view.id, at(14))

    first = await asyncio.gather(*(claim_events(scheduling) for _ in range(5)))
    while_it_is_under_way = await claim_events(scheduling)
    await sent(scheduling, f"{view.id}.event.booked.1", told_s=None)
    second = await claim_events(scheduling)

    assert [key for keys in first for key in keys] == [f"{view.id}.event.booked.1"]
    assert (while_it_is_under_way, second) == ([], [f"{view.id}.event.moved.2"])


async def test_a_sender_of_events_has_nothing_to_look_for_while_the_oldest_one_waits_to_be_tried_again(
    either_scheduling: Scheduling,
) -> None:
    scheduling = telling(either_scheduling)
    view = await booked(scheduling, at(10))
    await move_to(scheduling, view.id, at(14))
    await claim_events(scheduling)
    async with scheduling.database.transaction() as connection:
        await outbox_store.mark_failed(
            connection, message_key=f"{view.id}.event.booked.1", error="503", retry_s=LATER_S + 60, now_s=LATER_S
        )

    async with scheduling.database.read() as connection:
        due = [await outbox_store.is_due(connection, lane="events", now_s=LATER_S + since_s) for since_s in (59, 60)]

    assert due == [False, True]


async def test_an_event_of_a_change_that_is_rolled_back_is_never_told(either_scheduling: Scheduling) -> None:
    scheduling = telling(either_scheduling)
    view = await booked(scheduling, at(10))
    await claim_events(scheduling)
    await sent(scheduling, f"{view.id}.event.booked.1", told_s=None)
    event = TravelStarted(
        view=msgspec.structs.replace(view, appointment=msgspec.structs.replace(view.appointment, version=2)),
        actor=CUSTOMER,
        device_s=NOW_S,
        server_s=NOW_S,
    )

    with contextlib.suppress(ZeroDivisionError):
        async with scheduling.database.transaction() as connection:
            await outbox_store.write_event(connection, event, rules=scheduling.rules)
            raise ZeroDivisionError

    assert await claim_events(scheduling) == []
