"""The live map when its tiles or its style come from another host, and nothing else is asked there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from simulations.cities import make_city
from simulations.city_pbf import write_city
from tests.browser.conftest import DESTINATION, RULES, Household, People, town, until
from tests.browser.test_live_page import under_way
from tests.servers import enroute_server
from web.basemap.build import build_basemap

DRAWN = "() => performance.getEntriesByName('map-drawn').length > 0"


@dataclass
class OtherHost:
    """Serves `files` by path to every page, whole or in ranges; `ranges` are those asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: list[tuple[int, int]] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body, status = self.files.get(first.split()[1], b""), "200 OK"
        more = ""
        if wanted := headers.get("range"):
            start, end = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
            self.ranges.append((start, end))
            more = f"Content-Range: bytes {start}-{min(end, len(body) - 1)}/{len(body)}\r\n"
            body, status = body[start : end + 1], "206 Partial Content"
        head = f"HTTP/1.1 {status}\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}{more}Connection: close\r\n\r\n".encode() + body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def other_host() -> AsyncIterator[OtherHost]:
    host = OtherHost()
    async with await asyncio.start_server(host.talk, "127.0.0.1", 0) as listening:
        host.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield host


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The drawn map of the streets about the destination."""
    folder: Path = tmp_path_factory.mktemp("tiles")
    city = make_city(7, radius_m=1100, most_buildings=40, **DESTINATION)
    write_city(city, folder / "city.osm.pbf")
    build_basemap(folder / "city.osm.pbf", folder / "city.pmtiles")
    return (folder / "city.pmtiles").read_bytes()


@contextlib.asynccontextmanager
async def people_of(
    browser: Browser, folder: Path, environ: dict[str, str], *, elsewhere: tuple[str, ...]
) -> AsyncIterator[People]:
    async with enroute_server(folder, seed=town(1), environ=RULES | environ) as server:
        crowd = People(browser, server.url, Household(0), elsewhere=elsewhere)
        yield crowd
        await crowd.leave()
        assert crowd.complaints == []


async def see_the_map_drawn(people: People, *, asked: Callable[[], bool]) -> None:
    customer, visit = await under_way(people)

    await customer.goto(f"/appointments/{visit['id']}/live")

    await expect(customer.locator("main[data-map=shown]")).to_be_attached()
    await until(customer, DRAWN)
    assert asked()


async def test_a_tiles_file_on_another_host_is_drawn_in_our_style(browser: Browser, tmp_path: Path, tiles: bytes):
    async with other_host() as host:
        host.files["/city.pmtiles"] = tiles
        environ = {"ENROUTE_MAP_TILES_URL": f"{host.url}/city.pmtiles"}
        async with people_of(browser, tmp_path, environ, elsewhere=(host.url,)) as people:
            # More than the directory at the beginning.
            await see_the_map_drawn(people, asked=lambda: any(start > 0 for start, _ in host.ranges))


async def test_a_style_may_name_a_tiles_file_on_a_third_host(browser: Browser, tmp_path: Path, tiles: bytes):
    async with other_host() as styles, other_host() as host:
        host.files["/city.pmtiles"] = tiles
        road = {"id": "roads", "type": "line", "source": "city", "source-layer": "roads"}
        source = {"type": "vector", "url": f"pmtiles://{host.url}/city.pmtiles"}
        styles.files["/style.json"] = json.dumps({"version": 8, "sources": {"city": source}, "layers": [road]}).encode()
        environ = {"ENROUTE_MAP_STYLE_URL": f"{styles.url}/style.json", "ENROUTE_MAP_HOSTS": host.url}
        async with people_of(browser, tmp_path, environ, elsewhere=(styles.url, host.url)) as people:
            await see_the_map_drawn(people, asked=lambda: any(start > 0 for start, _ in host.ranges))


async def test_a_host_that_nobody_allowed_is_not_asked(browser: Browser, tmp_path: Path, tiles: bytes):
    async with other_host() as styles, other_host() as host:
        source = {"type": "vector", "url": f"pmtiles://{host.url}/city.pmtiles"}
        styles.files["/style.json"] = json.dumps({"version": 8, "sources": {"city": source}, "layers": []}).encode()
        environ = {"ENROUTE_MAP_STYLE_URL": f"{styles.url}/style.json"}
        async with people_of(browser, tmp_path, environ, elsewhere=(styles.url, host.url)) as people:
            await see_the_map_drawn(people, asked=lambda: host.ranges == [])

            assert any("Content Security Policy" in complaint for complaint in people.complaints)
            people.complaints.clear()
