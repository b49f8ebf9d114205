from itertools import pairwise
from math import inf
from random import Random

import pytest

from tests.tracker.roads.random_town import RandomTown
from tests.tracker.roads.tiny_extract import TOWN_LAT, TOWN_LON, TinyExtract
from tracker.roads.build import build_graph
from tracker.roads.graph import RoadGraph
from tracker.roads.matching import way_between
from tracker.roads.snap import Snap, snap
from tracker.roads.trees import TreeMaker

NO_U_TURN = {"restriction": "no_u_turn"}


class TwoCarriageways:
    """One carriageway to the east in the south, one to the west in the north; a link, a side street at its south end.

    Both carriageways are linked at their ends too. All lies within a hundredth of a degree of the town's corner.
    """

    def __init__(self, *, link_pieces: int = 1) -> None:
        self.town = town = TinyExtract()
        south = [town.node(north=0.0, east=east) for east in (0.0, 0.5, 1.0)]
        north = [town.node(north=0.1, east=east) for east in (0.0, 0.5, 1.0)]
        side = town.node(north=-0.5, east=0.5)
        self.east_in = town.link(*south[:2], highway="primary", oneway="yes")
        self.east_out = town.link(*south[1:], highway="primary", oneway="yes")
        self.west_in = town.link(*reversed(north[1:]), highway="primary", oneway="yes")
        self.west_out = town.link(*reversed(north[:2]), highway="primary", oneway="yes")
        between = [town.node(north=0.1 * part / link_pieces, east=0.5) for part in range(1, link_pieces)]
        corners = [south[1], *between, north[1]]
        self.link = [town.link(a, b, highway="residential") for a, b in pairwise(corners)]
        self.side = town.link(side, south[1], highway="residential")
        town.link(south[2], north[2], highway="residential")
        town.link(north[0], south[0], highway="residential")

    def forbid(self, start: int, end: int, **rule: str) -> None:
        self.town.way_restrictions.append((start, self.link, end, rule or NO_U_TURN))

    def graph(self, folder) -> RoadGraph:
        return build_graph(self.town.write(folder / f"rules{len(self.town.way_restrictions)}.osm.pbf"))


def on(graph: RoadGraph, *, north: float, east: float, heading_deg: float) -> Snap:
    found = snap(graph, lat=TOWN_LAT + north / 100, lon=TOWN_LON + east / 100, heading_deg=heading_deg)
    assert found is not None
    return found


def metres_between(graph: RoadGraph, start: Snap, end: Snap) -> float:
    lat, lon = graph.place(end.edge, end.done_m)
    left = TreeMaker(graph).tree(lat=lat, lon=lon).left(graph, start)
    return left.metres


EASTWARD = {"north": 0.0, "east": 0.3, "heading_deg": 90.0}
WESTWARD = {"north": 0.1, "east": 0.3, "heading_deg": 270.0}
FROM_SIDE = {"north": -0.3, "east": 0.5, "heading_deg": 0.0}


@pytest.mark.parametrize("link_pieces", [1, 3])
def test_who_came_along_the_carriageway_may_not_turn_back_over_the_link(tmp_path, link_pieces):
    roads = TwoCarriageways(link_pieces=link_pieces)
    free = roads.graph(tmp_path)
    roads.forbid(roads.east_in, roads.west_out)
    graph = roads.graph(tmp_path)

    short_m = metres_between(free, on(free, **EASTWARD), on(free, **WESTWARD))
    long_m = metres_between(graph, on(graph, **EASTWARD), on(graph, **WESTWARD))

    # Over the link, or on to the end and back on the other carriageway.
    assert short_m == pytest.approx(450, abs=20)
    assert long_m == pytest.approx(450 + 2 * 420, abs=20)
    copies = [edge for edge in range(graph.edge_count) if graph.alike(edge)[0] != edge]
    assert len(copies) == link_pieces


def test_others_may_drive_over_the_link_as_before(tmp_path):
    roads = TwoCarriageways()
    free = roads.graph(tmp_path)
    roads.forbid(roads.east_in, roads.west_out)
    graph = roads.graph(tmp_path)

    ways = [metres_between(each, on(each, **FROM_SIDE), on(each, **WESTWARD)) for each in (free, graph)]

    assert ways[0] == ways[1]


def test_where_one_way_alone_is_allowed_at_the_end_of_the_link_there_is_no_other(tmp_path):
    roads = TwoCarriageways()
    roads.forbid(roads.side, roads.west_out, restriction="only_left_turn")
    graph = roads.graph(tmp_path)
    tree = TreeMaker(graph).tree(lat=TOWN_LAT + 0.0005, lon=TOWN_LON + 0.005)

    # Turning round on the link is no way out either, but whoever goes there has arrived.
    assert tree.left(graph, on(graph, **FROM_SIDE)).metres == pytest.approx(0.35 * 1112, abs=20)
    link = next(edge for edge in graph.onward(on(graph, **FROM_SIDE).edge) if len(graph.alike(edge)) > 1)
    (following,) = graph.onward(link)
    assert graph.edge_segment[following] == graph.edge_segment[on(graph, **WESTWARD).edge]


def test_a_trip_that_ends_on_the_link_is_told_whole_and_learned_from(tmp_path):
    roads = TwoCarriageways()
    roads.forbid(roads.east_in, roads.west_out)
    graph = roads.graph(tmp_path)
    start, end = on(graph, **EASTWARD), on(graph, north=0.05, east=0.5, heading_deg=0.0)
    lat, lon = graph.place(end.edge, end.done_m)

    tree = TreeMaker(graph).tree(lat=lat, lon=lon)
    route = tree.route(graph, start)
    way = way_between(graph, start, end, limit_s=600)

    assert len(graph.alike(end.edge)) == 2
    assert route.points[-1] == pytest.approx((lat, lon), abs=1e-5)
    assert route.length_m == pytest.approx(tree.left(graph, start).metres, abs=6.0)
    assert sum(piece.share * graph.edge_length_m[piece.edge] for piece in way) == pytest.approx(route.length_m, abs=1)


@pytest.mark.parametrize(
    "rule",
    [
        {"restriction": "no_u_turn", "except": "psv;motorcar"},
        {"restriction": "no_u_turn", "hour_on": "07:00", "hour_off": "09:00"},
        {"restriction:conditional": "no_u_turn @ (07:00-09:00)"},
        {"restriction:hgv": "no_u_turn"},
        {"restriction:motorcar": "none", "restriction": "no_u_turn"},
    ],
)
def test_what_does_not_bind_cars_at_all_times_parts_nothing(tmp_path, rule):
    roads = TwoCarriageways()
    free = roads.graph(tmp_path)
    roads.forbid(roads.east_in, roads.west_out, **rule)

    assert roads.graph(tmp_path).edge_count == free.edge_count


def test_a_rule_over_ways_that_are_not_there_or_do_not_meet_forbids_nothing(tmp_path):
    roads = TwoCarriageways()
    free = roads.graph(tmp_path)
    town = roads.town
    town.way_restrictions += [
        (roads.east_in, [99], roads.west_out, NO_U_TURN),
        (99, roads.link, roads.west_out, NO_U_TURN),
        (roads.east_in, roads.link, 99, {"restriction": "only_left_turn"}),
        (roads.east_in, [*roads.link, roads.east_out], roads.west_out, NO_U_TURN),
        (roads.east_in, [roads.west_in], roads.side, NO_U_TURN),
    ]

    assert roads.graph(tmp_path).edge_count == free.edge_count


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_knows_the_times_that_a_plain_search_finds_among_rules_over_ways(seed, tmp_path):
    town = RandomTown(seed=seed, over_ways=25)
    graph = town.graph(tmp_path)
    starts = {edge: town.link_at_start(graph, edge) for edge in range(graph.edge_count)}
    within = {link for way in (*town.no_ways, *town.only_ways) for link in way[1:]}
    checked = 0
    for goal in Random(seed).sample(sorted(set(starts.values())), k=2):
        lat, lon = town.middle(goal)
        tree = TreeMaker(graph).tree(lat=lat, lon=lon)
        for edge, start in starts.items():
            left = tree.left_on(graph, edge, 0.0, graph.edge_length_m[edge])
            found_s = inf if left is None else left.seconds
            expected_s = town.shortest_s(start, goal)
            # Who is on a way that a rule leads over came to it somehow, and has the same choice at most.
            assert found_s > expected_s - 2.5
            if start not in within:
                checked += 1
                assert found_s == pytest.approx(expected_s, rel=0.002, abs=2.5)

    assert any(graph.alike(edge)[0] != edge for edge in starts)
    assert checked > 80


def test_no_forbidden_way_can_be_driven(tmp_path):
    town = RandomTown(seed=3, over_ways=40)
    graph = town.graph(tmp_path)
    links = [town.link_at_start(graph, edge) for edge in range(graph.edge_count)]
    single = {links[edge] for edge in range(graph.edge_count) if len(graph.line(edge)) == 2}

    def ways(edge: int, blocks: tuple) -> list[list[int]]:
        """All runs of edges from one on that follow these blocks."""
        if not blocks:
            return [[edge]]
        return [
            [edge, *rest]
            for after in graph.onward(edge)
            if links[after] == blocks[0]
            for rest in ways(after, blocks[1:])
        ]

    forbidden = [way for way in town.no_ways if set(way) <= single]
    for first, *others in forbidden:
        firsts = [edge for edge, link in enumerate(links) if link == first]
        assert not [way for edge in firsts for way in ways(edge, tuple(others))]
    assert len(forbidden) > 5
