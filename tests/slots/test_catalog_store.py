from __future__ import annotations

import datetime

import msgspec
import pytest

from slots import catalog_store
from slots.errors import InvalidSetup
from slots.model import Asset, Holiday, Shift, ShiftException, Territory
from slots.store import Database
from tests.slots.factories import a_resource, a_service, a_site, lunch, weekly

SQUARE = '{"type":"Polygon","coordinates":[[[-10,38],[-9,38],[-9,39],[-10,39],[-10,38]]]}'


async def test_what_was_put_is_read_back_whole(either_database: Database) -> None:
    technician = a_resource(
        key=0,
        phone="+351 900",
        photo="/t.jpg",
        skills=frozenset({"gas", "power"}),
        territories=frozenset({"north"}),
        max_travel_m=12_000.0,
        max_visits_a_day=6,
        breaks=lunch(),
        exceptions=(ShiftException(date=datetime.date(2026, 12, 24), kind="off", start_min=720, end_min=1440),),
    )
    asset = Asset(id="boiler", account_id="acme", site_id="home", name="Boiler")
    north = Territory(id="north", name="North", polygon=SQUARE)
    christmas = Holiday(date=datetime.date(2026, 12, 25), name="Christmas")
    async with either_database.transaction() as connection:
        await catalog_store.put_sites(connection, [a_site()])
        await catalog_store.put_assets(connection, [asset])
        await catalog_store.put_services(connection, [a_service(skill="gas")])
        await catalog_store.put_territories(connection, [north])
        await catalog_store.put_resources(connection, [technician])
        await catalog_store.put_holidays(connection, [christmas])

    async with either_database.read() as connection:
        found = await catalog_store.resource(connection, "tiago")
        assert found is not None
        assert found.key > 0
        assert msgspec.structs.replace(found, key=0) == technician
        assert await catalog_store.resource_by_key(connection, found.key) == found
        assert await catalog_store.resources(connection) == (found,)
        assert await catalog_store.sites(connection, account_id="acme") == (a_site(),)
        assert await catalog_store.sites(connection, account_id="other") == ()
        assert await catalog_store.site(connection, "home") == a_site()
        assert await catalog_store.assets(connection) == (asset,)
        assert await catalog_store.asset(connection, "boiler") == asset
        assert await catalog_store.services(connection) == (a_service(skill="gas"),)
        assert await catalog_store.territories(connection) == (north,)
        assert await catalog_store.holidays(connection) == (christmas,)
        assert await catalog_store.service(connection, "nothing") is None
        assert await catalog_store.resource(connection, "nothing") is None


async def test_putting_again_changes_the_row_and_keeps_the_key(either_database: Database) -> None:
    async with either_database.transaction() as connection:
        await catalog_store.put_resources(connection, [a_resource(key=0), a_resource(id="zoe", name="Zoe", key=0)])
    async with either_database.read() as connection:
        before = await catalog_store.resource(connection, "tiago")
    async with either_database.transaction() as connection:
        await catalog_store.put_resources(connection, [a_resource(key=0, name="Tiago S.", shifts=weekly(600, 700))])

    async with either_database.read() as connection:
        after = await catalog_store.resource(connection, "tiago")
        everybody = await catalog_store.resources(connection)

    assert before is not None
    assert after is not None
    assert (after.key, after.name, after.shifts[0].start_min) == (before.key, "Tiago S.", 600)
    assert [resource.id for resource in everybody] == ["tiago", "zoe"]


async def test_disabled_services_and_technicians_who_left_are_left_out_on_request(database: Database) -> None:
    async with database.transaction() as connection:
        await catalog_store.put_services(connection, [a_service(), a_service(id="old", enabled=False)])
        await catalog_store.put_resources(connection, [a_resource(key=0), a_resource(id="zoe", key=0, active=False)])

    async with database.read() as connection:
        assert [service.id for service in await catalog_store.services(connection)] == ["repair"]
        assert len(await catalog_store.services(connection, enabled_only=False)) == 2
        assert [r.id for r in await catalog_store.resources(connection, active_only=True)] == ["tiago"]


async def test_a_holiday_can_be_taken_back(database: Database) -> None:
    day = datetime.date(2026, 12, 25)
    async with database.transaction() as connection:
        await catalog_store.put_holidays(connection, [Holiday(date=day, name="Christmas")])
        await catalog_store.remove_holidays(connection, [day])
        assert await catalog_store.holidays(connection) == ()


@pytest.mark.parametrize(
    ("row", "at"),
    [
        (a_site(time_zone="Europe/Nowhere"), "site home"),
        (a_site(lat=None), "site home"),
        (a_site(lat=95.0), "site home"),
        (a_service(duration_s=0), "service repair"),
        (a_service(duration_s=86_401), "service repair"),
        (a_resource(time_zone="../etc"), "technician tiago"),
        (a_resource(home_lon=None), "technician tiago"),
        (a_resource(shifts=(Shift(weekday=7, start_min=0, end_min=60),)), "technician tiago"),
        (a_resource(shifts=(Shift(weekday=0, start_min=60, end_min=60),)), "technician tiago"),
        (Territory(id="north", name="North", polygon="{}"), "territory north"),
    ],
)
async def test_a_row_that_contradicts_itself_is_refused_by_name(database: Database, row: object, at: str) -> None:
    put = {
        "Site": catalog_store.put_sites,
        "ServiceType": catalog_store.put_services,
        "Resource": catalog_store.put_resources,
        "Territory": catalog_store.put_territories,
    }[type(row).__name__]

    with pytest.raises(InvalidSetup) as refused:
        async with database.transaction() as connection:
            await put(connection, [row])

    assert refused.value.at == at
