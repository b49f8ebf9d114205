"""A customer who books all the time, while a benchmark keeps the server busy with something else."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.fleet import ACCOUNT, PASSWORD
from benchmarks.http_client import HttpClient, Refused, signed_in
from benchmarks.serving import enroute_command, enroute_environment

SERVICE = "booked"
SITE_ID = "s0"
CUSTOMER = "customer@fleet.example"
TECHNICIANS = 50
PAUSE_S = 0.1


class Bookings(msgspec.Struct, kw_only=True):
    """Milliseconds that the customer waited for slots and for the booking; failures by what was said."""

    slots_ms: list[float] = []
    booking_ms: list[float] = []
    failures: dict[str, int] = {}


def seed_bookings(database: Path) -> None:
    """Technicians who have nothing to do yet, a service only they can do, and a customer of the fleet's account."""
    always = [{"weekday": weekday, "start": "00:00", "end": "24:00"} for weekday in range(7)]
    catalog: dict[str, list[dict[str, Any]]] = {
        "services": [{"id": SERVICE, "name": "Booked", "duration_min": 60, "skill": SERVICE}],
        "technicians": [
            {"id": f"b{n}", "name": f"Booked {n}", "time_zone": "UTC", "skills": [SERVICE], "shifts": always}
            for n in range(TECHNICIANS)
        ],
        "contacts": [{"email": CUSTOMER, "account": ACCOUNT, "name": "Customer", "password": PASSWORD}],
    }
    path = database.with_name("bookings.json")
    path.write_text(json.dumps(catalog))
    subprocess.run(
        enroute_command("import", str(path)),
        env=enroute_environment(database),
        check=True,
        stdout=subprocess.DEVNULL,
    )


class Customer:
    """Asks for two days of slots, takes one of them, and begins again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._token, _ = signed_in(port, email=CUSTOMER, password=PASSWORD)
        self._random = random.Random(1)

    def book_until(self, over: threading.Event) -> Bookings:
        done = Bookings()
        with HttpClient(self._port, token=self._token) as client:
            while not over.wait(PAUSE_S):
                try:
                    self._book(client, done)
                except (Refused, OSError) as error:
                    what = f"{error}"[:120]
                    done.failures[what] = done.failures.get(what, 0) + 1
        return done

    def _book(self, client: HttpClient, done: Bookings) -> None:
        began_s = time.perf_counter()
        days = client.ask("GET", f"/api/slots?service={SERVICE}").body["days"]
        done.slots_ms.append((time.perf_counter() - began_s) * 1000)
        slot = self._random.choice([slot["slot"] for day in days for slot in day["slots"]])
        began_s = time.perf_counter()
        client.ask("POST", "/api/appointments", {"slot": slot, "service": SERVICE})
        done.booking_ms.append((time.perf_counter() - began_s) * 1000)


@contextmanager
def booking_customer(customer: Customer) -> Iterator[Bookings]:
    """Books in a thread of its own; what is yielded is filled when the block is left."""
    over = threading.Event()
    done = Bookings(slots_ms=[], booking_ms=[], failures={})

    def book() -> None:
        booked = customer.book_until(over)
        done.slots_ms, done.booking_ms, done.failures = booked.slots_ms, booked.booking_ms, booked.failures

    thread = threading.Thread(target=book, name="customer")
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()
