"""The outbox at the moment of sending: product.md §10."""

import datetime

import msgspec
import pytest
from icalendar import Calendar

from slots import outbox_store
from slots.notices import Notice
from tests.servers import smtp_server, webhook_receiver
from tests.web.api.house import House, open_house

INVISIBLE = str.maketrans("", "", "\u2068\u2069\u200f")


def plain_text(mail) -> str:
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def calendar_of(mail) -> tuple[str, Calendar]:
    """The method of the content type, and what stands in the part beside the text."""
    part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    return part.get_param("method"), Calendar.from_ical(part.get_content())


async def states(house: House) -> list[tuple[str, str, str | None]]:
    async with house.state.database.read() as conn:
        return sorted(
            (row.kind, row.state, row.outcome) for row in await outbox_store.log(conn) if row.due_s <= house.now_s
        )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "house"


async def test_a_booking_is_confirmed_by_mail_with_its_window(template, folder):
    async with (
        smtp_server() as smtp,
        open_house(template, folder, smtp_url=smtp.url, mail_from="visits@acme.example") as house,
    ):
        visit = await house.book()
        await house.state.outbox.send_due()

        mail = smtp.mails.get_nowait()
        settled = await states(house)
    assert mail["To"] == "rui@acme.example"
    assert "Tuesday, 24 November 2026, 10:00 to 12:00 (Europe/Lisbon)" in plain_text(mail)
    assert f"http://visits.example/appointments/{visit['id']}" in plain_text(mail)
    assert ("confirmed", "sent", None) in settled


async def test_the_mails_of_a_visit_add_it_to_the_calendar_move_it_and_strike_it_out(template, folder):
    async with (
        smtp_server() as smtp,
        open_house(template, folder, smtp_url=smtp.url, mail_from="Acme <visits@acme.example>") as house,
    ):
        visit = await house.book()
        await house.state.outbox.send_due()
        slot = await house.slot_at(house.rui, "14:00", moving=visit["id"])
        moved = await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})
        assert moved.status_code == 200, moved.text
        await house.state.outbox.send_due()
        await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "away"})
        await house.state.outbox.send_due()

        told = [calendar_of(smtp.mails.get_nowait()) for _ in range(smtp.mails.qsize())]
        fetched = await house.rui.get(f"/api/appointments/{visit['id']}/calendar.ics")
    methods, events = [method for method, _ in told], [calendar.events[0] for _, calendar in told]
    assert methods == [calendar["METHOD"] for _, calendar in told] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [event["STATUS"] for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    hours = [event["DTSTART"].dt.astimezone(datetime.UTC).hour for event in events]
    assert hours == [10, 14, 14]
    assert len({event["UID"] for event in [*events, Calendar.from_ical(fetched.content).events[0]]}) == 1
    assert events[0]["SEQUENCE"] < events[1]["SEQUENCE"] < events[2]["SEQUENCE"]
    assert {event["ORGANIZER"] for event in events} == {"mailto:visits@acme.example"}
    assert {event["ATTENDEE"] for event in events} == {"mailto:rui@acme.example"}


async def test_news_that_change_no_time_bring_no_calendar_entry(template, folder):
    async with (
        smtp_server() as smtp,
        open_house(template, folder, smtp_url=smtp.url, mail_from="visits@acme.example") as house,
    ):
        visit = await house.book()
        await house.state.outbox.send_due()
        smtp.mails.get_nowait()
        await house.bring_to(visit, "traveling")
        await house.state.outbox.send_due()

        mail = smtp.mails.get_nowait()
    assert mail["Subject"].endswith("is on the way")
    assert mail.get_content_type() == "text/plain"


async def subjects_after_a_booking(house: House, *, locale: str | None, accepted: str | None) -> list[str]:
    """What Rui is told of a visit after signing in with this browser and choosing this language."""
    headers = {"Accept-Language": accepted} if accepted else {}
    changed = await house.rui.put("/api/profile", json={"name": "Rui", "locale": locale}, headers=headers)
    assert changed.status_code == 200
    await house.book()
    await house.state.outbox.send_due()
    return [message.subject.translate(INVISIBLE) for message in house.state.outbox.unsent]


@pytest.mark.parametrize(
    ("locale", "accepted", "subject"),
    [
        ("de", "en-GB", "Ihr Termin ist gebucht: Dienstag, 24. November 2026, 10:00 bis 12:00 (Europe/Lisbon)"),
        (None, "de-AT, en", "Ihr Termin ist gebucht: Dienstag, 24. November 2026, 10:00 bis 12:00 (Europe/Lisbon)"),
        (None, "ar-EG", "تم حجز زيارتك: الثلاثاء، 24 نوفمبر 2026، من 10:00 ص إلى 12:00 م (Europe/Lisbon)"),
        (None, "en-US", "Your visit is booked: Tuesday, 24 November 2026, 10:00 am to 12:00 pm (Europe/Lisbon)"),
        (None, None, "Your visit is booked: Tuesday, 24 November 2026, 10:00 to 12:00 (Europe/Lisbon)"),
    ],
)
async def test_a_message_speaks_the_language_that_was_chosen_else_that_of_the_browser(
    house: House, locale, accepted, subject
):
    assert await subjects_after_a_booking(house, locale=locale, accepted=accepted) == [subject]


async def test_signing_in_tells_the_language_and_a_program_without_one_leaves_it(template, folder):
    async with open_house(template, folder) as house:
        invited = await house.dora.post("/api/invitations", json={"email": "rui@acme.example"})
        door = {"code": invited.json()["code"], "password": "correct horse battery"}
        await house.nobody.post("/api/invitations/redeem", json=door, headers={"Accept-Language": "de-DE"})
        credentials = {"email": "rui@acme.example", "password": door["password"]}
        signed_in = await house.nobody.post("/api/session", json=credentials)
        await house.book()
        await house.state.outbox.send_due()

        subjects = [message.subject for message in house.state.outbox.unsent]
    assert signed_in.status_code == 201
    told = [subject.partition(":")[0] for subject in subjects]
    assert told == ["Your invitation to Enroute", "Ihr Termin ist gebucht"]


async def test_who_was_never_here_is_told_in_the_language_of_the_installation(template, folder):
    async with (
        smtp_server() as smtp,
        webhook_receiver() as receiver,
        open_house(
            template,
            folder,
            language="ar",
            smtp_url=smtp.url,
            mail_from="visits@acme.example",
            webhook_url=receiver.url,
        ) as house,
    ):
        await house.dora.post("/api/invitations", json={"email": "rui@acme.example"})
        await house.state.outbox.send_due()

        mail, (_, event) = smtp.mails.get_nowait(), receiver.posts.get_nowait()
        page = await house.nobody.get("/sign-in", headers={"Accept-Language": "fr"})
    assert mail["Subject"].translate(INVISIBLE) == "دعوتك إلى Enroute"
    assert mail["Content-Language"] == msgspec.json.decode(event)["language"] == "ar"
    assert "\nhttp://visits.example/invitation#" in plain_text(mail)
    assert 'lang="ar" dir="rtl"' in page.text


async def test_a_message_is_sent_once(template, folder):
    async with (
        smtp_server() as smtp,
        open_house(template, folder, smtp_url=smtp.url, mail_from="visits@acme.example") as house,
    ):
        await house.book()
        for _ in range(3):
            await house.state.outbox.send_due()

        assert smtp.mails.qsize() == 1


async def test_a_message_that_was_not_taken_is_sent_later_with_the_same_message_id(template, folder):
    async with (
        webhook_receiver() as receiver,
        open_house(template, folder, webhook_url=receiver.url) as house,
    ):
        receiver.answer = "503 Later"
        await house.book()
        await house.state.outbox.send_due()
        first, _ = receiver.posts.get_nowait()
        waiting = await states(house)

        receiver.answer = "204 No Content"
        house.pass_s(60)
        await house.state.outbox.send_due()
        again, body = receiver.posts.get_nowait()
        settled = await states(house)
    assert first["enroute-id"] == again["enroute-id"]
    assert waiting == []
    assert msgspec.json.decode(body)["kind"] == "confirmed"
    assert [row[:2] for row in settled] == [("confirmed", "sent")]


async def test_a_recipient_who_is_refused_for_good_is_not_tried_again(template, folder):
    async with (
        smtp_server() as smtp,
        open_house(template, folder, smtp_url=smtp.url, mail_from="visits@acme.example") as house,
    ):
        smtp.refuse = "550 no such person rui@acme.example"
        await house.book()
        await house.state.outbox.send_due()

        assert await states(house) == [("confirmed", "dead", "SMTPRecipientsRefused")]


async def test_a_canceled_visit_is_not_confirmed_any_more(template, folder):
    async with (
        smtp_server() as smtp,
        open_house(template, folder, smtp_url="smtp://127.0.0.1:1", mail_from="visits@acme.example") as house,
    ):
        visit = await house.book()
        await house.state.outbox.send_due()
        answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "away"})
        assert answer.status_code == 200
        house.state.outbox._mailer._port = smtp.port
        house.pass_s(600)
        await house.state.outbox.send_due()

        subjects = [smtp.mails.get_nowait()["Subject"] for _ in range(smtp.mails.qsize())]
    assert subjects == ["Your visit was canceled"]


async def test_on_the_way_brings_a_tracking_link_that_works(template, folder):
    async with (
        smtp_server() as smtp,
        open_house(template, folder, smtp_url=smtp.url, mail_from="visits@acme.example") as house,
    ):
        visit = await house.book()
        await house.bring_to(visit, "traveling")
        await house.state.outbox.send_due()

        mails = {mail["Subject"]: mail for mail in (smtp.mails.get_nowait() for _ in range(smtp.mails.qsize()))}
        subject = next(subject for subject in mails if subject.endswith("is on the way"))
        token = plain_text(mails[subject]).split("/t#")[1].split()[0]
        opened = await house.nobody.post("/api/links/redeem", json={"token": token})
    assert opened.json()["appointment"] == visit["id"]


async def test_with_tracking_off_the_message_has_no_link(template, folder):
    async with open_house(template, folder, technician_tracking=False) as house:
        await house.bring_to(await house.book(), "traveling")
        await house.state.outbox.send_due()

        texts = [message.text for message in house.state.outbox.unsent if message.kind == "on_the_way"]
    assert len(texts) == 1
    assert "/t#" not in texts[0]


async def test_without_anything_configured_messages_are_logged_and_an_admin_can_read_them(house: House):
    await house.book()
    await house.state.outbox.send_due()

    for_admin = (await house.ada.get("/api/dispatch/messages")).json()
    for_dispatcher = (await house.dora.get("/api/dispatch/messages")).json()

    assert for_admin["configured"] is False
    line = next(line for line in for_admin["messages"] if line["kind"] == "confirmed")
    assert (line["to"], line["state"], line["outcome"]) == ("rui@acme.example", "dead", "not configured")
    assert [text["kind"] for text in for_admin["unsent"]] == ["confirmed"]
    assert for_dispatcher["unsent"] == []
    assert (await house.rui.get("/api/dispatch/messages")).status_code == 403


async def test_a_message_to_a_contact_who_is_gone_dies(house: House):
    notice = Notice(
        key="x", kind="invitation", due_s=house.now_s, expires_s=house.now_s + 60, contact_id="nobody-we-know"
    )
    async with house.state.database.transaction() as conn:
        await outbox_store.put(conn, (notice,), now_s=house.now_s)

    await house.state.outbox.send_due()

    assert await states(house) == [("invitation", "dead", "the contact is gone")]


async def test_sent_messages_are_counted(house: House):
    await house.book()
    await house.state.outbox.send_due()

    text = (await house.nobody.get("/metrics")).text

    assert 'enroute_messages_total{kind="confirmed",outcome="dead"} 1.0' in text
