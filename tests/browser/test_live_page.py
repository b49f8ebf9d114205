"""The live page when things are not as they should be: no map, a silent phone, no server, no network, no visit."""

from __future__ import annotations

import json
import time
from typing import Any

from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.conftest import DESTINATION, People
from tests.browser.visits import travel

NO_WEBGL = """
const original = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl2" ? null : original.call(this, kind, ...rest);
};"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fix_north(metres: float) -> dict[str, Any]:
    latitude = DESTINATION["lat"] + metres / 111_195
    return {"fixed_at": now_ms(), "lat": latitude, "lon": DESTINATION["lon"], "accuracy_m": 5}


async def under_way(people: People) -> tuple[Page, dict[str, Any]]:
    """A customer (empty page), and the visit that their technician travels to; one fix was told."""
    customer, technician = await people.customer(), await people.technician()
    visit = await people.book(customer)
    await travel(technician, visit)
    answer = await technician.context.request.post("/api/technician/device-token", data={})
    token: str = (await answer.json())["token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = await technician.context.request.post("/in/fix", data=fix_north(2000), headers=headers)
    assert (await answer.json())["accepted"] == 1, await answer.text()
    return customer, visit


async def test_words_alone_tell_everything_where_no_map_can_be_drawn(people: People) -> None:
    customer, visit = await under_way(people)
    await customer.add_init_script(NO_WEBGL)

    await customer.goto(f"/appointments/{visit['id']}/live")

    await expect(customer.get_by_role("heading", name="On the way")).to_be_visible()
    await expect(customer.locator("#arrival-range")).to_be_visible()
    await expect(customer.locator("#distance")).to_contain_text("away")
    await expect(customer.locator("#announcer")).to_contain_text("Arrival about")
    await expect(customer.locator("#map-frame")).to_be_hidden()


async def test_a_visit_that_nobody_travels_to_shows_words_and_no_map(people: People) -> None:
    customer = await people.customer()
    visit = await people.book(customer)

    await customer.goto(f"/appointments/{visit['id']}/live")

    await expect(customer.get_by_role("heading", name="Your visit is planned")).to_be_visible()
    await expect(customer.locator("#sentence")).to_contain_text("follow them here")
    await expect(customer.locator("#map-frame")).to_be_hidden()


async def test_somebody_elses_visit_and_an_unknown_one_look_the_same(people: People) -> None:
    customer = await people.customer()

    await customer.goto("/appointments/no-such-visit-anywhere/live")

    await expect(customer.get_by_role("heading", name="Nothing to see here")).to_be_visible()


async def test_offline_server_away_and_silent_phone_are_three_messages(people: People) -> None:
    customer, visit = await under_way(people)
    lines: list[WebSocketRoute] = []
    away = False

    async def join(line: WebSocketRoute) -> None:
        if away:
            await line.close(code=1012)
            return
        line.connect_to_server()
        lines.append(line)

    await customer.route_web_socket("**/ws/appointments/**", join)
    await customer.clock.install()
    await customer.goto(f"/appointments/{visit['id']}/live")
    await expect(customer.locator("#freshness")).to_have_text("Live")

    # It comes back as late as it may: what it says meanwhile is there to be read.
    await customer.evaluate("const random = Math.random; Math.random = () => 1 - random() / 1e6")
    away = True
    await lines[0].close(code=1012)
    await expect(customer.locator("#trouble")).to_contain_text("cannot reach our server")
    away = False
    await customer.clock.run_for(21_000)
    await expect(customer.locator("#trouble")).to_be_empty()

    await customer.context.set_offline(True)
    await expect(customer.locator("#trouble")).to_contain_text("You are offline")
    await customer.context.set_offline(False)
    await expect(customer.locator("#trouble")).to_be_empty()


async def test_a_phone_that_falls_silent_is_dimmed_then_hidden(people: People) -> None:
    customer, visit = await under_way(people)
    lines: list[WebSocketRoute] = []

    def join(line: WebSocketRoute) -> None:
        # Once time is played, the heartbeats of the real server would turn the clock back.
        line.connect_to_server().on_message(lambda words: None if passed_s else line.send(words))
        lines.append(line)

    async def time_passes(until_s: int) -> None:
        """Only the page's clock moves; the server that keeps telling the time is played here."""
        nonlocal passed_s
        while passed_s < until_s:
            await customer.clock.run_for(20_000)
            passed_s += 20
            lines[0].send(json.dumps({"type": "heartbeat", "server_time": now_ms() + passed_s * 1000}))

    passed_s = 0
    await customer.route_web_socket("**/ws/appointments/**", join)
    await customer.clock.install()
    await customer.goto(f"/appointments/{visit['id']}/live")
    await expect(customer.locator(".vehicle")).to_have_attribute("data-level", "live")

    await time_passes(60)
    await expect(customer.locator("#freshness")).to_contain_text("ago")
    await expect(customer.locator(".vehicle")).to_have_attribute("data-level", "delayed")
    await expect(customer.locator("#trouble")).to_contain_text("phone is silent")

    await time_passes(200)
    await expect(customer.locator("#freshness")).to_contain_text("Last seen")
    await expect(customer.locator(".vehicle")).to_be_hidden()
    await expect(customer.locator("#distance")).to_be_hidden()


async def test_a_tracking_link_shows_the_visit_without_a_sign_in(people: People) -> None:
    _, visit = await under_way(people)
    dispatcher = await people.signed_in("dora@enroute.example")
    answer = await dispatcher.context.request.post(f"/api/dispatch/appointments/{visit['id']}/links", data={})
    link = (await answer.json())["url"]

    stranger = await people.page(link.removeprefix(people.url))

    await expect(stranger).to_have_url(f"{people.url}/appointments/{visit['id']}/live")
    await expect(stranger.locator("#distance")).to_contain_text("away")
    await expect(stranger.get_by_role("link", name="Home")).to_have_count(0)
    await stranger.goto("/")
    await expect(stranger).to_have_url(f"{people.url}/sign-in")


async def test_a_dead_link_says_so(people: People) -> None:
    people.expects("410 (Gone)")

    stranger = await people.page("/t#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")

    await expect(stranger.get_by_role("heading", name="This link does not work any more")).to_be_visible()
