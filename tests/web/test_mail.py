import aiosmtplib
import pytest

from tests.servers import smtp_server
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


async def test_a_password_is_never_sent_over_a_plain_connection():
    async with smtp_server() as smtp:
        sender = mailer(smtp.url.replace("smtp://", "smtp://user:secret@"))

        with pytest.raises(aiosmtplib.SMTPException):
            await sender.send(sender.compose(LETTER, to="a@b.example", key="k", now_s=0))

        assert smtp.mails.empty()
