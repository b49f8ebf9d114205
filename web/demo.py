"""`enroute demo`: a made-up city, a server, and people who live a working day in it.

The server, its map and its import are the same programs as anywhere else, each in a process of its own; the people
reach the server through its sockets alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import webbrowser
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click
import msgspec

from simulations.city_pbf import write_city
from simulations.company import Company
from simulations.demo_day import DemoDay, demo_city, demo_company
from web.children import finished, running
from web.config import PREFIX, ROADS_NAME

PASSWORD = "enroute-demo"
KEPT = (
    "COMPILED",
    "BRAND",
    "ACCENT",
    "LOGO_FILE",
    "CONTACT_PHONE",
    "CONTACT_EMAIL",
    "LANGUAGE",
    "MAP_STYLE_URL",
    "MAP_TILES_URL",
    "MAP_HOSTS",
)
"""Settings of the operator that a demo listens to."""
READY = " is ready: "
READY_WITHIN_S = 60.0
STEPS = 5


class DemoSetup(msgspec.Struct, forbid_unknown_fields=True):
    """With what a data folder was made; kept in it, because another company does not fit the same database."""

    seed: int
    technicians: int


class DemoError(Exception):
    """The demo cannot start or go on; the message says why and what to do."""


@click.command("demo")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-data"),
    show_default=True,
    help="Where the demo keeps its database and map.",
)
@click.option("--technicians", type=click.IntRange(2, 200), default=6, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed is another city.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def demo(host: str, port: int, data_dir: Path, technicians: int, seed: int, no_browser: bool) -> None:
    """Run a server with a simulated day in it: open the page and watch a technician come."""
    setup = DemoSetup(seed=seed, technicians=technicians)
    try:
        asyncio.run(_demo(host, port, data_dir.absolute(), setup, open_browser=not no_browser))
    except DemoError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Stopped.")


async def _demo(host: str, port: int, folder: Path, setup: DemoSetup, *, open_browser: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    living = asyncio.create_task(_live(host, port, folder, setup, open_browser=open_browser))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not living.done():
        click.echo("\nStopping …")
        living.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await living


async def _live(host: str, port: int, folder: Path, setup: DemoSetup, *, open_browser: bool) -> None:
    with click.progressbar(length=STEPS, label="A made-up city".ljust(26)) as bar:

        def step(label: str) -> None:
            bar.update(1)
            bar.label = label.ljust(26)

        company = await asyncio.to_thread(_make_company, folder, setup)
        step("People and map")
        await _prepare(folder)
        step("The server")
        with (folder / "server.log").open("ab") as log:
            async with running(_enroute("serve"), log, server_environment(host, port, folder)) as server:
                url = await _ready_url(server, folder)
                step("The day begins")
                people = [sys.executable, "-m", "simulations.demo_day"]
                async with running(people, log, _bare_environment(), stdin=PIPE) as day:
                    await _begin_day(day, url, setup, company)
                    link = await _first_link(day, folder)
                    step("Ready")
                    bar.render_finish()
                    click.echo(_welcome(url, link, company, host))
                    if open_browser and _has_screen():
                        await asyncio.to_thread(webbrowser.open, link)
                    await _tell_on(server, day, folder)


def _make_company(folder: Path, setup: DemoSetup) -> Company:
    """Write city.osm.pbf and company.json unless a run with the same setup left them."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "demo.json"
    if note.exists():
        try:
            known = msgspec.json.decode(note.read_bytes(), type=DemoSetup)
        except msgspec.DecodeError as error:
            raise DemoError(
                f"{note} cannot be read ({error}). Remove {folder}, or choose another --data-dir."
            ) from None
        if known != setup:
            raise DemoError(
                f"{folder} was made with --seed {known.seed} --technicians {known.technicians}."
                " Use these, remove the folder, or choose another --data-dir."
            )
    city = demo_city(setup.seed)
    company = demo_company(
        city, seed=setup.seed, technicians=setup.technicians, customers=setup.technicians, password=PASSWORD
    )
    if not _extract(folder).exists():
        write_city(city, _extract(folder))
    (folder / "company.json").write_bytes(msgspec.json.encode(company.file))
    note.write_bytes(msgspec.json.encode(setup))
    return company


async def _prepare(folder: Path) -> None:
    """The map and the import know nothing of each other: both at once."""
    commands = [_enroute("import", str(folder / "company.json"), "--database", _database(folder))]
    if not all((folder / name).exists() for name in ("basemap.pmtiles", ROADS_NAME)):
        commands.append(_enroute("map", "build", str(_extract(folder)), "--out", str(folder / "basemap.pmtiles")))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(finished(command, _bare_environment())) for command in commands]
    for command, problem in zip(commands, (task.result() for task in tasks), strict=True):
        if problem is not None:
            raise DemoError(f"`enroute {command[3]}` failed: {problem}")


async def _ready_url(server: Process, folder: Path) -> str:
    """The server's own line says where it listens."""
    assert server.stdout is not None
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while line := (await server.stdout.readline()).decode(errors="replace"):
                if READY in line:
                    return line.partition(READY)[2].strip()
    except TimeoutError:
        raise DemoError(f"the server was not ready within {READY_WITHIN_S:g} s; see {folder / 'server.log'}") from None
    raise DemoError(f"the server did not start:\n{_last_words(folder)}")


async def _begin_day(day: Process, url: str, setup: DemoSetup, company: Company) -> None:
    assert day.stdin is not None
    told = DemoDay(
        url=url,
        seed=setup.seed,
        technicians=setup.technicians,
        customers=len(company.customers),
        password=PASSWORD,
    )
    day.stdin.write(msgspec.json.encode(told) + b"\n")
    await day.stdin.drain()


async def _events(day: Process) -> AsyncIterator[dict[str, Any]]:
    assert day.stdout is not None
    while line := await day.stdout.readline():
        yield msgspec.json.decode(line)


async def _first_link(day: Process, folder: Path) -> str:
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            async for event in _events(day):
                if event["event"] == "traveling":
                    return str(event["link"])
                click.echo(f"\n{event.get('detail', event)}", err=True)
    except TimeoutError:
        raise DemoError(f"no technician set off within {READY_WITHIN_S:g} s; see {folder / 'server.log'}") from None
    raise DemoError(f"the simulated day ended:\n{_last_words(folder)}")


async def _tell_on(server: Process, day: Process, folder: Path) -> None:
    """Print a fresh link whenever another technician sets off, until a child ends."""

    async def tell() -> None:
        async for event in _events(day):
            if event["event"] == "traveling":
                click.echo(f"Another technician is on the way: {event['link']}")
            else:
                click.echo(str(event.get("detail", event)), err=True)

    async def drain() -> None:
        assert server.stdout is not None
        while await server.stdout.readline():
            pass

    tasks = [asyncio.create_task(tell()), asyncio.create_task(drain())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise DemoError(f"a part of the demo ended by itself:\n{_last_words(folder)}")


def _welcome(url: str, link: str, company: Company, host: str) -> str:
    people = (
        ("Customer", company.customers[0].email, "/"),
        ("Technician", company.technicians[0].email, "/technician"),
        ("Dispatcher", company.dispatcher.email, "/dispatch"),
        ("Admin", company.admin.email, "/dispatch"),
    )
    lines = ["", f"Enroute is running at {url}", "", "Watch a technician come, without signing in:", f"  {link}", ""]
    lines.append(f"Sign in at {url}/sign-in, everybody's password is {PASSWORD}:")
    lines += [f"  {role:11} {email:28} {url}{page}" for role, email, page in people]
    if not ip_address(host).is_loopback if _is_address(host) else host != "localhost":
        lines += ["", f"Whoever reaches {host} can sign in with these: do not show this demo to the internet."]
    lines += ["", "Ctrl-C stops everything."]
    return "\n".join(lines)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _enroute(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "web", *arguments]


def _database(folder: Path) -> str:
    return f"sqlite:///{folder / 'enroute.db'}"


def _extract(folder: Path) -> Path:
    return folder / "city.osm.pbf"


def _bare_environment() -> dict[str, str]:
    """The demo's children listen to the demo alone, not to the operator's settings; how they run, and what the pages
    look like, is left to them."""
    kept = {PREFIX + name for name in KEPT}
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name in kept}


def server_environment(host: str, port: int, folder: Path) -> dict[str, str]:
    """Short notice everywhere, so that one can book, move and cancel a visit of this very hour."""
    options = {
        "host": host,
        "port": str(port),
        "database": _database(folder),
        "min_lead_s": "0",
        "move_cutoff_s": "0",
        "cancel_cutoff_s": "0",
    }
    return _bare_environment() | {PREFIX + name.upper(): value for name, value in options.items()}


def _last_words(folder: Path) -> str:
    log = folder / "server.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-12:]) + f"\n(more in {log})"


def _has_screen() -> bool:
    screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return sys.stdout.isatty() and (screen or sys.platform == "darwin")
