import os
from pathlib import Path

import pytest

from tests.tracker.roads.random_town import RandomTown
from tracker.roads.build import build_graph
from tracker.roads.graph import RoadGraph

SHARED_DATA = Path(os.environ.get("ENROUTE_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data"))


@pytest.fixture(scope="session")
def town() -> RandomTown:
    return RandomTown(seed=4)


@pytest.fixture(scope="session")
def graph(town, tmp_path_factory) -> RoadGraph:
    """The roads of ``town``. Not to be changed: see ``own_graph``."""
    return town.graph(tmp_path_factory.mktemp("town"))


@pytest.fixture
def own_graph(town, tmp_path) -> RoadGraph:
    """The same for a test that hands in other seconds."""
    return town.graph(tmp_path)


@pytest.fixture(scope="session")
def wide_graph(tmp_path_factory) -> RoadGraph:
    """Six by six kilometres: several tiles."""
    return RandomTown(seed=1, side=48).graph(tmp_path_factory.mktemp("wide"))


@pytest.fixture(scope="session")
def porto() -> RoadGraph:
    extract = SHARED_DATA / "maps" / "porto.osm.pbf"
    if not extract.exists():
        pytest.skip("no folder with real maps here (ENROUTE_TEST_DATA)")
    return build_graph(extract)
