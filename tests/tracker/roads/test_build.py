import pytest

from tests.tracker.roads.tiny_extract import TOWN_LAT, TOWN_LON, TinyExtract, small_town
from tracker.roads.build import build_graph, build_roads
from tracker.roads.extract import ExtractError, NoRoadsForCars
from tracker.roads.snap import snap
from tracker.roads.speeds import SIGNAL_S, U_TURN_S
from tracker.roads.trees import TreeMaker


def built(town: TinyExtract, tmp_path):
    return build_graph(town.write(tmp_path / "town.osm.pbf"))


def edges_between(graph, west: float, east: float) -> list[int]:
    """Edges that lie between two longitudes, in hundredths of a degree from the town's corner."""
    return [
        edge
        for edge in range(graph.edge_count)
        if TOWN_LON + west / 100 < graph.midpoint(edge)[1] < TOWN_LON + east / 100
    ]


def test_a_two_way_street_is_two_edges_that_turn_into_each_other(tmp_path):
    town = TinyExtract()
    town.way((0.0, 0.0), (0.1, 0.5), (0.0, 1.0), highway="residential")

    graph = built(town, tmp_path)

    assert (graph.segment_count, graph.edge_count) == (1, 2)
    assert [graph.onward(0), graph.onward(1)] == [[1], [0]]
    assert graph.turn_s(0, 1) == U_TURN_S / 2
    assert graph.twin(0) == 1


def test_seconds_are_length_over_speed(tmp_path):
    town = TinyExtract()
    town.way((0.0, 0.0), (1.0, 0.0), highway="primary", maxspeed="50")

    graph = built(town, tmp_path)

    assert graph.edge_length_m[0] == pytest.approx(1112, abs=1)
    assert graph.edge_free_s[0] == pytest.approx(1112 / 40 * 3.6, abs=0.2)
    assert graph.road_class(0) == "primary"


def test_small_bends_are_left_out_and_large_ones_kept(tmp_path):
    town = TinyExtract()
    town.way((0.0, 0.0), (0.00005, 0.3), (0.0, 0.5), (0.05, 0.7), (0.0, 1.0), highway="primary")

    assert len(built(town, tmp_path).line(0)) == 4


def test_lights_cost_those_whom_they_stop(tmp_path):
    town = TinyExtract()
    a, b, c = (town.node(north=0.0, east=e) for e in (0.0, 0.5, 1.0))
    town.node_tags[b] = {"highway": "traffic_signals", "traffic_signals:direction": "forward"}
    town.link(a, b, c, highway="primary")

    graph = built(town, tmp_path)

    assert sorted(graph.edge_signals.tolist()) == [0, 1]
    assert abs(graph.edge_free_s[0] - graph.edge_free_s[1]) == pytest.approx(SIGNAL_S, abs=0.01)


def test_a_light_drawn_twice_at_one_crossing_counts_once(tmp_path):
    town = TinyExtract()
    a, b, c, d = (town.node(north=0.0, east=e) for e in (0.0, 0.5, 0.52, 1.0))
    for node in (b, c):
        town.node_tags[node] = {"highway": "traffic_signals"}
    town.link(a, b, c, d, highway="primary")

    assert built(town, tmp_path).edge_signals.tolist() == [1, 1]


def crossing(tmp_path, rule: dict[str, str]):
    """A street to the east that is crossed in the middle by one to the north; a rule for the turn to the north."""
    town = TinyExtract()
    west, middle, east = (town.node(north=0.5, east=e) for e in (0.0, 0.5, 1.0))
    north, south = town.node(north=1.0, east=0.5), town.node(north=0.0, east=0.5)
    for start, end in ((west, middle), (middle, east), (middle, north), (middle, south)):
        town.link(start, end, highway="residential")
    town.restrictions.append((1, middle, 3, rule))
    graph = built(town, tmp_path)
    edge = snap(graph, lat=TOWN_LAT + 0.005, lon=TOWN_LON + 0.002, heading_deg=90).edge
    ends = {name: (town.nodes[node]) for name, node in (("w", west), ("e", east), ("n", north), ("s", south))}
    reached = {
        name
        for following in graph.onward(edge)
        for name, place in ends.items()
        if graph.line(following)[-1][:2] == pytest.approx(place, abs=1e-6)
    }
    return graph, reached


def test_a_forbidden_turn_is_no_turn(tmp_path):
    _, reached = crossing(tmp_path, {"restriction": "no_left_turn"})

    assert reached == {"w", "e", "s"}


def test_where_one_turn_alone_is_allowed_there_is_no_other(tmp_path):
    _, reached = crossing(tmp_path, {"restriction": "only_left_turn"})

    assert reached == {"n"}


def test_a_rule_of_unknown_ways_forbids_nothing(tmp_path):
    town = TinyExtract()
    a, b, c = (town.node(north=0.0, east=e) for e in (0.0, 0.5, 1.0))
    town.link(a, b, highway="residential")
    town.link(b, c, highway="residential")
    town.restrictions.append((7, b, 8, {"restriction": "only_straight_on"}))
    town.restrictions.append((1, 99, 2, {"restriction": "no_straight_on"}))

    graph = built(town, tmp_path)

    assert len(graph.next_edge) == 4 + 4 - 2


def test_what_one_cannot_come_back_from_is_left_out(tmp_path):
    town = TinyExtract()
    a, b, c = (town.node(north=0.0, east=e) for e in (0.0, 0.5, 1.0))
    town.link(a, b, highway="residential")
    town.link(b, c, highway="residential", oneway="yes")

    graph = built(town, tmp_path)

    assert graph.edge_count == 2
    assert edges_between(graph, 0.5, 1.0) == []


def test_a_yard_that_nobody_connected_is_left_out_but_an_island_is_kept(tmp_path):
    town = TinyExtract()
    for number in range(12):
        town.way((0.1 * number, 0.0), (0.1 * number, 1.0), highway="residential")
    ends = [refs[0] for refs, _ in town.ways]
    town.link(*ends, highway="residential")
    for number in range(3):
        town.way((2.0, 3.0 + number), (2.0, 3.5 + number), highway="residential")
    town.link(*(refs[0] for refs, _ in town.ways[-3:]), highway="residential")
    town.way((4.0, 4.0), (4.0, 4.1), highway="service")

    graph = built(town, tmp_path)

    assert snap(graph, lat=TOWN_LAT + 0.02, lon=TOWN_LON + 0.032) is not None
    assert snap(graph, lat=TOWN_LAT + 0.04, lon=TOWN_LON + 0.0405) is None


def test_from_an_island_the_mainland_cannot_be_reached(tmp_path):
    town = TinyExtract()
    town.way((0.0, 0.0), (0.0, 1.0), highway="residential")
    town.way((1.0, 0.0), (1.0, 1.0), highway="residential")
    graph = built(town, tmp_path)
    tree = TreeMaker(graph).tree(lat=TOWN_LAT, lon=TOWN_LON + 0.005)
    island = snap(graph, lat=TOWN_LAT + 0.01, lon=TOWN_LON + 0.005)

    assert tree.left(graph, island) is None
    assert tree.route(graph, island) is None


def test_the_summary_counts_what_was_built(tmp_path):
    told = []

    summary = build_roads(
        small_town().write(tmp_path / "town.osm.pbf"),
        tmp_path / "town.graph",
        progress=lambda s, p: told.append((s, p)),
    )

    # The motorway leads away for good; the street of two pieces can be driven up and down.
    assert (summary.edges, summary.turns, summary.signals) == (4, 8 - 2, 0)
    assert summary.size_bytes == (tmp_path / "town.graph").stat().st_size
    assert summary.road_km > 0
    assert [part for _, part in told] == sorted(part for _, part in told)
    assert told[-1] == ("Done", 1.0)


def test_an_extract_without_roads_is_told_from_one_that_cannot_be_read(tmp_path):
    town = TinyExtract()
    town.way((0.0, 0.0), (0.0, 1.0), highway="footway")
    footpaths = town.write(tmp_path / "park.osm.pbf")

    with pytest.raises(NoRoadsForCars, match=r"park\.osm\.pbf holds no roads for cars"):
        build_graph(footpaths)
    town.way((1.0, 0.0), (1.0, 1.0), highway="primary", oneway="yes")
    with pytest.raises(NoRoadsForCars, match="drive there and back"):
        build_graph(town.write(tmp_path / "ramp.osm.pbf"))
    with pytest.raises(ExtractError, match="does not exist"):
        build_graph(tmp_path / "none.osm.pbf")
