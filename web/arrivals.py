"""How right the told arrival times were, as staff ask for it: which days, whose names, by whose clock.

`read_report` is asked by the API, by the page and by `enroute eta report`.
"""

from __future__ import annotations

import asyncio
import datetime
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from slots import catalog_store
from slots.model import Resource, Site
from slots.store import Database
from tracker.accuracy import Measured, by_area, by_day, by_technician, measure
from tracker.calibration import Check, decode_calibration
from tracker.geo import distance_m
from tracker.ledger import area_of
from tracker.records import KeptCalibration, Prediction
from web.languages import Say, decimal, english, later

By = Literal["day", "technician", "area"]
EVERYTHING: tuple[By, ...] = ("day", "technician", "area")
MAX_DAYS = 92
"""A quarter of a year: two hundred thousand rows, the ledger of a hundred technicians, cost a second and a half."""
DEFAULT_DAYS = 7
_CENTRES = {
    (True, True): later("{lat}° N, {lon}° E"),
    (True, False): later("{lat}° N, {lon}° W"),
    (False, True): later("{lat}° S, {lon}° E"),
    (False, False): later("{lat}° S, {lon}° W"),
}
"""How the centre of an area is called, by whether it lies north and east."""
FIRST_DAY, LAST_DAY = datetime.date(1970, 1, 2), datetime.date(9000, 1, 1)


class Ledger(Protocol):
    """Where the rows are, see `tracker.store`."""

    def ledger(self, from_ms: int, to_ms: int) -> list[Prediction]: ...
    def calibration(self) -> KeptCalibration | None: ...


class BadSpan(ValueError):
    """These days cannot be reported; the message says why."""


class BadZone(ValueError):
    """This is no time zone; the message names one."""


class Group(msgspec.Struct, frozen=True):
    """The visits of a day (`key`: its date), a technician (their id) or an area (its centre; None: no known place)."""

    key: str | None
    name: str
    measured: Measured


class Learned(msgspec.Struct, frozen=True):
    """What arrival times rest on since a moment (ms since 1970): what so many trips taught, none for the cold start.
    `check` is what the days before said of what was in force then."""

    since_ms: int
    trips: int
    check: Check | None = None


class Report(msgspec.Struct, frozen=True):
    """`first_day` to `last_day`, both included, are days of `time_zone`. `groups` holds what was asked for; `learned`
    is None where nothing was learned yet."""

    first_day: datetime.date
    last_day: datetime.date
    time_zone: str
    total: Measured
    groups: dict[By, list[Group]]
    learned: Learned | None = None

    @property
    def days(self) -> list[datetime.date]:
        count = (self.last_day - self.first_day).days + 1
        return [self.first_day + datetime.timedelta(days=number) for number in range(count)]


async def read_report(
    database: Database,
    ledger: Ledger,
    *,
    now_ms: int,
    by: Sequence[By],
    first_day: datetime.date | None = None,
    last_day: datetime.date | None = None,
    days: int = DEFAULT_DAYS,
    time_zone: str | None = None,
    say: Say = english,
) -> Report:
    """Without `last_day` until today, without `first_day` that many `days`; without `time_zone` the days of the clock
    that most technicians live by. `say` gives areas their names. Raises BadSpan and BadZone."""
    async with database.read() as conn:
        technicians = await catalog_store.resources(conn)
        sites = await catalog_store.sites(conn) if "area" in by else ()
    time_zone = time_zone or zone_of(technicians)
    zone = _zone(time_zone)
    last_day = last_day or datetime.datetime.fromtimestamp(now_ms / 1000, zone).date()
    first_day = first_day or _before(last_day, days - 1)
    _check(first_day, last_day)
    names = {technician.id: technician.name for technician in technicians}

    def work() -> Report:
        rows = ledger.ledger(_midnight_ms(first_day, zone), _midnight_ms(last_day + datetime.timedelta(days=1), zone))
        groups = {each: _grouped(each, rows, zone, names, sites, say) for each in by}
        return Report(first_day, last_day, time_zone, measure(rows), groups, _learned(ledger.calibration()))

    # A thread of its own: the recorder's is busy with fixes that phones wait for.
    return await asyncio.to_thread(work)


def zone_of(technicians: Sequence[Resource]) -> str:
    """The clock most technicians live by."""
    zones = Counter(sorted(each.time_zone for each in technicians if each.active))
    return zones.most_common(1)[0][0] if zones else "UTC"


def area_names(areas: Iterable[str | None], sites: Iterable[Site], say: Say = english) -> dict[str | None, str]:
    """Each area by the street of the site nearest to its centre: `Around Rua das Flores`; without one by its centre:
    `41.15° N, 8.62° W`. No two are called the same."""
    centres = {area: _centre(area) for area in areas if area is not None}
    nearest: dict[str | None, tuple[float, str]] = {}
    for site in sites:
        if site.lat is None or site.lon is None or not (street := _street(site.address)):
            continue
        area = area_of(lat=site.lat, lon=site.lon)
        if area in centres:
            lat, lon = centres[area]
            away_m = distance_m(lat=site.lat, lon=site.lon, to_lat=lat, to_lon=lon)
            nearest[area] = min(nearest.get(area, (away_m, street)), (away_m, street))
    alike = Counter(street for _, street in nearest.values())
    names: dict[str | None, str] = {None: say("Unknown place")}
    for area, (lat, lon) in centres.items():
        by_centre = say(_CENTRES[lat >= 0, lon >= 0], lat=decimal(abs(lat), 2, say), lon=decimal(abs(lon), 2, say))
        street = nearest[area][1] if area in nearest else None
        if street is None:
            names[area] = by_centre
        elif alike[street] == 1:
            names[area] = say("Around {street}", street=street)
        else:
            names[area] = say("Around {street} ({centre})", street=street, centre=by_centre)
    return names


def _learned(kept: KeptCalibration | None) -> Learned | None:
    if kept is None:
        return None
    try:
        check = decode_calibration(kept.data).check
    except ValueError:
        # The server says so when it starts, and starts cold.
        return None
    return Learned(kept.learned_at, kept.trips, check)


def _centre(area: str) -> tuple[float, float]:
    lat, lon = area.split(",")
    return float(lat), float(lon)


def _street(address: str) -> str:
    """The first part of an address without the house number: an area is a part of a town, and no address."""
    first = address.partition(",")[0].strip()
    return re.sub(r"^\d\S*\s+|\s+\d\S*$", "", first)


def _grouped(
    by: By, rows: list[Prediction], zone: ZoneInfo, names: dict[str, str], sites: Iterable[Site], say: Say
) -> list[Group]:
    if by == "day":
        return [Group(day, day, measured) for day, measured in by_day(rows, zone).items()]
    if by == "technician":
        return [Group(key, names.get(key, key), measured) for key, measured in by_technician(rows).items()]
    areas = by_area(rows)
    named = area_names(areas, sites, say)
    return [Group(key, named[key], measured) for key, measured in areas.items()]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadZone(f"{name!r} is no IANA time zone, such as Europe/Lisbon.") from None


def _check(first_day: datetime.date, last_day: datetime.date) -> None:
    if not FIRST_DAY <= first_day <= last_day <= LAST_DAY:
        raise BadSpan(f"{first_day} to {last_day} are no days to ask for.")
    if (last_day - first_day).days >= MAX_DAYS:
        raise BadSpan(f"At most {MAX_DAYS} days at a time.")


def _before(day: datetime.date, days: int) -> datetime.date:
    try:
        return day - datetime.timedelta(days=days)
    except OverflowError:
        raise BadSpan(f"{day} is no day to ask for.") from None


def _midnight_ms(day: datetime.date, zone: ZoneInfo) -> int:
    return int(datetime.datetime.combine(day, datetime.time(), zone).timestamp()) * 1000
