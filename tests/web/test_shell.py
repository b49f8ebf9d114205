"""What every answer gets, whoever makes it."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.servers import EnrouteServer
from tests.web.api.house import House
from web.config import Settings
from web.shell import content_security_policy
from web.throttle import Throttle

EVERYWHERE = (
    "/",
    "/sign-in",
    "/api/session",
    "/healthz",
    "/openapi.json",
    "/nothing",
    "/api/nothing",
    "/metrics",
)


@pytest.mark.parametrize("path", EVERYWHERE)
async def test_every_answer_carries_the_security_headers(house: House, path):
    answer = await house.nobody.get(path)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer")
    assert "server" not in answer.headers


def test_only_a_configured_map_style_opens_the_policy_and_only_to_its_host():
    closed = content_security_policy(Settings())
    opened = content_security_policy(Settings(map_style_url="https://maps.example/style.json?key=1"))

    assert "maps.example" not in closed
    assert "connect-src 'self' https://maps.example;" in opened
    assert "style.json" not in opened


def test_tiles_elsewhere_and_further_hosts_of_a_map_open_the_policy_for_images_fonts_and_requests():
    tiles = content_security_policy(Settings(map_tiles_url="https://tiles.example:8443/maps/porto.pmtiles"))
    style = content_security_policy(
        Settings(map_style_url="https://maps.example/style.json", map_hosts="a.example, *.b.example")
    )

    assert "connect-src 'self' https://tiles.example:8443;" in tiles
    assert "porto" not in tiles
    for directive in ("img-src 'self' data: blob:", "connect-src 'self'", "font-src 'self'"):
        assert f"{directive} https://maps.example https://a.example https://*.b.example;" in style
    assert "default-src 'self';" in style


async def test_a_body_that_is_too_large_is_a_problem_413(house: House):
    announced = await house.rui.put("/api/profile", content=b" " * 2_000_000)

    async def endless():
        for _ in range(40):
            yield b" " * 65_536

    streamed = await house.rui.put("/api/profile", content=endless())

    for answer in (announced, streamed):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "too_large"
        assert "content-security-policy" in answer.headers


async def test_an_unknown_path_is_a_problem_for_programs_and_a_page_for_people(house: House):
    program = await house.nobody.get("/api/nothing", headers={"Accept": "text/html"})
    person = await house.nobody.get("/nothing", headers={"Accept": "text/html"})

    assert (program.status_code, program.json()["code"]) == (404, "not_found")
    assert (person.status_code, person.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_a_wrong_method_says_which_ones_there_are(house: House):
    answer = await house.nobody.patch("/api/session")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, POST"


async def test_our_own_mistake_is_a_problem_500_that_tells_nothing_of_our_inside(house: House, caplog):
    house.state.outbox.wake = None  # the next invitation stumbles over it
    answer = await house.dora.post("/api/invitations", json={"email": "eva@acme.example"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "NoneType" not in answer.text
    assert "content-security-policy" in answer.headers
    assert "a request to /api/invitations failed" in caplog.text


async def test_who_hangs_up_in_the_middle_of_a_request_is_no_mistake_of_ours(server: EnrouteServer):
    head = f"POST /api/session HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\nContent-Type: application/json\r\n"
    before = len(server.log)

    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with server.client() as client:
        answer = await client.get("/healthz")

    assert answer.status_code == 200
    assert "failed" not in b"".join(server.log[before:]).decode()


async def test_requests_of_one_person_are_limited_and_others_are_not_disturbed(house: House):
    house.state.limits.requests = Throttle(burst=3, refill_s=1)

    codes = [(await house.rui.get("/api/profile")).status_code for _ in range(4)]

    assert codes == [200, 200, 200, 429]
    assert (await house.eva.get("/api/profile")).status_code == 200
    house.pass_s(1)
    assert (await house.rui.get("/api/profile")).status_code == 200


async def test_phones_are_not_asked_where_they_come_from(house: House):
    answer = await house.nobody.post("/in/fix", json=[], headers={"Origin": "https://elsewhere.example"})

    assert answer.status_code != 403
