from tests.tracker.roads.tiny_extract import TinyExtract, small_town
from tracker.roads.extract import read_streets
from tracker.roads.junctions import read_junctions
from tracker.roads.segments import Network, network_of
from tracker.roads.speeds import ROAD_CLASSES


def network(town: TinyExtract, tmp_path) -> Network:
    extract = town.write(tmp_path / "town.osm.pbf")
    return network_of(read_streets(extract), read_junctions(extract))


def row(town: TinyExtract, count: int) -> list[int]:
    return [town.node(north=0.1 * (number % 2), east=0.2 * number) for number in range(count)]


def test_a_street_is_cut_where_another_joins_it(tmp_path):
    town = TinyExtract()
    a, b, c, d = row(town, 4)
    town.link(a, b, c, highway="residential")
    town.link(b, d, highway="residential")

    assert sorted(len(s.nodes) for s in network(town, tmp_path).segments) == [2, 2, 2]


def test_streets_that_merely_go_on_are_one_segment_whichever_way_they_were_drawn(tmp_path):
    town = TinyExtract()
    a, b, c, d, e = row(town, 5)
    town.link(a, b, highway="residential", name="One")
    town.link(c, b, highway="residential", name="Two")
    town.link(c, d, e, highway="residential", name="Three")

    (segment,) = network(town, tmp_path).segments

    assert segment.nodes in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])
    assert {segment.first_way, segment.last_way} == {1, 3}


def test_where_the_limit_changes_a_segment_ends(tmp_path):
    town = TinyExtract()
    a, b, c = row(town, 3)
    town.link(a, b, highway="primary", maxspeed="50")
    town.link(b, c, highway="primary", maxspeed="70")

    assert len(network(town, tmp_path).segments) == 2


def test_one_ways_keep_their_direction_through_every_joint(tmp_path):
    town = TinyExtract()
    a, b, c, d = row(town, 4)
    town.link(a, b, highway="primary", oneway="yes")
    town.link(c, b, highway="primary", oneway="-1")
    town.link(c, d, highway="primary", oneway="yes")

    found = network(town, tmp_path)

    (segment,) = found.segments
    assert [found.lons[node] for node in segment.nodes] == sorted(found.lons)
    assert segment.oneway


def test_one_ways_that_meet_head_on_are_not_joined(tmp_path):
    town = TinyExtract()
    a, b, c = row(town, 3)
    town.link(a, b, highway="primary", oneway="yes")
    town.link(c, b, highway="primary", oneway="yes")

    assert len(network(town, tmp_path).segments) == 2


def test_a_barrier_parts_a_street_into_two_dead_ends(tmp_path):
    town = TinyExtract()
    a, b, c = row(town, 3)
    town.node_tags[b] = {"barrier": "bollard"}
    town.link(a, b, c, highway="residential")

    first, second = network(town, tmp_path).segments

    assert not set(first.nodes) & set(second.nodes)


def test_streets_that_cross_at_a_barrier_do_not_meet_there(tmp_path):
    town = TinyExtract()
    a, b, c, d, e = row(town, 5)
    town.node_tags[b] = {"barrier": "block"}
    town.link(a, b, c, highway="residential")
    town.link(d, b, e, highway="residential")

    segments = network(town, tmp_path).segments

    assert len(segments) == 4
    assert len({node for segment in segments for node in segment.nodes}) == 8


def test_a_ring_that_joins_nothing_stays_one_segment(tmp_path):
    town = TinyExtract()
    a, b, c = row(town, 3)
    town.link(a, b, c, a, highway="residential")

    (segment,) = network(town, tmp_path).segments

    assert segment.nodes[0] == segment.nodes[-1]


def test_a_node_with_a_turn_restriction_stays_a_junction(tmp_path):
    town = TinyExtract()
    a, b, c = row(town, 3)
    town.link(a, b, highway="residential")
    town.link(b, c, highway="residential")
    town.restrictions.append((1, b, 2, {"restriction": "no_u_turn"}))

    assert len(network(town, tmp_path).segments) == 2


def test_paths_are_no_roads(tmp_path):
    streets = read_streets(small_town().write(tmp_path / "town.osm.pbf"), with_paths=True)

    found = network_of(streets, read_junctions(tmp_path / "town.osm.pbf"))

    assert [ROAD_CLASSES[segment.class_code] for segment in found.segments] == ["motorway", *2 * ["residential"]]
