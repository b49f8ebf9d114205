from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.web.api.house import House, make_template, open_house


@pytest_asyncio.fixture(scope="session")
async def template(tmp_path_factory) -> Path:
    return await make_template(tmp_path_factory.mktemp("house"))


@pytest_asyncio.fixture
async def house(template: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(template, tmp_path / "house") as opened:
        yield opened
