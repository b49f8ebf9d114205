"""The disk runs full in the middle of a storm and is given room again: a clear no, no false yes, no restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.booking_storms.conftest import TEMPLATE, Town, copied
from tests.booking_storms.ledger import Ledger
from tests.booking_storms.storm import installation, raging, settle_doubts
from tests.booking_storms.test_crashes import crowd_of
from tests.booking_storms.verdict import problems_of
from tests.slots.databases import database_in
from tests.small_disks import no_room_left, small_disk


@pytest.fixture
def disk() -> Iterator[Path]:
    """With room for a town and little more."""
    with small_disk(mib=32) as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def on_small_disk(request: pytest.FixtureRequest, disk: Path) -> Iterator[Town]:
    """A town whose tables lie on the small disk."""
    original: Town = request.getfixturevalue(f"{request.param}_town")
    if request.param == "sqlite":
        yield copied(original, disk)
        return
    tables = disk / "tables"
    tables.mkdir()
    with database_in(tables, request.getfixturevalue("postgresql"), "on_a_small_disk", like=TEMPLATE) as url:
        yield Town(url, original.tokens)


async def test_a_full_disk_is_a_clear_no_and_booking_goes_on_without_a_restart_when_there_is_room_again(
    on_small_disk: Town, disk: Path, tmp_path: Path
) -> None:
    ledger = Ledger()
    crowd = crowd_of(on_small_disk, ledger)
    async with installation(tmp_path, database=on_small_disk.database, processes=1) as (server,):
        async with raging(crowd, [server.url]):
            await ledger.more("told", 20)
            with no_room_left(disk):
                await ledger.more("book storage_full", 20)
                await ledger.more("hold storage_full", 5)
            await ledger.more("told", 20)
        await settle_doubts(crowd, [server.url])
        exit_code = server.process.returncode

    assert exit_code is None
    assert problems_of(on_small_disk.database, ledger) == []
