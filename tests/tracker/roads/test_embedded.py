import asyncio
import os
import signal
from io import BytesIO

import numpy as np
import pytest

from tests.tracker.roads.tiny_extract import small_town
from tracker.errors import RoadsUnavailable
from tracker.roads import RoadEngine
from tracker.roads.build import build_roads
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.graph_file import Source, open_graph, write_graph
from tracker.roads.trees import TreeMaker
from tracker.roads.worker import serve
from tracker.roads.worker_messages import Failed, NewSeconds, Taken, WantTree, decode_answer, framed

HOME = {"lat": 41.0045, "lon": -7.9945}


@pytest.fixture
def graph_file(graph, tmp_path):
    write_graph(graph, tmp_path / "town.graph", source=Source("town", 1, "00"))
    return tmp_path / "town.graph"


@pytest.fixture
async def roads(graph_file):
    engine = EmbeddedRoads(graph_file)
    yield engine
    await engine.close()


def answers_to(graph, *requests) -> list:
    told = BytesIO()
    serve(graph, BytesIO(b"".join(framed(request) for request in requests)), told)
    content, answers = told.getvalue(), []
    while content:
        length = int.from_bytes(content[:4], "little")
        answers.append(decode_answer(content[4 : 4 + length]))
        content = content[4 + length :]
    return answers


def test_a_failure_of_what_only_makes_things_quicker_keeps_nothing_from_being_answered(graph, monkeypatch, capfd):
    def fail(self) -> bool:
        raise MemoryError("no room")

    monkeypatch.setattr("tracker.roads.trees.TreeMaker.prepare", fail)

    [answer] = answers_to(graph, WantTree(1, HOME["lat"], HOME["lon"], 5000.0))

    assert answer.goals
    assert capfd.readouterr().err.count("MemoryError: no room") == 1


async def test_a_route_is_that_of_the_tree(roads, graph):
    engine: RoadEngine = roads

    route = await engine.route(lat=41.001, lon=-7.999, to_lat=HOME["lat"], to_lon=HOME["lon"])

    tree = TreeMaker(graph).tree(**HOME)
    destination = await roads.destination(**HOME)
    at = destination.snap(lat=41.001, lon=-7.999)
    assert route.total_s == pytest.approx(tree.left(graph, at).seconds, abs=0.5)
    assert destination.left(at) == tree.left(graph, at)
    assert route.points == destination.route(at).points


async def test_off_the_map_there_is_no_way(roads):
    assert await roads.route(lat=41.001, lon=-7.999, to_lat=50.0, to_lon=8.0) is None
    assert await roads.route(lat=50.0, lon=8.0, to_lat=HOME["lat"], to_lon=HOME["lon"]) is None
    assert await roads.destination(lat=50.0, lon=8.0) is None


async def test_visits_to_one_place_share_a_tree(roads):
    first, second = await asyncio.gather(roads.destination(**HOME), roads.destination(**HOME))
    third = await roads.destination(**HOME)

    assert first.tree is second.tree is third.tree
    assert roads.link._number == 1


async def test_the_oldest_trees_make_room_for_new_ones(graph_file):
    roads = EmbeddedRoads(graph_file, cache_bytes=1)

    first = await roads.destination(**HOME)
    again = await roads.destination(**HOME)
    await roads.close()

    assert first.tree is not again.tree
    assert roads._kept_bytes == 0


async def test_one_who_gives_up_leaves_the_tree_to_the_others(roads):
    gives_up = asyncio.create_task(roads.destination(**HOME))
    stays = asyncio.create_task(roads.destination(**HOME))
    await asyncio.sleep(0)

    gives_up.cancel()

    assert (await stays).tree.goals


async def test_a_worker_that_died_is_replaced(roads):
    await roads.destination(**HOME)
    os.kill(roads.link.pid, signal.SIGKILL)

    destination = await roads.destination(lat=41.002, lon=-7.998)

    assert destination is not None
    assert roads.link.starts == 2


async def test_a_worker_that_does_not_answer_is_ended_and_the_next_one_does(roads):
    await roads.destination(**HOME)
    os.kill(roads.link.pid, signal.SIGSTOP)
    roads.link.timeout_s = 0.05

    with pytest.raises(RoadsUnavailable, match=r"no answer from the road worker within 0\.05 s"):
        await roads.destination(lat=41.002, lon=-7.998)

    roads.link.timeout_s = 30.0
    assert await roads.destination(lat=41.002, lon=-7.998) is not None


async def test_a_worker_that_cannot_start_is_told_and_not_tried_for_ever(roads, graph_file):
    graph_file.unlink()

    with pytest.raises(RoadsUnavailable, match="ended twice"):
        await roads.destination(**HOME)

    assert roads.link.starts == 2


async def test_new_seconds_hold_for_new_trees_also_after_a_restart(roads, graph):
    before = await roads.destination(**HOME)
    at = before.snap(lat=41.001, lon=-7.999)
    slower = (np.frombuffer(graph.edge_free_s, np.float32) * 10).tobytes()

    await roads.replace_seconds(slower)
    after = await roads.destination(**HOME)
    os.kill(roads.link.pid, signal.SIGKILL)
    restarted = await roads.destination(lat=HOME["lat"], lon=HOME["lon"] + 0.00002)
    await roads.replace_seconds(None)
    back = await roads.destination(**HOME)

    assert after.left(at).seconds > 5 * before.left(at).seconds
    assert restarted.left(at).seconds == pytest.approx(after.left(at).seconds, rel=0.02)
    assert back.left(at) == before.left(at)


async def test_travel_times_are_a_row_for_each_origin(roads):
    places = [(41.001, -7.999), (41.0045, -7.9945), (50.0, 8.0)]

    rows = await roads.travel_s(places)

    there = await roads.route(lat=41.001, lon=-7.999, to_lat=41.0045, to_lon=-7.9945)
    assert rows[0][1] == pytest.approx(there.total_s, abs=0.5)
    assert [rows[0][0], rows[2][2], rows[0][2], rows[2][0]] == [0.0, 0.0, None, None]
    assert rows[1][0] > 0


async def test_a_table_of_few_origins_or_few_destinations_says_the_same_as_the_whole(roads):
    places = [(41.001, -7.999), (41.0045, -7.9945), (41.002, -7.998), (50.0, 8.0)]
    whole = await roads.travel_s(places)

    onward = await roads.travel_s(places[:1], places)
    back = await roads.travel_s(places, places[:1])

    assert onward[0] == pytest.approx(whole[0], abs=0.002)
    assert onward[0][::3] == [0.0, None]
    assert [row[0] for row in back] == [row[0] for row in whole]
    assert await roads.travel_s([], places) == []
    assert await roads.travel_s(places, []) == [[], [], [], []]


async def test_a_far_start_asks_for_a_wider_tree(roads):
    near = await roads.destination(**HOME, from_lat=41.01, from_lon=-8.0)
    hardly_further = await roads.destination(**HOME, from_lat=41.02, from_lon=-8.0)
    far = await roads.destination(**HOME, from_lat=41.3, from_lon=-8.0)

    assert near.tree is hardly_further.tree
    assert near.tree is not far.tree


async def test_the_loop_goes_on_while_a_tree_is_made(roads):
    await roads.destination(**HOME)
    wanted = asyncio.create_task(roads.destination(lat=41.002, lon=-7.998))
    turns = 0
    while not wanted.done():
        turns += 1
        await asyncio.sleep(0)

    assert turns > 2


def test_a_worker_says_what_went_wrong_and_lives_on(tmp_path):
    build_roads(small_town().write(tmp_path / "town.osm.pbf"), tmp_path / "town.graph")
    graph = open_graph(tmp_path / "town.graph")

    failed, taken, tree = answers_to(
        graph, NewSeconds(1, b"1234"), NewSeconds(2, None), WantTree(3, 41.01, -7.993, 40_000.0)
    )

    assert failed == Failed(1, f"ValueError: 1 times for {graph.edge_count} edges")
    assert taken == Taken(2)
    assert tree.goals
