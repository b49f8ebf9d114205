"""The people of ``enroute demo``: technicians who drive, customers who book, and always a visit on its way to
the one customer whose page is open.

Run as ``python -m simulations.demo_day``. Reads one JSON line with a ``DemoDay`` from standard input, writes JSON
lines with events to standard output, and stops when standard input ends: nobody survives the demo.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

import msgspec

from simulations.api import Api, Json, RefusedError
from simulations.cities import City, make_city
from simulations.company import Company, make_company
from simulations.crews import Stage, call_technician, sign_in_all
from simulations.customers import Customer, Wishes
from simulations.http_client import HttpError
from simulations.technicians import Habits, Technician
from simulations.towns import MadeUpTown

NEXT_BEFORE_S = 75.0  # the next technician sets off when the present one is this near
LOOK_EVERY_S = 2.0
GIVE_UP_S = 240.0  # a booked visit whose technician is busy for longer is left to its own time
OWN_PEOPLE = 2  # technicians kept free of other customers, for the open page

Tell = Callable[[Json], None]


class DemoDay(msgspec.Struct):
    """What the demo decided. Everybody has the same ``password``."""

    url: str
    seed: int
    technicians: int
    customers: int
    password: str


def demo_city(seed: int) -> City:
    return make_city(seed)


def demo_company(city: City, *, seed: int, technicians: int, customers: int, password: str) -> Company:
    """The same people for the import and for those who play them."""
    return make_company(
        city, seed=seed, technicians=technicians, customers=customers, password=password, domain="demo.example"
    )


async def play(day: DemoDay, tell: Tell) -> None:
    """Until cancelled. ``tell`` hears ``traveling`` with a tracking link whenever a visit of the open page sets off."""
    city = demo_city(day.seed)
    company = demo_company(
        city, seed=day.seed, technicians=day.technicians, customers=day.customers, password=day.password
    )
    stage = Stage(base_url=day.url, town=MadeUpTown(city), company=company, seed=str(day.seed))
    home = company.file["sites"][0]
    crew = stage.technicians(Habits(), far_from=(home["lat"], home["lon"]))
    wishes = Wishes(pause_s=25, move_share=0.05, cancel_share=0.03)
    first, *others = stage.customers(wishes, lambda visit: _call(crew, visit))
    dispatcher = Api(day.url)
    await dispatcher.sign_in(company.dispatcher.email, day.password)
    await first.sign_in()
    await sign_in_all(crew)
    async with asyncio.TaskGroup() as group:
        for technician in crew:
            group.create_task(technician.run())
        group.create_task(_keep_traveling(first, crew, company, dispatcher, tell))
        for number, customer in enumerate(others[: max(0, len(crew) - OWN_PEOPLE)]):
            group.create_task(_later(8.0 + 20.0 * number, customer))


def _call(crew: list[Technician], visit: Json) -> None:
    call_technician(crew, visit)


async def _later(wait_s: float, customer: Customer) -> None:
    await asyncio.sleep(wait_s)
    await customer.run()


async def _keep_traveling(
    customer: Customer, crew: list[Technician], company: Company, dispatcher: Api, tell: Tell
) -> None:
    """Book for ``customer``, in turn at both their addresses, whenever nobody will be under way to them soon."""
    assets = [asset["id"] for asset in company.file["assets"] if asset["account"] == company.customers[0].id]
    announced: set[str] = set()
    number = 0
    waiting: tuple[Technician, str, float] | None = None
    own: dict[str, Technician] = {}
    clock = asyncio.get_running_loop().time
    while True:
        try:
            under_way = [visit for visit, one in own.items() if one.visit == visit and one.left_s > 0]
            for visit in under_way:
                if visit not in announced:
                    announced.add(visit)
                    link = await dispatcher.post(f"/api/dispatch/appointments/{visit}/links")
                    tell({"event": "traveling", "appointment": visit, "link": link.body["url"]})
            if waiting is not None and (waiting[1] in announced or clock() - waiting[2] > GIVE_UP_S):
                waiting = None
            if waiting is None and not any(own[visit].left_s > NEXT_BEFORE_S for visit in under_way):
                service = company.services[number % len(company.services)]
                booked = await customer.book(service, asset=assets[number % len(assets)], details="")
                number += 1
                technician = call_technician(crew, booked) if booked is not None else None
                if booked is not None and technician is not None:
                    own[booked["id"]] = technician
                    waiting = (technician, booked["id"], clock())
        except (RefusedError, HttpError) as error:
            tell({"event": "trouble", "detail": str(error)})
        await asyncio.sleep(LOOK_EVERY_S)


def _print(event: Json) -> None:
    sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
    sys.stdout.flush()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    line = await loop.run_in_executor(None, sys.stdin.buffer.readline)
    day = msgspec.json.decode(line, type=DemoDay)
    playing = asyncio.create_task(play(day, _print))
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    orphaned = asyncio.create_task(reader.read())
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, orphaned.cancel)
    await asyncio.wait({playing, orphaned}, return_when=asyncio.FIRST_COMPLETED)
    if playing.done():
        playing.result()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_main())
