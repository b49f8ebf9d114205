"""The look of a company: its colour is readable whatever it is, its logo and name are everywhere."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from tests.servers import EnrouteServer, enroute_server
from web.assets import FOLDER
from web.brand import DARK_SURFACE, ICON_FILES, LIGHT_PAPER, colour_of, contrast, palette
from web.brand_icons import recoloured_png
from web.config import SettingsError, load_settings

AA = 4.5
COLOURS = ["#0a6b5d", "#ffff00", "#ffffff", "#000000", "#ff0000", "#1e90ff", "#808080", "#ff69b4"]


def read(sheet: str) -> list[dict[str, tuple[int, int, int]]]:
    """The variables of the light and of the dark theme."""
    return [
        {name: colour_of(value) for name, value in re.findall(r"--([\w-]+):(#[0-9a-f]{6});", block)}
        for block in re.findall(r":root\{([^}]*)\}", sheet)
    ]


@pytest.mark.parametrize("accent", COLOURS)
def test_any_colour_becomes_one_that_can_be_read(accent: str) -> None:
    for theme, ground in zip(read(palette(accent)), (LIGHT_PAPER, DARK_SURFACE), strict=True):
        assert contrast(theme["accent"], ground) >= AA
        assert contrast(theme["on-accent"], theme["accent"]) >= AA
        assert contrast(theme["accent-strong"], theme["accent-soft"]) >= AA


def test_a_colour_that_can_be_read_stays_what_it_is() -> None:
    light, _ = read(palette("#7a1fa2"))

    assert light["accent"] == colour_of("#7a1fa2")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("accent", ["green", "#12", "#gggggg", "#0a6b5d;}"])
def test_what_is_no_colour_is_refused(accent: str) -> None:
    with pytest.raises(SettingsError, match="ENROUTE_ACCENT"):
        load_settings({"ENROUTE_ACCENT": accent})


def pixels(png: bytes) -> list[tuple[int, ...]]:
    """The colours of the palette, and after them the indexes."""
    parts, at = {}, 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert int.from_bytes(png[at + 8 + size : at + 12 + size], "big") == zlib.crc32(kind + data)
        parts[kind], at = data, at + 12 + size
    palette = [tuple(parts[b"PLTE"][entry : entry + 3]) for entry in range(0, len(parts[b"PLTE"]), 3)]
    return [palette[index] for index in zlib.decompress(parts[b"IDAT"])]


@pytest.mark.parametrize("name", sorted(name for name in ICON_FILES if name.endswith(".png")))
def test_an_icon_takes_the_colour_of_the_company_and_keeps_its_white(name: str) -> None:
    ours = (FOLDER / "icons" / name).read_bytes()

    purple = recoloured_png(ours, (0x7A, 0x1F, 0xA2))

    before, after = pixels(ours), pixels(purple)
    pairs = set(zip(before, after, strict=True))
    assert ((0x0A, 0x6B, 0x5D), (0x7A, 0x1F, 0xA2)) in pairs
    assert ((255, 255, 255), (255, 255, 255)) in pairs
    same = zip(before, pixels(recoloured_png(ours, (0x0A, 0x6B, 0x5D))), strict=True)
    assert max(abs(a - b) for one, other in set(same) for a, b in zip(one, other, strict=True)) <= 1


@pytest.mark.parametrize("data", [b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_what_has_no_palette_cannot_be_recoloured(data: bytes) -> None:
    with pytest.raises(ValueError, match="PNG"):
        recoloured_png(data, (0, 0, 0))


async def test_without_a_logo_the_icons_have_the_colour_of_the_company(tmp_path: Path) -> None:
    async with enroute_server(tmp_path, environ={"ENROUTE_ACCENT": "#7a1fa2"}) as server, server.client() as stranger:
        page = (await stranger.get("/sign-in")).text
        manifest = (await stranger.get("/manifest.webmanifest")).json()
        addresses = [each["src"] for each in manifest["icons"]]
        addresses += re.findall(r'<link rel="(?:icon|apple-touch-icon)" href="([^"]+)"', page)
        answers = {address: await stranger.get(address) for address in addresses}
        unknown = await stranger.get("/brand/icons/sprite.svg")

    assert len(answers) == 5
    assert all(address.startswith("/brand/icons/") for address in answers)
    assert {answer.status_code for answer in answers.values()} == {200}
    tab = next(answer for address, answer in answers.items() if "icon.svg" in address)
    assert "#7a1fa2" in tab.text
    assert unknown.status_code == 404


def test_a_logo_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ENROUTE_LOGO_FILE"):
        load_settings({"ENROUTE_LOGO_FILE": str(tmp_path / "none.svg")})


async def test_name_colour_and_logo_are_on_the_pages_and_in_the_manifest(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>')
    look = {"ENROUTE_BRAND": "Acme Heating", "ENROUTE_ACCENT": "#7a1fa2", "ENROUTE_LOGO_FILE": str(logo)}

    async with enroute_server(tmp_path, environ=look) as server, server.client() as stranger:
        page = (await stranger.get("/sign-in")).text
        found = re.search(r'href="(/brand/colours\.css\?v=\w+)"', page)
        assert found
        sheet = await stranger.get(found[1])
        picture = await stranger.get("/brand/logo")
        manifest = (await stranger.get("/manifest.webmanifest")).json()

    assert "Acme Heating" in page
    assert sheet.text == palette("#7a1fa2")
    assert sheet.headers["content-type"].startswith("text/css")
    assert (picture.content, picture.headers["content-type"]) == (logo.read_bytes(), "image/svg+xml")
    assert manifest["name"] == "Acme Heating"
    assert manifest["icons"][0]["type"] == "image/svg+xml"


async def test_the_pages_can_be_installed_and_every_icon_is_there(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        manifest = (await stranger.get("/manifest.webmanifest")).json()
        icons = [await stranger.get(each["src"]) for each in manifest["icons"]]
        without = [(await stranger.get(path)).status_code for path in ("/brand/logo", "/brand/colours.css")]

    assert manifest["display"] == "standalone"
    assert [icon.headers["content-type"] for icon in icons] == ["image/png"] * 3
    assert {each["purpose"] for each in manifest["icons"]} == {"any", "maskable"}
    assert without == [404, 404]
