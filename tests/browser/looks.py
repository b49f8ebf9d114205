"""How a page must look in every state: axe-core finds nothing, nothing runs out of the screen, light and dark."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.browser.conftest import DESK, PHONE

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
# What a theme or a width can break; the rest is the same in all of them.
LOOK_RULES = ("color-contrast", "target-size", "link-in-text-block")
PHONE_LIGHT = (PHONE, "light")
DESK_DARK = (DESK, "dark")
ALL_LOOKS = (PHONE_LIGHT, DESK_DARK, (PHONE, "dark"), (DESK, "light"))

Look = tuple[dict[str, int], str]


@cache
def _axe() -> str:
    return AXE.read_text()


async def look_at(page: Page, state: str, looks: tuple[Look, ...]) -> list[str]:
    """What is wrong with this state of the page, in all the looks."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_axe())
    # Half of a fade is neither colour.
    await page.emulate_media(reduced_motion="reduce")
    found: list[str] = []
    for number, (viewport, scheme) in enumerate(looks):
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if number:
            options["runOnly"] = {"type": "rule", "values": LOOK_RULES}
        # A map is a picture made by others; what is said of it stands beside it.
        answer = await page.evaluate(f"axe.run({{exclude: ['#map']}}, {json.dumps(options)})")
        where = f"{state}, {viewport['width']} px, {scheme}"
        for violation in answer["violations"]:
            nodes = "; ".join(f"{node['html'][:160]} {node['failureSummary']}" for node in violation["nodes"][:3])
            found.append(f"{where}: {violation['id']}: {nodes}")
        wide = await page.evaluate("document.documentElement.scrollWidth")
        if wide > viewport["width"]:
            found.append(f"{where}: {wide} px wide")
    return found
