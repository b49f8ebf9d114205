"""The pictures of the README, taken of the real pages of a running `enroute demo`.

Run as ``python -m simulations.tour URL``. It needs Chromium and Playwright, which the tests install.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
# Software rendering: the pictures are the same with and without a graphics card.
ARGUMENTS = [
    "--no-sandbox",
    "--headless=new",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
WAIT_MS = 240_000  # until the demo's next technician is on the way to this customer
FAR_MINUTES = 5  # and still far away, so that there is a way to be seen
FAR_ENOUGH = (
    """minutes => Number(document.querySelector("#active .arrival-words")?.textContent.match(/\\d+/)) >= minutes"""
)
MAP_SETTLES_MS = 4_000
QUALITY = 80
SMALL_ENOUGH_BYTES = 150_000


async def take(url: str, *, email: str, password: str, folder: Path) -> list[Path]:
    """home, booking, live and live-dark as JPEG files in `folder`. Raises ClickException where something is missing."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise click.ClickException("The pictures need Playwright: ./test installs it.") from None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise click.ClickException("The pictures need Chromium: ./test installs it.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        phone = await _signed_in(browser, url, email, password, viewport=PHONE, color_scheme="light")
        desk = await _signed_in(browser, url, email, password, viewport=DESK, color_scheme="dark")
        page = await phone.new_page()
        await page.goto("/")
        await page.wait_for_function(FAR_ENOUGH, arg=FAR_MINUTES, timeout=WAIT_MS)
        taken = [await _picture(page, folder, "home")]
        await page.locator("#active .button.primary").click()
        live = page.url
        taken.append(await _live(page, folder, "live"))
        await _show_booking(page)
        taken.append(await _picture(page, folder, "booking"))
        wide = await desk.new_page()
        await wide.goto(live)
        taken.append(await _live(wide, folder, "live-dark"))
        await browser.close()
    return taken


async def _signed_in(browser: Browser, url: str, email: str, password: str, **look: Any) -> BrowserContext:
    context = await browser.new_context(base_url=url, locale="en-GB", reduced_motion="reduce", **look)
    answer = await context.request.post("/api/session", data={"email": email, "password": password})
    if not answer.ok:
        raise click.ClickException(f"{email} cannot sign in at {url}: {await answer.text()}")
    return context


async def _live(page: Page, folder: Path, name: str) -> Path:
    await page.locator("main[data-map=shown]").wait_for()
    await page.wait_for_timeout(MAP_SETTLES_MS)
    return await _picture(page, folder, name)


async def _show_booking(page: Page) -> None:
    """A service, a day from tomorrow on, a time in the morning."""
    await page.goto("/book")
    await page.locator("[name=service]").nth(1).check()
    await page.locator(".day:not(.empty)").nth(1).click()
    morning = page.locator(".time", has_text=re.compile("^09:"))
    chosen = morning if await morning.count() else page.locator(".time")
    await chosen.first.click()
    await page.locator("#book-button:not([disabled])").wait_for()
    await chosen.first.evaluate("time => time.scrollIntoView({ block: 'center' })")


async def _picture(page: Page, folder: Path, name: str) -> Path:
    path = folder / f"{name}.jpg"
    await page.screenshot(path=path, type="jpeg", quality=QUALITY)
    if path.stat().st_size > SMALL_ENOUGH_BYTES:
        raise click.ClickException(f"{path} has more than {SMALL_ENOUGH_BYTES} bytes.")
    return path


@click.command()
@click.argument("url")
@click.option("--email", default="customer1@demo.example", show_default=True)
@click.option("--password", default="enroute-demo", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("static/tour"), show_default=True)
def main(url: str, email: str, password: str, out: Path) -> None:
    """Take the pictures of the README of the demo that runs at URL."""
    out.mkdir(parents=True, exist_ok=True)
    for path in asyncio.run(take(url, email=email, password=password, folder=out)):
        click.echo(f"{path} {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
