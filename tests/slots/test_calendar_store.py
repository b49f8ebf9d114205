from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import event, insert

from slots import catalog_store
from slots import schema_store as schema
from slots.appointment_store import insert_appointment
from slots.calendar import Busy
from slots.calendar_store import load_calendar
from slots.model import Status
from slots.store import Connection, Database
from slots.travel import known_point
from tests.slots.factories import NOW_S, a_resource, a_service, a_site, an_appointment, at, settle_town

DAY = {"service": a_service(skill="boiler"), "site": a_site(), "from_s": at(0), "to_s": at(24), "now_s": NOW_S}


async def settle_two(connection: Connection) -> None:
    """Tiago repairs boilers, Rui does not."""
    await catalog_store.put_resources(
        connection,
        [
            a_resource(key=0, skills=frozenset({"boiler"})),
            a_resource(key=0, id="rui", name="Rui", skills=frozenset({"network"})),
        ],
    )


async def test_what_is_taken_is_read_with_its_place(either_database: Database) -> None:
    await settle_town(either_database)
    async with either_database.transaction() as connection:
        await settle_two(connection)
        await insert_appointment(connection, an_appointment(id="later", start_s=at(14), end_s=at(15)))
        await insert_appointment(connection, an_appointment(id="sooner", site_id="office"))

        (lane,) = (await load_calendar(connection, **DAY)).lanes

    office = known_point(lat=38.75, lon=-9.20)
    home = known_point(lat=38.72, lon=-9.14)
    assert (lane.starts_s, lane.ends_s) == ([at(10), at(14)], [at(11), at(15)])
    assert list(lane.points) == [office, home]
    assert lane.points[-2:] == [office, home]


async def test_a_point_is_the_same_whether_it_is_given_or_made_from_coordinates(database: Database) -> None:
    await settle_town(database)
    async with database.transaction() as connection:
        await insert_appointment(connection, an_appointment())

        (lane,) = (await load_calendar(connection, **(DAY | {"service": a_service()}))).lanes

    given = Busy(at(10), at(11), known_point(lat=38.72, lon=-9.14))
    assert (lane.starts_s[0], lane.ends_s[0], lane.points[0]) == given


async def test_years_of_completed_visits_are_not_looked_at(database: Database) -> None:
    await settle_town(database)
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if "FROM appointments" in statement:
            statements.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with database.read() as connection:
        await load_calendar(connection, **(DAY | {"service": a_service()}))
        (asked,) = statements
        plan = await explained(connection, *asked)

    (visits,) = [step for step in plan if " appointments " in step]
    assert "USING COVERING INDEX live_appointments_of_technician" in visits
    assert not any(step.startswith("SCAN") for step in plan)


async def explained(connection: Connection, statement: str, parameters: Any) -> Sequence[str]:
    """SQLite's steps, outermost first."""
    rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [str(row[3]) for row in rows]


async def test_the_visits_of_those_who_may_not_come_are_not_read(either_database: Database) -> None:
    await settle_town(either_database)
    async with either_database.transaction() as connection:
        await settle_two(connection)
        rui = await catalog_store.resource(connection, "rui")
        assert rui is not None
        await insert_appointment(connection, an_appointment(technician_key=rui.key))

        calendar = await load_calendar(connection, **DAY)

    assert [(lane.key, lane.starts_s) for lane in calendar.lanes] == [(1, [])]


async def test_holds_are_read_like_visits_until_they_expire(either_database: Database) -> None:
    await settle_town(either_database)
    kept = {
        "holder_id": "ana",
        "service_id": "repair",
        "site_id": "office",
        "technician_key": 1,
        "window_start_s": at(9),
        "window_end_s": at(11),
    }
    async with either_database.transaction() as connection:
        await connection.execute(
            insert(schema.holds),
            [
                kept | {"id": "alive", "start_s": at(9), "end_s": at(10), "expires_s": NOW_S + 1},
                kept | {"id": "over", "start_s": at(12), "end_s": at(13), "expires_s": NOW_S},
            ],
        )
        await insert_appointment(connection, an_appointment(start_s=at(14), end_s=at(15)))

        (lane,) = (await load_calendar(connection, **(DAY | {"service": a_service()}))).lanes

    assert lane.starts_s == [at(9), at(14)]
    assert lane.points[0] == known_point(lat=38.75, lon=-9.20)


async def test_a_completed_visit_takes_nothing(either_database: Database) -> None:
    await settle_town(either_database)
    async with either_database.transaction() as connection:
        await insert_appointment(connection, an_appointment(status=Status.COMPLETED))

        (lane,) = (await load_calendar(connection, **(DAY | {"service": a_service()}))).lanes

    assert lane.starts_s == []
