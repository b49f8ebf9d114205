"""Everything a customer does, by the keyboard alone; and what changes is seen in another tab as well."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import DESK, People, open_and_listen

MOST_STEPS = 60
# What has the focus, and whether one can see that it has.
FOCUSED = """() => {
  const node = document.activeElement;
  const seen = node.matches("input[type=radio]") ? node.nextElementSibling : node;
  const { outlineStyle, outlineWidth } = getComputedStyle(seen);
  return { visible: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
}"""


async def tab_to(page: Page, selector: str) -> None:
    """Press Tab until this has the focus; everything on the way must show that it has it."""
    for _ in range(MOST_STEPS):
        await page.keyboard.press("Tab")
        here = await page.evaluate("selector => document.activeElement.matches(selector)", selector)
        if await page.evaluate("document.activeElement !== document.body"):
            assert (await page.evaluate(FOCUSED))["visible"], await page.evaluate("document.activeElement.outerHTML")
        if here:
            return
    raise AssertionError(f"{selector} is not reached by Tab")


async def test_a_visit_is_booked_moved_and_canceled_by_the_keyboard_alone(people: People) -> None:
    customer = await people.customer(viewport=DESK)
    await customer.goto("/")
    await expect(customer.locator("#empty")).to_be_visible()
    await tab_to(customer, "a[href='#content']")
    await customer.keyboard.press("Enter")
    await tab_to(customer, "a[href='/book']")
    await customer.keyboard.press("Enter")
    await customer.wait_for_url("**/book")
    await expect(customer.locator("#services .choice").first).to_be_visible()

    # Arrows choose among radio buttons; the household's own service is one of many.
    await customer.locator(f"input[name=service][value={people.household.service}]").focus()
    await customer.keyboard.press("Space")
    await expect(customer.locator("#times .time").first).to_be_visible()
    await tab_to(customer, "input[name=day]")
    await tab_to(customer, "input[name=slot]")
    # Not the very first, which may begin before it is asked for.
    await customer.keyboard.press("ArrowDown")
    await customer.keyboard.press("ArrowDown")
    await expect(customer.locator("#book-button")).to_be_enabled()
    await tab_to(customer, "#book-button")
    await customer.keyboard.press("Enter")
    await expect(customer.locator("#confirmation")).to_be_visible()

    await expect(customer.locator("a[href$='/modify']")).to_be_visible()
    await tab_to(customer, "a[href$='/modify']")
    await customer.keyboard.press("Enter")
    await expect(customer.locator("#times .time").first).to_be_visible()
    await tab_to(customer, "input[name=slot]")
    await customer.keyboard.press("ArrowDown")
    await tab_to(customer, "#save")
    await customer.keyboard.press("Enter")
    await customer.wait_for_url("**?moved")

    await expect(customer.locator("#cancel")).to_be_visible()
    await tab_to(customer, "#cancel")
    await customer.keyboard.press("Enter")
    await expect(customer.get_by_role("dialog")).to_be_visible()
    await customer.keyboard.type("We are away")
    await tab_to(customer, "#cancel-confirm")
    await customer.keyboard.press("Enter")
    await expect(customer.get_by_text("Your visit is canceled.")).to_be_visible()


async def test_what_is_done_in_one_tab_is_seen_in_the_other(people: People) -> None:
    customer = await people.customer()
    visit = await people.book(customer)
    other = await customer.context.new_page()
    await open_and_listen(customer, "/")
    await other.goto(f"/appointments/{visit['id']}")
    await expect(customer.locator("#upcoming .visit")).to_have_count(1)

    await other.get_by_role("button", name="Cancel appointment").click()
    await other.get_by_label("Briefly, why?").fill("Not needed")
    await other.get_by_role("dialog").get_by_role("button", name="Cancel appointment").click()

    await expect(customer.locator("#empty")).to_be_visible()


async def test_an_ended_session_asks_for_the_sign_in_and_comes_back(people: People) -> None:
    people.expects("401 (Unauthorized)")
    customer = await people.customer()
    await customer.goto("/profile")
    await customer.context.clear_cookies()

    await customer.get_by_role("button", name="Save").click()

    await customer.wait_for_url("**/sign-in?next=%2Fprofile")
    await expect(customer.get_by_text("Please sign in to continue.")).to_be_visible()


async def test_words_for_somebody_else_go_to_the_share_sheet_and_hold_no_link(people: People) -> None:
    customer = await people.customer()
    visit = await people.book(customer)
    await customer.add_init_script("navigator.share = async (data) => { window.shared = data; };")
    await customer.goto(f"/appointments/{visit['id']}")

    await customer.get_by_role("button", name="Share").click()

    shared = await customer.evaluate("window.shared")
    assert list(shared) == ["text"]
    assert shared["text"].startswith(f"{visit['service']['name']}: ")
    assert "http" not in shared["text"]
