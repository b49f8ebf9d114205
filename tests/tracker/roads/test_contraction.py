from math import inf
from random import Random

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from tracker.roads.contraction import Contraction
from tracker.roads.trees import WORTH_CONTRACTING, Place, TreeMaker


def contracted(count: int, edges: list[tuple[int, int, float]]) -> Contraction:
    before, after, seconds = (np.array(part) for part in zip(*edges, strict=True))
    contraction = Contraction(count, before, after, seconds.astype(float))
    while not contraction.is_done:
        contraction.advance()
    return contraction


def searched(count: int, edges: list[tuple[int, int, float]], enders: dict[int, float], limit_s: float) -> list[float]:
    """Plainly, on the graph turned round with the destination as one more node."""
    shortest: dict[tuple[int, int], float] = {}
    for before, after, seconds in [*edges, *((node, count, seconds) for node, seconds in enders.items())]:
        shortest[after, before] = min(seconds, shortest.get((after, before), inf))
    rows, columns = zip(*shortest, strict=True)
    graph = csr_array((list(shortest.values()), (rows, columns)), shape=(count + 1, count + 1))
    return dijkstra(graph, indices=count, limit=limit_s)[:-1].tolist()


def some_town(chance: Random, count: int) -> list[tuple[int, int, float]]:
    """Few roads from each place, some that end blindly, some in a ring, some twice between the same two places."""
    edges = []
    for node in range(count):
        for _ in range(chance.choice((0, 1, 1, 2, 2, 3))):
            other = chance.randrange(count) if chance.random() < 0.1 else (node + chance.randint(-4, 4)) % count
            edges.append((node, other, chance.uniform(0.1, 60.0)))
            if chance.random() < 0.5:
                edges.append((other, node, chance.uniform(0.1, 60.0)))
    return edges


@pytest.mark.parametrize("seed", range(40))
def test_what_is_left_of_a_graph_tells_the_times_of_all_of_it(seed: int) -> None:
    chance = Random(seed)
    count = chance.choice((2, 5, 40, 300))
    edges = some_town(chance, count) or [(0, 1, 1.0)]
    contraction = contracted(count, edges)

    for _ in range(5):
        enders = {chance.randrange(count): chance.uniform(0.1, 30.0) for _ in range(chance.randint(1, 6))}
        limit_s = chance.choice((50.0, 1e6))

        found = contraction.costs_to(enders, limit=limit_s).tolist()

        assert found == pytest.approx(searched(count, edges, enders, limit_s), rel=1e-12)


def test_a_road_without_branches_leaves_nothing_to_be_searched() -> None:
    contraction = contracted(50, [(node, node + 1, 2.0) for node in range(49)])

    assert contraction.costs_to({49: 1.0}, limit=1e6).tolist() == [1.0 + 2.0 * (49 - node) for node in range(50)]


def test_nothing_leads_to_a_destination_without_enders() -> None:
    contraction = contracted(3, [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0)])

    assert contraction.costs_to({}, limit=1e6).tolist() == [inf, inf, inf]


def test_trees_and_times_stay_what_they_were_when_their_search_is_prepared(porto) -> None:
    chance = Random(1)
    places = [Place(*porto.midpoint(chance.randrange(porto.edge_count))) for _ in range(5)]
    plain, prepared = TreeMaker(porto), TreeMaker(porto)
    while prepared.prepare():
        pass

    for lat, lon in places:
        before, after = plain.tree(lat=lat, lon=lon), prepared.tree(lat=lat, lon=lon)

        assert before is not None
        assert after is not None
        assert after.left_units.tolist() == before.left_units.tolist()
        assert after.left_units_m.tolist() == before.left_units_m.tolist()
    table = prepared.times(places, places)
    expected = plain.times(places, places)
    assert [value for row in table for value in row] == pytest.approx([value for row in expected for value in row])


def test_of_a_large_map_the_part_that_is_searched_often_is_prepared(monkeypatch, porto) -> None:
    monkeypatch.setattr("tracker.roads.trees.SMALL_MAP", 0)
    maker = TreeMaker(porto)
    lat, lon = porto.midpoint(0)

    for _ in range(WORTH_CONTRACTING):
        assert not maker.prepare()
        maker.tree(lat=lat, lon=lon, radius_m=2000.0)

    assert maker.prepare()


def test_seconds_that_were_learned_are_prepared_anew(own_graph) -> None:
    maker = TreeMaker(own_graph)
    while maker.prepare():
        pass
    lat, lon = own_graph.midpoint(0)
    before = maker.tree(lat=lat, lon=lon)

    own_graph.replace_seconds(memoryview(np.frombuffer(own_graph.edge_free_s, np.float32) * 2))

    assert maker.prepare()
    while maker.prepare():
        pass
    after = maker.tree(lat=lat, lon=lon)
    assert before is not None
    assert after is not None
    assert max(after.left_units[:100]) > max(before.left_units[:100])
