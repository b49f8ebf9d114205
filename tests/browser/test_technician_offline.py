"""What is pressed where there is no network: shown as waiting, kept, sent in order with the time of the tap."""

from __future__ import annotations

import datetime
from typing import Any

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import People, open_and_listen
from tests.browser.looks import ALL_LOOKS, look_at
from tests.browser.test_live_page import now_ms
from tests.browser.test_recovery import SETTABLE_CLOCK
from tests.browser.test_technician_page import at_work

STEPS = "**/api/appointments/*/*"
TEN_MIN_S = 600


def card(technician: Page) -> Any:
    return expect(technician.locator(".visit"))


def waiting(technician: Page) -> Any:
    return expect(technician.get_by_text("will be sent when there is a network"))


async def news(technician: Page) -> None:
    """Something that makes the page look again."""
    await technician.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def history(people: People, visit: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of the visit since it was booked, as the dispatcher reads it."""
    dora = await people.signed_in("dora@enroute.example")
    answer = await dora.context.request.get(f"/api/dispatch/appointments/{visit['id']}/history")
    changes: list[dict[str, Any]] = (await answer.json())["changes"]
    return [change for change in changes if change["action"] != "book"]


async def refuse_to_carry(route: Route) -> None:
    await route.abort()


async def test_a_visit_begun_without_a_network_is_begun_at_the_time_of_the_tap(people: People) -> None:
    people.expects("ERR_INTERNET_DISCONNECTED")
    visit = await people.book(await people.customer())
    technician = await at_work(people)
    await technician.add_init_script(SETTABLE_CLOCK.replace("AHEAD_MS", "0"))
    await open_and_listen(technician, "/technician")
    # Before the tap, by all clocks.
    set_off_ms = now_ms() - 2 * TEN_MIN_S * 1000
    path = f"/api/appointments/{visit['id']}/travel"
    assert (await technician.context.request.post(path, data={"at": set_off_ms})).status == 200
    await card(technician).to_contain_text("On the way")

    await technician.context.set_offline(True)
    # The network stays away for ten minutes after the tap.
    await technician.evaluate(f"setClock(-{TEN_MIN_S * 1000})")
    await technician.get_by_role("button", name="Start the visit").click()
    await technician.evaluate("setClock(0)")
    await waiting(technician).to_have_count(1)
    await card(technician).to_contain_text("In progress")
    await technician.get_by_role("button", name="Complete").click()
    await waiting(technician).to_have_count(2)
    await technician.get_by_role("button", name="Take it back").click()
    await waiting(technician).to_have_count(1)
    assert await look_at(technician, "a step waits", ALL_LOOKS) == []
    await technician.context.set_offline(False)

    await waiting(technician).to_have_count(0)
    await card(technician).to_contain_text("In progress")
    [_, start] = await history(people, visit)
    tapped, told = (datetime.datetime.fromisoformat(start[key]) for key in ("device_at", "server_at"))
    assert (start["action"], start["applied"]) == ("start", True)
    assert TEN_MIN_S <= (told - tapped).total_seconds() < 2 * TEN_MIN_S


async def test_steps_that_did_not_get_through_are_sent_in_order_by_the_next_page(people: People) -> None:
    people.expects("ERR_FAILED")
    visit = await people.book(await people.customer())
    technician = await at_work(people)
    await technician.route(STEPS, refuse_to_carry)
    for number, name in enumerate(("Start traveling", "Start the visit", "Complete"), 1):
        await technician.get_by_role("button", name=name).click()
        await waiting(technician).to_have_count(number)

    await technician.unroute(STEPS)
    await technician.reload()

    await card(technician).to_contain_text("Completed")
    await waiting(technician).to_have_count(0)
    changes = await history(people, visit)
    assert [(change["action"], change["applied"]) for change in changes] == [
        ("travel", True),
        ("start", True),
        ("complete", True),
    ]


async def test_a_step_that_did_not_get_through_is_sent_by_itself_when_the_server_is_heard_again(people: People) -> None:
    people.expects("ERR_FAILED")
    await people.book(await people.customer())
    technician = await at_work(people)
    await technician.route(STEPS, refuse_to_carry)
    await technician.get_by_role("button", name="Start traveling").click()
    await waiting(technician).to_have_count(1)

    await technician.unroute(STEPS)
    await news(technician)

    await waiting(technician).to_have_count(0)
    await card(technician).to_contain_text("On the way")
    await expect(technician.get_by_role("button", name="Undo")).to_be_visible()


async def cannot_be_done(technician: Page, why: str) -> None:
    await technician.get_by_role("button", name="Cannot be done").click()
    await technician.get_by_label("Briefly, why?").fill(why)
    await technician.get_by_role("button", name="Cancel the visit").click()


async def test_a_visit_that_cannot_be_done_is_canceled_behind_what_waits_with_the_reason_and_the_time_of_the_tap(
    people: People,
) -> None:
    people.expects("ERR_FAILED")
    visit = await people.book(await people.customer())
    technician = await at_work(people)
    await technician.add_init_script(SETTABLE_CLOCK.replace("AHEAD_MS", "0"))
    await open_and_listen(technician, "/technician")
    await technician.route(STEPS, refuse_to_carry)
    await technician.evaluate(f"setClock(-{2 * TEN_MIN_S * 1000})")
    await technician.get_by_role("button", name="Start traveling").click()
    await waiting(technician).to_have_count(1)
    await technician.evaluate(f"setClock(-{TEN_MIN_S * 1000})")

    await cannot_be_done(technician, "The gate is locked")
    await waiting(technician).to_have_count(2)
    await card(technician).to_contain_text("Canceled")
    await technician.evaluate("setClock(0)")
    await technician.unroute(STEPS)
    await news(technician)

    await waiting(technician).to_have_count(0)
    await card(technician).to_contain_text("Canceled")
    changes = await history(people, visit)
    assert [(each["action"], each["applied"]) for each in changes] == [("travel", True), ("cancel", True)]
    tapped, told = (datetime.datetime.fromisoformat(changes[1][key]) for key in ("device_at", "server_at"))
    assert TEN_MIN_S <= (told - tapped).total_seconds() < 2 * TEN_MIN_S
    dora = await people.signed_in("dora@enroute.example")
    now = await (await dora.context.request.get(f"/api/appointments/{visit['id']}")).json()
    assert (now["status"], now["cancel_reason"]) == ("canceled", "The gate is locked")


async def test_a_visit_whose_canceling_did_not_get_through_is_shown_as_canceled_until_it_is_taken_back(
    people: People,
) -> None:
    people.expects("ERR_FAILED")
    visit = await people.book(await people.customer())
    technician = await at_work(people)
    await technician.route(STEPS, refuse_to_carry)

    await cannot_be_done(technician, "Nobody home")
    await expect(technician.get_by_role("dialog")).to_be_hidden()
    await waiting(technician).to_have_count(1)
    await card(technician).to_contain_text("Canceled")
    await technician.get_by_role("button", name="Take it back").click()
    await card(technician).to_contain_text("Planned")
    await technician.unroute(STEPS)
    async with technician.expect_response("**/api/technician/appointments"):
        await news(technician)

    await card(technician).to_contain_text("Planned")
    assert await history(people, visit) == []


async def test_who_closes_the_dialog_while_the_server_does_not_answer_has_not_canceled(people: People) -> None:
    people.expects("ERR_FAILED")
    visit = await people.book(await people.customer())
    technician = await at_work(people)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await technician.route(STEPS, hold)
    async with technician.expect_request(STEPS):
        await cannot_be_done(technician, "Nobody home")
    await technician.get_by_role("button", name="Keep it").click()
    async with technician.expect_event("requestfailed"):
        await held[0].abort()
    await technician.unroute(STEPS)
    async with technician.expect_response("**/api/technician/appointments"):
        await news(technician)

    await waiting(technician).to_have_count(0)
    await card(technician).to_contain_text("Planned")
    assert await history(people, visit) == []


async def test_what_waited_and_was_sent_while_the_reason_was_typed_does_not_refuse_the_canceling(
    people: People,
) -> None:
    people.expects("ERR_FAILED")
    people.expects("412")
    visit = await people.book(await people.customer())
    technician = await at_work(people)
    await technician.route(STEPS, refuse_to_carry)
    await technician.get_by_role("button", name="Start traveling").click()
    await waiting(technician).to_have_count(1)

    await technician.get_by_role("button", name="Cannot be done").click()
    await technician.unroute(STEPS)
    async with technician.expect_response("**/travel"):
        await news(technician)
    await technician.get_by_role("button", name="Cancel the visit").click()
    await expect(technician.get_by_role("dialog")).to_contain_text("Press again to cancel it.")
    await technician.get_by_role("button", name="Cancel the visit").click()

    await expect(technician.get_by_role("dialog")).to_be_hidden()
    await card(technician).to_contain_text("Canceled")
    await expect(technician.locator("#refused-steps")).to_be_empty()
    assert [change["action"] for change in await history(people, visit)] == ["travel", "cancel"]


async def test_a_step_whose_answer_was_lost_is_not_refused(people: People) -> None:
    people.expects("ERR_FAILED")
    people.expects("412")
    visit = await people.book(await people.customer())
    technician = await at_work(people)

    async def lose_the_answer(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await technician.route(STEPS, lose_the_answer, times=1)
    await technician.get_by_role("button", name="Start traveling").click()
    await waiting(technician).to_have_count(1)

    await news(technician)

    await waiting(technician).to_have_count(0)
    await card(technician).to_contain_text("On the way")
    await expect(technician.locator("#refused-steps")).to_be_empty()
    assert [change["action"] for change in await history(people, visit)] == ["travel"]


async def test_what_the_server_refuses_later_is_shown_until_it_was_read(people: People) -> None:
    people.expects("ERR_FAILED")
    people.expects("412")
    customer = await people.customer()
    visit = await people.book(customer)
    technician = await at_work(people)
    await technician.route(STEPS, refuse_to_carry)
    for number, name in enumerate(("Start traveling", "Start the visit"), 1):
        await technician.get_by_role("button", name=name).click()
        await waiting(technician).to_have_count(number)
    await customer.context.request.post(f"/api/appointments/{visit['id']}/cancel", data={"reason": "ill"})

    await technician.unroute(STEPS)
    await news(technician)

    refused = technician.locator("#refused-steps").get_by_role("alert")
    await expect(refused).to_have_count(2)
    await expect(refused.first).to_contain_text("“Start traveling”")
    await expect(refused.first).to_contain_text("was not taken. The visit was changed meanwhile")
    await card(technician).to_contain_text("Canceled")
    assert await look_at(technician, "a step was refused", ALL_LOOKS) == []
    await refused.last.get_by_role("button", name="Understood").click()
    await refused.get_by_role("button", name="Understood").click()
    await expect(refused).to_have_count(0)
    await technician.reload()
    await card(technician).to_contain_text("Canceled")
    await expect(refused).to_have_count(0)
