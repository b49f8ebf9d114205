from __future__ import annotations

import base64

import pytest

from benchmarks.loading import TripAccess, Workload
from benchmarks.peer_plans import Dialect, enroute_plan, frame_head_bytes, relay_plan

TRIPS = [TripAccess(f"visit{n}", f"phone{n}", "eyes", 41.15, -8.61, 0.0) for n in range(3)]
FLEET_VIEW = Workload(name="fleet view", trips=2, watchers=2, rate_per_s=2.0, view="fleet")
ONE_TO_TWO = Workload(name="1:2", trips=1, watchers=2)
PLACE = "41.1500000\t-8.6100000\t0.0"


def test_dispatchers_watch_the_board_of_enroute() -> None:
    lines = list(enroute_plan(FLEET_VIEW, TRIPS))

    token = base64.urlsafe_b64encode(b"eyes").decode().rstrip("=")
    board = f"fleet\t0\t/ws/dispatch\tSec-WebSocket-Protocol: enroute.v1.json, bearer.{token}"
    assert [line.split("\t")[0] for line in lines] == ["device", "device", "fleet", "fleet"]
    assert lines[2:] == [board, board]


def test_a_fleet_view_of_a_relay_is_one_topic_for_all() -> None:
    lines = list(relay_plan(FLEET_VIEW, dialect="plain", update_bytes=170))

    assert lines == [
        "dialect\tplain",
        "message\t166",
        f"device\t0\t/ws/device\t{PLACE}\tAuthorization: Bearer fleet",
        f"device\t1\t/ws/device\t{PLACE}\tAuthorization: Bearer fleet",
        "fleet\t0\t/ws/appointments/fleet\t",
        "fleet\t0\t/ws/appointments/fleet\t",
    ]


@pytest.mark.parametrize(
    ("dialect", "path", "header"),
    [("mqtt", "/mqtt#trip0", "Sec-WebSocket-Protocol: mqtt"), ("nats", "/#trip0", "")],
)
def test_a_broker_is_told_the_topic_in_its_own_words(dialect: Dialect, path: str, header: str) -> None:
    lines = list(relay_plan(ONE_TO_TWO, dialect=dialect, update_bytes=270))

    assert lines == [
        f"dialect\t{dialect}",
        "message\t266",
        f"device\t0\t{path}\t{PLACE}\t{header}",
        f"watcher\t0\t{path}\t{header}",
        f"watcher\t0\t{path}\t{header}",
    ]


@pytest.mark.parametrize(("frame", "head"), [(127, 2), (130, 4), (270, 4)])
def test_the_head_of_a_frame_is_left_out_of_the_message(frame: int, head: int) -> None:
    assert frame_head_bytes(frame) == head
