"""The look of a company: one colour and a logo by configuration, the same for pages, map and installed app.

`palette` makes of any colour one that can be read: darker on light pages, lighter on dark ones, until the contrast is
that of WCAG 2.2 AA.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from web.assets import FOLDER, Assets
from web.brand_icons import Colour, recoloured_png, recoloured_svg
from web.config import Settings
from web.problems import Problem
from web.state import state_of

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
# The grounds of static/css/tokens.css that text in the accent colour stands on.
LIGHT_PAPER: Colour = (0xED, 0xEB, 0xE4)
DARK_SURFACE: Colour = (0x20, 0x29, 0x27)
# WCAG asks for 4.5; a little more leaves room for a hover.
READABLE = 5.0
# Each step mixes this much of black or white into the colour.
STEP = 0.04

LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("maskable-512.png", "512x512", "maskable"),
)
TAB_ICON, TOUCH_ICON = "icon.svg", "icon-180.png"
ICON_FILES = frozenset({TAB_ICON, TOUCH_ICON, *(name for name, _, _ in ICONS)})


def colour_of(text: str) -> Colour:
    """`#rrggbb` as three numbers. ValueError for anything else."""
    if len(text) != 7 or text[0] != "#":
        raise ValueError(f"{text!r} is no colour like #0a6b5d")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of WCAG, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def palette(accent: str) -> str:
    """A style sheet that puts this accent in the place of ours, light and dark."""
    colour = colour_of(accent)
    return f":root{{{_light(colour)}}}\n@media (prefers-color-scheme: dark){{:root{{{_dark(colour)}}}}}\n"


def _light(colour: Colour) -> str:
    accent = _until_readable(colour, on=LIGHT_PAPER, towards=BLACK)
    soft = _mix(WHITE, accent, 0.13)
    strong = _until_readable(_mix(accent, BLACK, 0.2), on=soft, towards=BLACK)
    return _variables(accent=accent, accent_strong=strong, on_accent=WHITE, accent_soft=soft)


def _dark(colour: Colour) -> str:
    accent = _until_readable(colour, on=DARK_SURFACE, towards=WHITE)
    soft = _mix(DARK_SURFACE, accent, 0.16)
    strong = _until_readable(_mix(accent, WHITE, 0.25), on=soft, towards=WHITE)
    ink = _until_readable(_mix(accent, BLACK, 0.85), on=accent, towards=BLACK)
    return _variables(accent=accent, accent_strong=strong, on_accent=ink, accent_soft=soft)


def _variables(**colours: Colour) -> str:
    return "".join(f"--{name.replace('_', '-')}:#{bytes(colour).hex()};" for name, colour in colours.items())


def _until_readable(colour: Colour, *, on: Colour, towards: Colour) -> Colour:
    share = 0.0
    while contrast(mixed := _mix(colour, towards, share), on) < READABLE and share < 1:
        share = min(1.0, share + STEP)
    return mixed


def _mix(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@cache
def _sheet(accent: str) -> tuple[str, str]:
    text = palette(accent)
    return text, hashlib.sha256(text.encode()).hexdigest()[:12]


def sheet_address(settings: Settings) -> str | None:
    """Where the style sheet of the configured colour is, None without one."""
    return f"/brand/colours.css?v={_sheet(settings.accent)[1]}" if settings.accent else None


def logo_address(settings: Settings) -> str | None:
    """Where the configured logo is, None without one; the address changes with the file."""
    if not settings.logo_file:
        return None
    try:
        changed_ns = Path(settings.logo_file).stat().st_mtime_ns
    except OSError:
        return None
    return f"/brand/logo?v={changed_ns:x}"


def icon_address(settings: Settings, name: str, *, ours: str) -> str:
    """Where a file of `static/icons` is in the configured colour; `ours` is where our files are."""
    return f"/brand/icons/{name}?v={_sheet(settings.accent)[1]}" if settings.accent else f"{ours}/icons/{name}"


@cache
def _icon(name: str, accent: str) -> bytes:
    body = (FOLDER / "icons" / name).read_bytes()
    # What is white on the icon must be seen on its ground.
    colour = _until_readable(colour_of(accent), on=LIGHT_PAPER, towards=BLACK)
    return recoloured_svg(body, colour) if name.endswith(".svg") else recoloured_png(body, colour)


async def _icons(request: Request) -> Response:
    accent, name = state_of(request).settings.accent, request.path_params["name"]
    if accent is None or name not in ICON_FILES:
        raise Problem("not_found")
    kind = LOGO_TYPES[Path(name).suffix]
    return Response(_icon(name, accent), media_type=kind, headers={"Cache-Control": _keep(request)})


async def _colours(request: Request) -> Response:
    accent = state_of(request).settings.accent
    if accent is None:
        raise Problem("not_found")
    return Response(_sheet(accent)[0], media_type="text/css", headers={"Cache-Control": _keep(request)})


async def _logo(request: Request) -> Response:
    name = state_of(request).settings.logo_file
    path = Path(name) if name else None
    if path is None or not path.is_file():
        raise Problem("not_found")
    return FileResponse(path, media_type=LOGO_TYPES[path.suffix.lower()], headers={"Cache-Control": _keep(request)})


def _keep(request: Request) -> str:
    return "public, max-age=31536000, immutable" if "v" in request.query_params else "no-cache"


def routes(assets: Callable[[], Assets]) -> list[BaseRoute]:
    """The style sheet, the logo, the icon of tabs, and the manifest that makes the pages an app of a phone."""

    async def manifest(request: Request) -> Response:
        settings = state_of(request).settings
        icons = [
            {
                "src": icon_address(settings, name, ours=assets().root),
                "sizes": sizes,
                "type": "image/png",
                "purpose": purpose,
            }
            for name, sizes, purpose in ICONS
        ]
        if logo := logo_address(settings):
            kind = LOGO_TYPES[Path(settings.logo_file or "").suffix.lower()]
            icons = [{"src": logo, "sizes": "any", "type": kind, "purpose": "any"}]
        document = {
            "id": "/",
            "name": settings.brand,
            "short_name": settings.brand[:12].strip(),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f5f4ef",
            "theme_color": "#f5f4ef",
            "icons": icons,
        }
        body = msgspec.json.encode(document)
        return Response(body, media_type="application/manifest+json", headers={"Cache-Control": "no-cache"})

    async def favicon(request: Request) -> Response:
        settings = state_of(request).settings
        icon = logo_address(settings) or icon_address(settings, TAB_ICON, ours=assets().root)
        return RedirectResponse(icon, status_code=302)

    return [
        Route("/brand/colours.css", _colours),
        Route("/brand/logo", _logo),
        Route("/brand/icons/{name}", _icons),
        Route("/manifest.webmanifest", manifest),
        Route("/favicon.ico", favicon),
    ]
