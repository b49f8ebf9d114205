import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tests.slots.databases import create_database, postgresql_programs, postgresql_server
from tests.tracker import sockets
from tests.tracker.journeys import NOW_MS
from tests.tracker.listeners import Clock
from tests.tracker.migrations import migrate
from tests.tracker.nodes import Nodes
from tests.tracker.stores import MemoryTrackStore
from tracker import recorder
from tracker.hub import Hub
from tracker.node import Node
from tracker.store import SqlTrackStore, TrackStore, metadata, tracks_url

_numbers = itertools.count(1)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW_MS)


@pytest.fixture
def hub(clock: Clock) -> Hub:
    return Hub(now_ms=clock, clock_s=lambda: 0.0)


@pytest.fixture
def memory() -> MemoryTrackStore:
    return MemoryTrackStore()


@pytest.fixture
def tracks(tmp_path: Path) -> str:
    """The URL of an SQLite file with the tables of the store."""
    url = f"sqlite:///{tmp_path / 'enroute-tracks.db'}"
    engine = create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def sql(tracks: str) -> Iterator[SqlTrackStore]:
    store = SqlTrackStore(tracks)
    yield store
    store.close()


@pytest.fixture(scope="package")
def postgresql_of_all() -> Iterator[str]:
    """The URL of a server's maintenance database; skips where PostgreSQL is not installed."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with postgresql_server(programs) as url:
        yield url


@pytest.fixture
def empty_postgresql(postgresql_of_all: str) -> str:
    """The URL of a database without tables."""
    return tracks_url(create_database(postgresql_of_all, f"tracks_{next(_numbers)}"))


@pytest.fixture
def postgresql(empty_postgresql: str) -> Iterator[SqlTrackStore]:
    """The store on a migrated PostgreSQL."""
    migrate(empty_postgresql)
    store = SqlTrackStore(empty_postgresql)
    yield store
    store.close()


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest) -> TrackStore:
    """Each store there is."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches, and disks that failed, are tried sooner than in life."""
    monkeypatch.setattr(recorder, "BATCH_S", 0.005)
    monkeypatch.setattr(recorder, "UNHURRIED_S", 0.01)
    monkeypatch.setattr(recorder, "RETRY_S", 0.005)


@pytest.fixture
async def nodes(clock: Clock, quick: None) -> AsyncIterator[Nodes]:
    nodes = Nodes(clock)
    yield nodes
    for node in list(nodes.running):
        await nodes.stop(node)


@pytest.fixture
async def node(nodes: Nodes, memory: MemoryTrackStore) -> AsyncIterator[Node]:
    yield await nodes.start(memory)
    memory.failing = False
    memory.gate.set()


@pytest.fixture
async def no_socket_outlives_its_test() -> AsyncIterator[None]:
    yield
    await sockets.close_all()
