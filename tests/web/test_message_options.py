"""What the operator says of messages, from the option to the outbox."""

from __future__ import annotations

import datetime

import pytest

from slots import outbox_store
from tests.servers import smtp_server
from tests.web.api.house import House, open_house
from web.config import SettingsError, load_settings

THURSDAY = "2026-11-26"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "house"


async def due_times(house: House) -> dict[str, str]:
    """When each message is due, by its kind: day and clock of Lisbon, where it is UTC in winter."""
    async with house.state.database.read() as conn:
        rows = await outbox_store.log(conn)
    return {row.kind: f"{datetime.datetime.fromtimestamp(row.due_s, datetime.UTC):%d %H:%M}" for row in rows}


async def book_for_thursday(house: House, clock: str = "10:00") -> None:
    await house.book(clock=clock, **{"from": THURSDAY, "to": THURSDAY})


async def test_without_options_a_booking_is_confirmed_at_once_and_reminded_of_a_day_before(template, folder):
    async with open_house(template, folder) as house:
        await book_for_thursday(house)

        assert await due_times(house) == {"confirmed": "23 07:00", "reminder": "25 10:00"}


async def test_a_muted_kind_is_not_written_and_the_others_are(template, folder):
    async with open_house(template, folder, muted_messages="confirmed, completed") as house:
        await book_for_thursday(house)

        assert await due_times(house) == {"reminder": "25 10:00"}


async def test_a_kind_that_is_muted_after_it_was_written_is_not_sent(template, folder):
    async with open_house(template, folder) as house:
        await house.state.outbox.close()
        invited = await house.dora.post("/api/invitations", json={"email": "eva@acme.example"})
        await book_for_thursday(house)
    assert invited.status_code == 201, invited.text

    async with (
        smtp_server() as smtp,
        open_house(
            None, folder, muted_messages="invitation,confirmed", smtp_url=smtp.url, mail_from="visits@acme.example"
        ) as house,
    ):
        await house.state.outbox.send_due()

        async with house.state.database.read() as conn:
            settled = {(row.kind, row.state, row.outcome) for row in await outbox_store.log(conn)}
        assert smtp.mails.empty()
    assert settled == {("invitation", "dead", "muted"), ("confirmed", "dead", "muted"), ("reminder", "pending", None)}


@pytest.mark.parametrize(
    ("options", "due"),
    [
        ({"reminder_h": 26}, "25 08:00"),
        ({"reminder_h": 28}, "25 08:00"),
        ({"reminder_h": 28, "quiet_hours": "off"}, "25 06:00"),
        ({"reminder_h": 28, "quiet_hours": "22:15-6:30"}, "25 06:30"),
        ({"reminder_h": 2, "quiet_hours": "20-11"}, "25 20:00"),
    ],
)
async def test_a_reminder_comes_when_the_operator_says_and_not_in_quiet_hours(template, folder, options, due):
    async with open_house(template, folder, **options) as house:
        await book_for_thursday(house)

        assert (await due_times(house))["reminder"] == due


async def test_nobody_is_reminded_where_reminders_are_off(template, folder):
    async with open_house(template, folder, reminder_h=0) as house:
        await book_for_thursday(house)

        assert list(await due_times(house)) == ["confirmed"]


def test_what_is_no_kind_of_message_is_refused_with_the_kinds_there_are():
    with pytest.raises(SettingsError) as refusal:
        load_settings({"ENROUTE_MUTED_MESSAGES": "reminder,remind_me"})

    assert str(refusal.value) == (
        "ENROUTE_MUTED_MESSAGES: 'remind_me' cannot be switched off. The kinds are invitation, confirmed, reminder,"
        " moved, canceled, on_the_way, running_late, arriving, completed."
    )


def test_the_way_back_of_who_forgot_their_password_cannot_be_muted():
    with pytest.raises(SettingsError, match="'password_reset' cannot be switched off"):
        load_settings({"ENROUTE_MUTED_MESSAGES": "password_reset"})


@pytest.mark.parametrize("text", ["21", "21-24", "8-8", "21:60-8", "nine to five", "-", "21-8-9"])
def test_quiet_hours_that_nobody_can_read_are_refused(text):
    with pytest.raises(SettingsError, match=r"ENROUTE_QUIET_HOURS: it must look like 21-8 or 21:30-7:15, or be 'off'"):
        load_settings({"ENROUTE_QUIET_HOURS": text})


@pytest.mark.parametrize("text", ["-1", "721", "a day"])
def test_a_reminder_at_no_possible_hour_is_refused(text):
    with pytest.raises(SettingsError, match="ENROUTE_REMINDER_H: "):
        load_settings({"ENROUTE_REMINDER_H": text})
