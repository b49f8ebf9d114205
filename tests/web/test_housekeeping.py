from tests.web.api.house import House
from tracker.records import FixRow
from web import secrets_store, watch_log_store
from web.housekeeping import Housekeeping
from web.watch_log_store import WatchEntry

DAY_S = 86_400


def fix_at(at_s: int) -> FixRow:
    return FixRow("ana", at_s * 1000, at_s * 1000, "trip", 41.0, -8.0, 5.0, 1.0, 0.0, False)


async def test_fine_tracks_are_forgotten_after_the_set_number_of_days(house: House):
    days = house.state.settings.fix_retention_days
    old, young = fix_at(house.now_s - days * DAY_S - 1), fix_at(house.now_s - days * DAY_S + 1)
    house.state.node.store.write([old, young], [])

    await Housekeeping(house.state).tidy()

    assert [row.fixed_at for row in house.state.node.store.history("trip")] == [young.fixed_at]


async def test_dead_secrets_and_old_watches_are_forgotten(house: House):
    old_ms = (house.now_s - 40 * DAY_S) * 1000
    async with house.state.database.transaction() as conn:
        _, dead = await secrets_store.issue(
            conn, kind="session", subject="x", now_s=0, expires_s=house.now_s - 2 * DAY_S
        )
        await watch_log_store.add_entries(conn, [WatchEntry("visit", "ana", "customer", "x", "s", old_ms)])

    await Housekeeping(house.state).tidy()

    async with house.state.database.read() as conn:
        assert await secrets_store.find(conn, kind="session", token=dead, now_s=0) is None
        watched = (await conn.execute(watch_log_store.watch_log.select())).all()
    assert watched == []
