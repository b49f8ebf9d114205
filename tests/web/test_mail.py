import aiosmtplib
import pytest

from tests.servers import smtp_server
from web.calendar_file import CalendarPart
from web.mail import Mailer
from web.message_text import Letter

LETTER = Letter("Grüße", "Hello,\n\n.a line with a dot\n")


def mailer(url="smtp://localhost", mail_from="Acme <visits@acme.example>"):
    return Mailer(smtp_url=url, mail_from=mail_from, brand="Enroute")


def test_the_same_message_bears_the_same_message_id():
    first = mailer().compose(LETTER, to="a@b.example", key="visit.confirmed.3", now_s=0)
    again = mailer().compose(LETTER, to="a@b.example", key="visit.confirmed.3", now_s=900)
    other = mailer().compose(LETTER, to="a@b.example", key="visit.confirmed.4", now_s=0)

    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["Message-ID"].endswith("@acme.example>")


def test_a_sender_without_a_name_gets_the_brand():
    mail = mailer(mail_from="visits@acme.example").compose(LETTER, to="a@b.example", key="k", now_s=0)

    assert mail["From"] == "Enroute <visits@acme.example>"


async def test_a_mail_arrives_as_it_was_written():
    async with smtp_server() as smtp:
        sender = mailer(smtp.url)

        await sender.send(sender.compose(LETTER, to="a@b.example", key="k", now_s=0))

        mail = smtp.mails.get_nowait()
    assert (mail["To"], mail["Subject"]) == ("a@b.example", "Grüße")
    assert mail.get_content().replace("\r\n", "\n").strip() == LETTER.text.strip()


async def test_a_calendar_part_arrives_beside_the_text_and_as_a_file_byte_by_byte():
    part = CalendarPart("REQUEST", "BEGIN:VCALENDAR\r\nSUMMARY:Grüße\r\n  und mehr\r\nEND:VCALENDAR\r\n".encode())
    async with smtp_server() as smtp:
        sender = mailer(smtp.url)

        await sender.send(sender.compose(LETTER, to="a@b.example", key="k", now_s=0, calendar=part))

        mail = smtp.mails.get_nowait()
    types = [each.get_content_type() for each in mail.walk()]
    assert types == ["multipart/mixed", "multipart/alternative", "text/plain", "text/calendar", "application/ics"]
    _, _, text, calendar, file = mail.walk()
    assert text.get_content().replace("\r\n", "\n").strip() == LETTER.text.strip()
    assert (calendar.get_param("method"), calendar.get_content_charset()) == ("REQUEST", "utf-8")
    assert calendar.get_payload(decode=True) == file.get_payload(decode=True) == part.body
    assert file.get_filename() == "visit.ics"


async def test_a_password_is_never_sent_over_a_plain_connection():
    async with smtp_server() as smtp:
        sender = mailer(smtp.url.replace("smtp://", "smtp://user:secret@"))

        with pytest.raises(aiosmtplib.SMTPException):
            await sender.send(sender.compose(LETTER, to="a@b.example", key="k", now_s=0))

        assert smtp.mails.empty()
