"""The same engines against osrm-routed and valhalla_service themselves, on a made-up town.

They come as wheels for Python 3.12 and later only (osrm-bindings, pyvalhalla), or from a distribution. Skipped where
neither is at hand: the other tests do not need them, and nobody should have to install a routing engine to run these.
"""

import asyncio
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracker.roads.random_town import RandomTown
from tracker.errors import RoadsUnavailable
from tracker.roads.build import build_roads
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.osrm_http import OsrmRoads
from tracker.roads.valhalla_http import ValhallaRoads

FROM, TO = (41.001, -7.999), (41.0045, -7.9945)
NO_ROAD = (50.0, 8.0)
STARTS_WITHIN_S = 30.0
PROFILES = ("../share/profiles", "/usr/share/osrm/profiles", "/usr/local/share/osrm/profiles")


def program(name: str, wheel: str) -> Path:
    found = shutil.which(name)
    if found is None:
        spec = importlib.util.find_spec(wheel)
        places = (spec and spec.submodule_search_locations) or []
        found = next((path for place in places if (path := Path(place, "bin", name)).exists()), None)
    if found is None:
        pytest.skip(f"no {name} here (a wheel for Python 3.12+ brings it; this is {sys.version.split()[0]})")
    return Path(found).resolve()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def run(*command: object, cwd: Path) -> None:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def extract(tmp_path_factory) -> Path:
    return RandomTown(seed=4).extract.write(tmp_path_factory.mktemp("town") / "town.osm.pbf")


@pytest.fixture(scope="module")
def osrm_url(extract):
    routed = program("osrm-routed", "osrm")
    profile = next(path for folder in PROFILES if (path := Path(routed.parent, folder, "car.lua")).exists())
    folder, port = extract.parent, free_port()
    run(routed.with_name("osrm-extract"), "-t", 1, "-p", profile, extract, cwd=folder)
    run(routed.with_name("osrm-partition"), "-t", 1, folder / "town.osrm", cwd=folder)
    run(routed.with_name("osrm-customize"), "-t", 1, folder / "town.osrm", cwd=folder)
    command = [routed, "-a", "mld", "-i", "127.0.0.1", "-p", str(port), "-t", "1", folder / "town.osrm"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        yield f"http://127.0.0.1:{port}"
        server.kill()


@pytest.fixture(scope="module")
def valhalla_url(extract):
    service = program("valhalla_service", "valhalla")
    folder, port = extract.parent, free_port()
    config = folder / "valhalla.json"
    maker = shutil.which("valhalla_build_config")
    if maker is None:
        pytest.skip("no valhalla_build_config here (it comes with valhalla_service)")
    made = subprocess.run([maker, "--mjolnir-tile-dir", folder / "tiles"], capture_output=True, check=True).stdout
    settings = json.loads(made)
    for name in ("admin", "timezone", "tile_extract", "traffic_extract", "landmarks", "transit_dir"):
        settings["mjolnir"].pop(name, None)
    settings["mjolnir"]["concurrency"] = 1
    listen = {"listen": f"tcp://127.0.0.1:{port}"}
    settings["httpd"]["service"].update(
        listen, **{name: f"ipc://{folder}/{name}" for name in ("loopback", "interrupt")}
    )
    for name, part in settings.items():
        if "proxy" in part.get("service", {}):
            part["service"]["proxy"] = f"ipc://{folder}/{name}"
    config.write_text(json.dumps(settings))
    run(service.with_name("valhalla_build_tiles"), "-c", config, extract, cwd=folder)
    with subprocess.Popen([service, config, "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        yield f"http://127.0.0.1:{port}"
        server.kill()


@pytest.fixture(params=["osrm", "valhalla"])
async def roads(request):
    url = request.getfixturevalue(f"{request.param}_url")
    engine = OsrmRoads(url) if request.param == "osrm" else ValhallaRoads(url)
    async with asyncio.timeout(STARTS_WITHIN_S):
        while not await answers(engine):  # noqa: ASYNC110 - a process that starts has no event
            await asyncio.sleep(0.05)
    yield engine
    await engine.close()


async def answers(engine) -> bool:
    try:
        await engine.route(lat=FROM[0], lon=FROM[1], to_lat=TO[0], to_lon=TO[1])
    except RoadsUnavailable as error:
        if error.reason not in ("unreachable", "cut_off"):
            raise
        return False
    return True


async def test_a_real_server_finds_about_the_way_of_the_embedded_engine(roads, extract, tmp_path):
    build_roads(extract, tmp_path / "town.graph")
    embedded = EmbeddedRoads(tmp_path / "town.graph")

    theirs = await roads.route(lat=FROM[0], lon=FROM[1], to_lat=TO[0], to_lon=TO[1])
    ours = await embedded.route(lat=FROM[0], lon=FROM[1], to_lat=TO[0], to_lon=TO[1])
    await embedded.close()

    assert theirs.length_m == pytest.approx(ours.length_m, rel=0.5)
    assert theirs.total_s == pytest.approx(ours.total_s, rel=0.7)
    assert theirs.seconds == sorted(theirs.seconds)


async def test_a_real_server_says_that_there_is_no_way(roads):
    assert await roads.route(lat=FROM[0], lon=FROM[1], to_lat=NO_ROAD[0], to_lon=NO_ROAD[1]) is None


async def test_a_real_server_fills_a_table_around_a_place_without_road(roads):
    places = [FROM, NO_ROAD, TO, *[(41.0 + i / 20_000, -7.996) for i in range(60)]]

    rows = await roads.travel_s(places)

    route = await roads.route(lat=FROM[0], lon=FROM[1], to_lat=TO[0], to_lon=TO[1])
    assert rows[0][2] == pytest.approx(route.total_s, abs=1.5)
    assert rows[1] == [None, 0.0] + [None] * 61
    assert [row[1] for row in rows].count(None) == 62
    assert sum(took_s is None for row in rows for took_s in row) == 2 * 62
