from pathlib import Path

import pytest

from tests.web.api.house import open_house
from tracker.ring import open_ring


async def test_the_hub_writes_by_io_uring_and_gives_it_back_at_the_end(template: Path, tmp_path: Path):
    tried = open_ring()
    if tried is None:
        pytest.skip("no io_uring on this machine that does what it should")
    tried.close()

    async with open_house(template, tmp_path / "house") as house:
        ring = house.state.hub._ring
        assert ring is not None
        assert ring._fd >= 0

    assert ring._fd < 0


async def test_the_hub_goes_without_where_io_uring_is_switched_off(template: Path, tmp_path: Path):
    async with open_house(template, tmp_path / "house", io_uring="off") as house:
        assert house.state.hub._ring is None
