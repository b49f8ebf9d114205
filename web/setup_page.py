"""What the page `/dispatch/setup` shows: the switches, and tables of what is set up. Rendered here; its script throws
the switches and imports a file."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from starlette.requests import Request

from slots import catalog_store
from slots.model import Asset, Holiday, Resource, ServiceType, ShiftException, Site, Territory, WeeklyHours
from web import accounts_store
from web.arrivals_words import WEEKDAYS, date_words
from web.export import WHOLE_DAY_MIN, clock
from web.languages import Say, english, later
from web.state import state_of

LAST_ZONE_BEHIND_S = 12 * 3600
ROWS_SHOWN, ROWS_FOLDED = 10, 190
"""Of a table as it opens, and of what can be unfolded under it; what comes after these stands in the download."""
SWITCHES = {
    "self_scheduling": (
        later("Customers book by themselves"),
        later("Off: their homepage with booking, moving and canceling is closed. Links to a visit keep working."),
    ),
    "technician_tracking": (
        later("Customers see the technician on the way"),
        later("Off: no map and no position, open maps close at once. The state of the visit stays visible."),
    ),
    "surveys": (
        later("Customers are asked for feedback"),
        later("Off: nothing offers feedback, neither pages nor messages."),
    ),
}


class Switch(NamedTuple):
    """A switch with what it means."""

    name: str
    title: str
    about: str
    on: bool


class Table(msgspec.Struct):
    """`rows` as texts, the first of each being its name; `empty` is said where there are none. `removals`: for each row
    the address of the API that removes it, where there is one."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]]
    empty: str
    removals: list[str] = []


async def fill(request: Request, say: Say) -> dict[str, Any]:
    """The values of `setup.html`; their words are said by `say`."""
    state = state_of(request)
    async with state.database.read() as conn:
        territories = await catalog_store.territories(conn)
        services = await catalog_store.services(conn, enabled_only=False)
        technicians = await catalog_store.resources(conn)
        holidays = await catalog_store.holidays(conn)
        sites = await catalog_store.sites(conn)
        assets = await catalog_store.assets(conn)
        accounts = {account.id: account.name for account in await accounts_store.accounts_listed(conn)}
    # A day is over when it is over furthest in the west.
    today = datetime.datetime.fromtimestamp(state.now_s() - LAST_ZONE_BEHIND_S, datetime.UTC).date()
    return {
        "switches": [
            Switch(name, say(title), say(about), getattr(state.switches.values, name))
            for name, (title, about) in SWITCHES.items()
        ],
        "tables": [
            technician_table(technicians, territories, today=today, say=say),
            service_table(services, say),
            skill_table(services, technicians, say),
            territory_table(territories, technicians, say),
            holiday_table(holidays, today=today, say=say),
            day_table(technicians, today=today, say=say),
            site_table(sites, assets, accounts, say),
        ],
        "technicians": [(each.id, each.name) for each in technicians if each.active],
        "today": today.isoformat(),
        "shown": ROWS_SHOWN,
        "folded": ROWS_FOLDED,
    }


def technician_table(
    technicians: Iterable[Resource], territories: Iterable[Territory], *, today: datetime.date, say: Say = english
) -> Table:
    named = {territory.id: territory.name for territory in territories}
    rows = [
        [
            each.name if each.active else say("{name} (not active)", name=each.name),
            each.id,
            joined(named.get(territory, territory) for territory in each.territories) or say("Everywhere"),
            joined(each.skills) or "–",
            week_words(each.shifts, say) or "–",
            week_words(each.breaks, say) or "–",
            # What is over is no longer of interest.
            "; ".join(exception_words(day, say) for day in each.exceptions if day.date >= today) or "–",
        ]
        for each in technicians
    ]
    columns = [say(title) for title in TECHNICIAN_COLUMNS]
    return Table("technicians", say("Technicians"), columns, rows, say("No technicians yet."))


TECHNICIAN_COLUMNS = (
    later("Name"),
    later("Id"),
    later("Territories"),
    later("Skills"),
    later("Shifts"),
    later("Breaks"),
    later("Other days"),
)


def service_table(services: Iterable[ServiceType], say: Say = english) -> Table:
    rows = [
        [
            each.name,
            each.id,
            say("{count} min", count=each.duration_s // 60),
            each.skill or "–",
            say("yes") if each.enabled else say("no"),
        ]
        for each in services
    ]
    columns = [say("Name"), say("Id"), say("Duration"), say("Needs the skill"), say("Can be booked")]
    return Table("services", say("Services"), columns, rows, say("No services yet."))


def skill_table(services: Iterable[ServiceType], technicians: Iterable[Resource], say: Say = english) -> Table:
    """Every skill that somebody has or a service needs: one that nobody has is seen at once."""
    needed, had = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for service in services:
        if service.skill is not None:
            needed[service.skill].append(service.name)
    for technician in technicians:
        for skill in technician.skills:
            had[skill].append(technician.name)
    rows = [
        [skill, joined(had[skill]) or say("nobody"), joined(needed[skill]) or "–"] for skill in sorted({*needed, *had})
    ]
    columns = [say("Name"), say("Technicians"), say("Services")]
    return Table("skills", say("Skills"), columns, rows, say("No skills yet."))


def territory_table(territories: Iterable[Territory], technicians: Sequence[Resource], say: Say = english) -> Table:
    rows = [
        [each.name, each.id, joined(one.name for one in technicians if each.id in one.territories) or say("nobody")]
        for each in territories
    ]
    columns = [say("Name"), say("Id"), say("Technicians")]
    return Table(
        "territories", say("Territories"), columns, rows, say("No territories yet: everybody works everywhere.")
    )


def holiday_table(holidays: Iterable[Holiday], *, today: datetime.date, say: Say = english) -> Table:
    """Those that are ahead."""
    ahead = [each for each in holidays if each.date >= today]
    return Table(
        "holidays",
        say("Holidays"),
        [say("Day"), say("Name")],
        [[date_words(each.date, say, with_year=True), each.name] for each in ahead],
        say("No holidays ahead."),
        [f"/api/dispatch/holidays/{each.date.isoformat()}" for each in ahead],
    )


def day_table(technicians: Iterable[Resource], *, today: datetime.date, say: Say = english) -> Table:
    """Days of technicians that differ from their week and are ahead, by date."""
    ahead = sorted(
        ((day, each) for each in technicians for day in each.exceptions if day.date >= today),
        key=lambda pair: (pair[0].date, pair[1].name, pair[0].start_min),
    )
    return Table(
        "days",
        say("Days off and extra days"),
        [say("Technician"), say("Day")],
        [[each.name, exception_words(day, say)] for day, each in ahead],
        say("Everybody works as in any week."),
        [f"/api/dispatch/technicians/{quote(each.id, safe='')}/days/{day.date.isoformat()}" for day, each in ahead],
    )


def site_table(sites: Iterable[Site], assets: Iterable[Asset], accounts: dict[str, str], say: Say = english) -> Table:
    at = defaultdict[str, list[str]](list)
    for asset in assets:
        at[asset.site_id].append(asset.name)
    rows = [
        [
            each.name,
            each.id,
            accounts.get(each.account_id, each.account_id),
            each.address or "–",
            joined(at[each.id]) or "–",
        ]
        for each in sites
    ]
    columns = [say("Name"), say("Id"), say("Account"), say("Address"), say("Assets")]
    return Table("sites", say("Sites and assets"), columns, rows, say("No sites yet."))


def joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def week_words(hours: Iterable[WeeklyHours], say: Say = english) -> str:
    """`Mon–Fri 08:00–16:30; Sat 20:00–02:00`."""
    by_span = defaultdict[tuple[int, int], list[int]](list)
    for each in hours:
        by_span[each.start_min, each.end_min].append(each.weekday)
    spans = sorted((sorted(days), span) for span, days in by_span.items())
    return "; ".join(f"{_days_words(days, say)} {span_words(*span)}" for days, span in spans)


def _days_words(days: Iterable[int], say: Say) -> str:
    names = say(WEEKDAYS).split()
    said = []
    # In a run of days each is as far from its place in the list as the one before.
    for _, run in groupby(enumerate(days), lambda pair: pair[1] - pair[0]):
        found = list(map(itemgetter(1), run))
        if len(found) > 2:
            said.append(f"{names[found[0]]}–{names[found[-1]]}")
        else:
            said += [names[day] for day in found]
    return ", ".join(said)


def span_words(start_min: int, end_min: int) -> str:
    return f"{clock(start_min)}–{clock(end_min)}"


def exception_words(day: ShiftException, say: Say = english) -> str:
    """`24 Dec 2026 off`, `27 Dec 2026 also 09:00–13:00`."""
    date = date_words(day.date, say, with_year=True)
    span = (day.start_min, day.end_min)
    if day.kind == "extra":
        return say("{date} also {time}", date=date, time=span_words(*span))
    if span == WHOLE_DAY_MIN:
        return say("{date} off", date=date)
    return say("{date} off {time}", date=date, time=span_words(*span))
