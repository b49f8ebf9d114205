"""Who the watchers of a crowd are: tracking links, one for each, or one dispatcher who has every visit open.

A link is what most customers come with, and each is looked up anew; it may hold a few watches only. Staff may hold
any number. Both come over the API, within its limits, so several sign in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import click
import msgspec

from benchmarks.fleet import DISPATCHER, PASSWORD, REQUESTS_PER_SESSION
from benchmarks.http_client import HttpClient, signed_in

Proof = Literal["link", "session"]


class Watcher(msgspec.Struct, frozen=True):
    """One socket of a crowd. `trip` is the index of the visit, `header` the proof as the page sends it."""

    trip: int
    header: str
    role: Literal["watcher", "stalled"] = "watcher"


def watchers_of(appointments: Sequence[str], *, count: int, proof: Proof, port: int) -> list[Watcher]:
    """`count` watchers dealt out over the visits in turn."""
    if proof == "session":
        _, cookie = signed_in(port, email=DISPATCHER, password=PASSWORD)
        return [Watcher(number % len(appointments), f"Cookie: {cookie}") for number in range(count)]
    cookie_names: dict[str, str] = {}
    watchers: list[Watcher] = []
    while len(watchers) < count:
        click.echo(f"tracking links: {len(watchers)} of {count}", err=True)
        token, _ = signed_in(port, email=DISPATCHER, password=PASSWORD)
        with HttpClient(port, token=token) as client:
            asked = 0
            while asked < REQUESTS_PER_SESSION and len(watchers) < count:
                trip = len(watchers) % len(appointments)
                appointment = appointments[trip]
                link = client.ask("POST", f"/api/dispatch/appointments/{appointment}/links").body["token"]
                asked += 1
                if appointment not in cookie_names:
                    (cookie_names[appointment],) = client.ask("POST", "/api/links/redeem", {"token": link}).cookies
                    asked += 1
                watchers.append(Watcher(trip, f"Cookie: {cookie_names[appointment]}={link}"))
    return watchers
