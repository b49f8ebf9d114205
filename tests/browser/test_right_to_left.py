"""What a page from right to left must not turn round: numbers, and what lies inside of something."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import DESK, People

READS_FROM_THE_LEFT = """node => {
  const place = (from, to) => {
    const range = document.createRange();
    range.setStart(node.firstChild, from);
    range.setEnd(node.firstChild, to);
    return range.getBoundingClientRect().left;
  };
  const length = node.firstChild.length;
  return place(0, 1) < place(length - 1, length);
}"""


async def test_a_phone_number_is_read_from_the_left_wherever_it_stands(people: People) -> None:
    customer = await people.customer(locale="ar")
    profile = {"name": "Maria", "phone": "+351 911 222 333"}
    await customer.context.request.put("/api/profile", data=profile)
    visit = await people.book(customer)
    await customer.goto("/profile")
    await expect(customer.locator("[name=phone]")).to_have_css("direction", "ltr")
    await expect(customer.locator("[name=phone]")).to_have_css("text-align", "right")

    dispatcher = await people.signed_in("dora@enroute.example", locale="ar", viewport=DESK)
    await dispatcher.goto(f"/dispatch/visits/{visit['id']}")
    assert await dispatcher.locator("#customer a").evaluate(READS_FROM_THE_LEFT)
    await dispatcher.goto("/dispatch/customers")
    mine = dispatcher.locator(f"#customers li[data-email='{people.household.customer}']")
    assert await mine.get_by_text(profile["phone"]).evaluate(READS_FROM_THE_LEFT)


async def test_the_parts_of_a_line_stand_in_the_order_of_the_page_whatever_their_script(people: People) -> None:
    customer = await people.customer(locale="ar")
    await people.book(customer)
    dispatcher = await people.signed_in("dora@enroute.example", locale="ar", viewport=DESK)
    await dispatcher.goto("/dispatch")

    parts = dispatcher.locator("#visits li .quiet").first.locator("bdi")
    await expect(parts.first).to_have_text("Ana Alves")
    # In one go: the board draws its rows anew when something happens.
    technician, contact, *_ = await parts.evaluate_all("nodes => nodes.map((node) => node.getBoundingClientRect().x)")

    assert technician > contact


async def test_the_knob_of_a_switch_stays_inside(people: People) -> None:
    place = {"latitude": 41.156, "longitude": -8.61, "accuracy": 5}
    technician = await people.technician(locale="ar", permissions=["geolocation"], geolocation=place)
    await technician.goto("/technician")
    # The page waits for its words before it listens.
    await expect(technician.locator("#no-visits")).to_be_visible()
    await technician.get_by_role("switch").click()
    await expect(technician.get_by_role("switch")).to_have_attribute("aria-checked", "true")

    # The knob travels there: its first picture may still show it where it started.
    await technician.wait_for_function(
        "parseFloat(getComputedStyle(document.querySelector('.switch span'), '::after').translate) < 0"
    )
