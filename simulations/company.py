"""A made-up company in a town, as the file that ``enroute import`` reads. Seeded. [pure]"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from simulations.doors import Door

FIRST_NAMES = (
    "Ana,Bruno,Carla,Duarte,Eva,Filipe,Gabriela,Hugo,Inês,João,Lara,Miguel,Noémia,Óscar,Paula,Rui,Sofia,Tiago,"
    "Vera,Xavier,Marta,Nuno,Rita,Luís"
)
LAST_NAMES = (
    "Almeida,Barros,Cardoso,Dias,Esteves,Faria,Guedes,Horta,Leal,Matos,Neves,Paiva,Queirós,Ramos,Seabra,Teles,"
    "Vaz,Moura,Pinho,Serra"
)
ROUND_THE_CLOCK = [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(7)]
SKILLS = ("heating", "fibre", "appliances")
SERVICES = (
    {"id": "boiler-service", "name": "Boiler service", "duration_min": 30, "skill": "heating"},
    {"id": "fibre-installation", "name": "Fibre installation", "duration_min": 60, "skill": "fibre"},
    {"id": "appliance-repair", "name": "Appliance repair", "duration_min": 45, "skill": "appliances"},
)
DESCRIPTIONS = (
    "Yearly check and cleaning of a gas boiler, with a written report.",
    "A fibre line into the flat, router set up and speed measured.",
    "Washing machine, dishwasher, oven or fridge: found and mended.",
)


class Homes(Protocol):
    """Where the company's customers live."""

    @property
    def time_zone(self) -> str: ...

    def doors(self, random: Random) -> Iterator[Door]: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in; ``id`` is the technician's or the account's."""

    id: str
    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Company:
    """``file`` is the import; the people are in it with their passwords."""

    file: dict[str, list[dict[str, Any]]]
    services: tuple[str, ...]
    admin: Person
    dispatcher: Person
    technicians: tuple[Person, ...]
    customers: tuple[Person, ...]


def make_company(
    homes: Homes,
    *,
    seed: int,
    technicians: int,
    customers: int,
    password: str,
    prefix: str = "",
    domain: str = "enroute.example",
) -> Company:
    """Technicians with every skill who are on shift day and night, and one account, site and contact per customer.

    ``password`` (at least 8 characters) is everybody's. ``prefix`` keeps ids, addresses and skills apart from
    others on the same server. Without technicians nobody could serve, so there are no services either.
    The first customer has a second address with an asset.
    """
    random = Random(f"company {seed}")
    names = _names(random)
    admin = Person(f"{prefix}admin", next(names), f"{prefix}admin@{domain}", password)
    dispatcher = Person(f"{prefix}dispatcher", next(names), f"{prefix}dispatcher@{domain}", password)
    crew = tuple(
        Person(f"{prefix}technician-{n}", next(names), f"{prefix}technician{n}@{domain}", password)
        for n in range(1, technicians + 1)
    )
    people = tuple(
        Person(f"{prefix}account-{n}", next(names), f"{prefix}customer{n}@{domain}", password)
        for n in range(1, customers + 1)
    )
    services = [
        {**service, "id": f"{prefix}{service['id']}", "skill": f"{prefix}{service['skill']}", "description": text}
        for service, text in zip(SERVICES, DESCRIPTIONS, strict=True)
        if technicians
    ]
    addresses = _addresses(random, homes)
    sites = [{"id": f"home-{p.id}", "account": p.id, "name": "Home", **next(addresses)} for p in people]
    assets = [
        {"id": f"appliance-{p.id}", "account": p.id, "site": f"home-{p.id}", "name": "Gas boiler"} for p in people
    ]
    if people:
        first = people[0].id
        sites.append({"id": f"office-{first}", "account": first, "name": "Office", **next(addresses)})
        assets.append({"id": f"fridge-{first}", "account": first, "site": f"office-{first}", "name": "Office fridge"})
    return Company(
        file={
            "services": services,
            "accounts": [
                {"id": p.id, "name": f"Household {p.name.split()[-1]}", "status": "active", "site": f"home-{p.id}"}
                for p in people
            ],
            "sites": sites,
            "assets": assets,
            "contacts": [{"email": p.email, "account": p.id, "name": p.name, "password": p.password} for p in people],
            "technicians": [
                {
                    "id": p.id,
                    "name": p.name,
                    "phone": f"+351 900 000 {n:03d}",
                    "skills": [f"{prefix}{skill}" for skill in SKILLS],
                    "time_zone": homes.time_zone,
                    "shifts": ROUND_THE_CLOCK,
                }
                for n, p in enumerate(crew, start=1)
            ],
            "staff": [
                {"email": admin.email, "name": admin.name, "role": "admin", "password": password},
                {"email": dispatcher.email, "name": dispatcher.name, "role": "dispatcher", "password": password},
                *(
                    {
                        "email": p.email,
                        "name": p.name,
                        "role": "technician",
                        "technician": p.id,
                        "password": p.password,
                    }
                    for p in crew
                ),
            ],
        },
        services=tuple(str(service["id"]) for service in services),
        admin=admin,
        dispatcher=dispatcher,
        technicians=crew,
        customers=people,
    )


def _names(random: Random) -> Any:
    pairs = [f"{first} {last}" for first in FIRST_NAMES.split(",") for last in LAST_NAMES.split(",")]
    random.shuffle(pairs)
    number = 1
    while True:
        for pair in pairs:
            yield pair if number == 1 else f"{pair} {number}"
        number += 1


def _addresses(random: Random, homes: Homes) -> Iterator[dict[str, Any]]:
    for door in homes.doors(random):
        yield {"address": door.address, "lat": door.lat, "lon": door.lon, "time_zone": homes.time_zone}
