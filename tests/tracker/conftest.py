from collections.abc import AsyncIterator

import pytest

from tests.tracker import sockets


@pytest.fixture(autouse=True)
async def no_socket_outlives_its_test() -> AsyncIterator[None]:
    yield
    await sockets.close_all()
