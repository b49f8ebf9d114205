"""One e-mail over SMTP."""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, formatdate, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from web.calendar_file import CalendarPart
from web.message_text import Letter

TIMEOUT_S = 20.0


class Mailer:
    """`smtp_url` is `smtp://[user:password@]host[:port]` (STARTTLS where the server offers it; always before a
    password is sent) or `smtps://…` (TLS from the first byte)."""

    def __init__(self, *, smtp_url: str, mail_from: str, brand: str) -> None:
        parts = urlsplit(smtp_url)
        self._host = parts.hostname or "localhost"
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        name, address = parseaddr(mail_from)
        self._sender = formataddr((name or brand, address))
        self._address = address
        self._domain = address.rpartition("@")[2] or "localhost"

    def compose(
        self, letter: Letter, *, to: str, key: str, now_s: int, calendar: CalendarPart | None = None
    ) -> EmailMessage:
        """`key` makes the Message-ID: the same message, sent again after a crash, is recognised by mail programs.

        A calendar part stands beside the text, where calendars look by themselves, and once more as a file, for
        programs that show only attachments.
        """
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = to
        mail["Subject"] = letter.subject
        mail["Date"] = formatdate(now_s)
        mail["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{self._domain}>"
        # Tells vacation responders to stay silent.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letter.text)
        mail["Content-Language"] = letter.language
        if calendar is not None:
            # base64: a server on the way that rewraps lines or their ends would break the folding of the format.
            mail.add_alternative(
                calendar.body.decode(), subtype="calendar", params={"method": calendar.method}, cte="base64"
            )
            mail.add_attachment(calendar.body, maintype="application", subtype="ics", filename="visit.ics")
        return mail

    async def send(self, mail: EmailMessage) -> None:
        """Handed to the SMTP server, or an exception of aiosmtplib or the network."""
        await aiosmtplib.send(
            mail,
            sender=self._address,
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            # None: when offered. With a password it must be there, or the password would travel readable.
            start_tls=None if self._tls or self._user is None else True,
            timeout=TIMEOUT_S,
        )
