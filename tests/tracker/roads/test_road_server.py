import asyncio
import socket

import pytest

from tests.tracker.roads.stand_in import (
    OsrmStandIn,
    answering,
    dripping,
    endless,
    half_closed,
    response,
    silence,
    writing,
)
from tests.tracker.sockets import until
from tracker.errors import RoadsUnavailable
from tracker.roads.road_server import RoadServer

PATIENT_S = 30.0
"""For answers that come, however busy the machine is."""
HASTY_S = 0.1
"""For answers that never come."""


@pytest.fixture
async def stand_in():
    stand_in = OsrmStandIn()
    stand_in.port = await stand_in.start()
    yield stand_in
    await stand_in.close()


@pytest.fixture
async def server(stand_in):
    server = RoadServer(f"http://127.0.0.1:{stand_in.port}", timeout_s=PATIENT_S, max_bytes=100_000)
    yield server
    await server.close()


def wait_at_most(server: RoadServer, seconds: float) -> None:
    server._timeout_s = seconds
    server._client.timeout = seconds


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (silence, "timeout"),
        (dripping, "timeout"),
        (half_closed, "cut_off"),
        (endless, "too_large"),
        (answering(200, b" " * 100_001), "too_large"),
        (writing(b""), "cut_off"),
        (writing(response(200, b"{", length=10)), "cut_off"),
        (writing(b"SSH-2.0-OpenSSH_9.2\r\n"), "cut_off"),
        (writing(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), "cut_off"),
        (writing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "cut_off"),
    ],
)
async def test_each_way_to_fail_has_its_reason(server, stand_in, fault, reason):
    stand_in.fault = fault
    if reason == "timeout":
        wait_at_most(server, HASTY_S)

    with pytest.raises(RoadsUnavailable) as failure:
        await server.get("route")

    assert failure.value.reason == reason


async def test_a_server_that_is_not_there_cannot_be_reached():
    server = RoadServer(f"http://127.0.0.1:{free_port()}")

    with pytest.raises(RoadsUnavailable, match="no connection") as failure:
        await server.get("route")
    await server.close()

    assert failure.value.reason == "unreachable"


async def test_a_redirect_is_an_answer_and_not_followed(server, stand_in):
    stand_in.fault = writing(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    assert (await server.get("route")).status == 302
    assert stand_in.asked == ["/route"]


async def test_a_server_that_speaks_http_1_0_is_understood(server, stand_in):
    # As osrm-routed did for years, with the end of the connection as the end of the answer.
    stand_in.fault = writing(b"HTTP/1.0 200 OK\r\n\r\n{}")

    assert (await server.get("route")).body == b"{}"


async def test_a_proxy_of_the_environment_is_not_used(stand_in, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    stand_in.fault = answering(200, b"{}")
    server = RoadServer(f"http://127.0.0.1:{stand_in.port}")

    answer = await server.get("route")
    await server.close()

    assert answer.body == b"{}"


async def test_a_connection_that_was_closed_while_idle_is_opened_again(server, stand_in):
    stand_in.fault = answering(200, b"{}")
    await server.get("one")
    for writer in list(stand_in._writers):
        writer.close()
    await until(lambda: not stand_in._writers)

    assert (await server.get("two")).status == 200
    assert stand_in.connections == 2


async def test_questions_that_ran_out_of_time_leave_room_for_others(server, stand_in):
    stand_in.fault = silence
    wait_at_most(server, HASTY_S)
    failures = await asyncio.gather(*(server.get("route") for _ in range(40)), return_exceptions=True)

    stand_in.fault = answering(200, b"{}")
    wait_at_most(server, PATIENT_S)
    answers = await asyncio.gather(*(server.get("route") for _ in range(40)))

    assert {failure.reason for failure in failures} == {"timeout"}
    assert [answer.status for answer in answers] == [200] * 40
