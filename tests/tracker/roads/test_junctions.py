from itertools import pairwise

import pytest

from tests.tracker.roads.tiny_extract import TinyExtract, small_town
from tracker.roads.junctions import Signal, TurnRule, WayRule, read_junctions


def cross_with(tmp_path, **tags: str):
    """Way 1 leads to node 2, way 2 away from it; with one relation over node 2."""
    town = TinyExtract()
    a, b, c = (town.node(north=0.0, east=e) for e in (0.0, 0.5, 1.0))
    town.link(a, b, highway="residential")
    town.link(b, c, highway="residential")
    town.restrictions.append((1, b, 2, tags))
    return read_junctions(town.write(tmp_path / "rule.osm.pbf"))


def test_signals_come_with_their_kind_and_direction(tmp_path):
    town = TinyExtract()
    town.node(north=0, east=0, highway="traffic_signals")
    town.node(north=0, east=1, highway="traffic_signals", **{"traffic_signals:direction": "backward"})
    town.node(north=0, east=2, highway="crossing", crossing="traffic_signals")
    town.node(north=0, east=3, highway="crossing", crossing="marked")

    found = read_junctions(town.write(tmp_path / "signals.osm.pbf"))

    assert found.signals == {1: (Signal.CROSSROADS, 0), 2: (Signal.CROSSROADS, -1), 3: (Signal.PEDESTRIANS, 0)}


@pytest.mark.parametrize(
    ("tags", "blocked"),
    [
        ({"barrier": "bollard"}, True),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, False),
        ({"barrier": "gate"}, False),
        ({"barrier": "block"}, True),
    ],
)
def test_bollards_stop_cars_and_gates_open(tmp_path, tags, blocked):
    town = TinyExtract()
    node = town.node(north=0, east=0, **tags)

    found = read_junctions(town.write(tmp_path / "barrier.osm.pbf"))

    assert found.blocked == ({node} if blocked else set())


@pytest.mark.parametrize(
    ("tags", "only"),
    [
        ({"restriction": "no_left_turn"}, False),
        ({"restriction": "only_straight_on"}, True),
        ({"restriction:motorcar": "no_right_turn"}, False),
        ({"restriction:motor_vehicle": "no_right_turn"}, False),
        ({"restriction": "no_u_turn", "except": "bus;bicycle"}, False),
        ({"restriction": "only_right_turn", "except": "psv"}, True),
    ],
)
def test_turn_restrictions_are_rules_from_way_over_node_to_way(tmp_path, tags, only):
    assert cross_with(tmp_path, **tags).turn_rules == [TurnRule(1, 2, 2, only)]


@pytest.mark.parametrize(
    "tags",
    [
        {"restriction": "no_left_turn", "except": "bicycle; motorcar"},
        {"restriction": "give_way"},
        {"restriction": "no_left_turn", "hour_on": "07:00", "hour_off": "09:00"},
        {"restriction:hgv": "no_left_turn"},
        {"restriction": "no_left_turn", "restriction:motorcar": "none"},
        {"restriction:conditional": "no_left_turn @ (07:00-09:00)"},
    ],
)
def test_what_does_not_bind_cars_at_all_times_is_no_rule(tmp_path, tags):
    assert cross_with(tmp_path, **tags).turn_rules == []


def test_other_relations_are_none_of_our_business(tmp_path):
    found = read_junctions(small_town().write(tmp_path / "town.osm.pbf"))

    assert (found.turn_rules, found.skipped_rules) == ([], 0)


def rules_of(tmp_path, *vias: int, **tags: str):
    town = TinyExtract()
    nodes = [town.node(north=0.0, east=e / 10) for e in range(5)]
    for a, b in pairwise(nodes):
        town.link(a, b, highway="residential")
    town.way_restrictions.append((1, vias, 4, tags))
    return read_junctions(town.write(tmp_path / "rule.osm.pbf"))


def test_a_restriction_may_lead_over_ways(tmp_path):
    assert rules_of(tmp_path, 2, 3, restriction="no_u_turn").way_rules == [WayRule(1, (2, 3), 4, only=False)]


def test_a_restriction_that_leads_over_one_of_its_own_ends_is_counted_and_left_out(tmp_path):
    found = rules_of(tmp_path, 2, 4, restriction="no_u_turn")

    assert (found.way_rules, found.turn_rules, found.skipped_rules) == ([], [], 1)
