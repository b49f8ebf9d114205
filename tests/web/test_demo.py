from __future__ import annotations

import asyncio
import datetime
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio

from tests.servers import ANSWER_WITHIN_S, STOP_WITHIN_S, run_enroute, start_enroute
from web.demo import PASSWORD, server_environment

READY_WITHIN_S = 90.0  # on a loaded machine; alone it takes about six seconds
LAST_LINE = "Ctrl-C stops everything."


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A running demo and what it printed until it was ready."""
    process = await start_enroute(
        "demo", "--port", "0", "--technicians", "2", "--no-browser", "--data-dir", str(folder)
    )
    lines: list[str] = []
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while not lines or LAST_LINE not in lines[-1]:
                line = (await process.stdout.readline()).decode()
                assert line, (lines, (await process.stderr.read()).decode())
                lines.append(line)
        yield process, "".join(lines)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), STOP_WITHIN_S)


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory) -> AsyncIterator[tuple[str, str]]:
    """Address and printed text of a demo that several tests look at."""
    async with demo(tmp_path_factory.mktemp("demo") / "data") as (_, text):
        yield re.search(r"running at (http://\S+)", text)[1], text


async def test_the_printed_link_shows_a_technician_who_moves(running):
    url, text = running
    token = re.search(r"/t#(\S+)", text)[1]

    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S) as client:
        visit = (await client.post("/api/links/redeem", json={"token": token})).json()["appointment"]
        places = set()
        async with asyncio.timeout(60), client.stream("GET", f"/api/appointments/{visit}/events") as stream:
            async for line in stream.aiter_lines():
                places.update(re.findall(r'"type":"position".*?"lat_e6":(\d+),"lon_e6":(-?\d+)', line))
                if len(places) >= 3:
                    break

    assert len(places) >= 3


async def test_every_printed_sign_in_works(running):
    url, text = running
    people = re.findall(r"^  (Customer|Technician|Dispatcher|Admin) +(\S+@\S+)", text, re.MULTILINE)

    roles = []
    for _, email in people:
        async with httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S) as client:
            answer = await client.post("/api/session", json={"email": email, "password": PASSWORD})
            roles.append(answer.json()["role"])

    assert roles == ["customer", "technician", "dispatcher", "admin"]


async def test_the_customer_finds_a_visit_under_way_and_can_book_another_at_short_notice(running):
    url, text = running
    email = re.search(r"Customer +(\S+)", text)[1]

    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S) as client:
        await client.post("/api/session", json={"email": email, "password": PASSWORD})
        active = (await client.get("/api/appointments", params={"section": "active"})).json()["appointments"]
        service = (await client.get("/api/services")).json()["services"][0]["id"]
        window = {"service": service, "from": "2020-01-01", "to": "2099-01-01"}
        days = (await client.get("/api/slots", params=window)).json()
        if "days" not in days:  # the server asks for a shorter span
            today = datetime.date.fromisoformat(active[0]["window_start"][:10])
            # Late in the evening the next places are tomorrow's.
            span = {"from": str(today), "to": str(today + datetime.timedelta(days=1))}
            days = (await client.get("/api/slots", params=window | span)).json()
        slot = next(slot for day in days["days"] for slot in day["slots"])["slot"]
        answer = await client.post("/api/appointments", json={"slot": slot, "service": service})

    assert [visit["status"] for visit in active] == ["traveling"]
    assert answer.status_code == 201, answer.text


async def test_the_city_is_drawn_on_the_map(running):
    url, _ = running

    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S) as client:
        answer = await client.get("/map/basemap.pmtiles", headers={"Range": "bytes=0-6"})

    assert answer.content == b"PMTiles"


async def test_ctrl_c_stops_everything_and_another_company_in_the_same_folder_is_refused(tmp_path):
    async with demo(tmp_path / "data") as (process, text):
        url = re.search(r"running at (http://\S+)", text)[1]
        children = _children(process.pid)
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), STOP_WITHIN_S)

    assert process.returncode == 0
    assert children
    assert not _alive(children)
    code, output = await run_enroute("demo", "--technicians", "3", "--data-dir", str(tmp_path / "data"))
    assert code == 1
    assert "was made with --seed 7 --technicians 2" in output
    assert url.startswith("http://127.0.0.1:")


def _children(pid: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if int(parent) == pid:
                found.append(int(entry))
    return found


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_demo_has_the_operators_looks_and_nothing_else_of_theirs(monkeypatch):
    monkeypatch.setenv("ENROUTE_ACCENT", "#7a1fa2")
    monkeypatch.setenv("ENROUTE_DATABASE", "postgresql://a-real-one/enroute")
    monkeypatch.setenv("ENROUTE_SMTP_URL", "smtp://a-real-one")

    environ = server_environment("127.0.0.1", 0, Path("folder"))

    assert environ["ENROUTE_ACCENT"] == "#7a1fa2"
    assert environ["ENROUTE_DATABASE"] == "sqlite:///folder/enroute.db"
    assert "ENROUTE_SMTP_URL" not in environ
