"""The walls of the house: who may import whom, and what a pure module may not touch. Read from the source alone."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("tracker", "slots", "web", "simulations", "benchmarks")

# What each room may import of the others. Web alone knows both domains; nobody knows web. Simulations reach a server
# through its sockets: of the tracker they may know the formulas of the earth and of roads, never a running part.
# Benchmarks feed the cores directly.
MAY_IMPORT = {
    "tracker": set(),
    "slots": set(),
    "web": {"tracker", "slots", "simulations", "benchmarks"},
    "simulations": {"tracker.geo", "tracker.roads"},
    "benchmarks": {"tracker", "slots", "simulations"},
}

# These take values and `now`, and return values.
PURE = (
    "tracker/messages.py",
    "tracker/errors.py",
    "tracker/geo.py",
    "tracker/filters.py",
    "tracker/route.py",
    "tracker/eta.py",
    "tracker/arrival.py",
    "tracker/redis_blobs.py",
    "tracker/redis_names.py",
    "tracker/redis_outbox.py",
    "tracker/redis_peers.py",
    "tracker/redis_urls.py",
    "tracker/accuracy.py",
    "tracker/ledger.py",
    "tracker/trip.py",
    "tracker/guide.py",
    "tracker/traffic.py",
    "tracker/calibration.py",
    "tracker/recordings.py",
    "tracker/driven_trips.py",
    "tracker/scoring.py",
    "tracker/eta_lines.py",
    "tracker/grants.py",
    "tracker/frames.py",
    "tracker/devices",
    "tracker/roads/straight.py",
    "tracker/roads/speeds.py",
    "tracker/roads/graph.py",
    "tracker/roads/snap.py",
    "tracker/roads/tree.py",
    "tracker/roads/destination.py",
    "tracker/roads/driving.py",
    "tracker/roads/matching.py",
    "tracker/roads/worker_messages.py",
    "tracker/roads/breaker.py",
    "tracker/roads/polyline.py",
    "tracker/roads/server_answers.py",
    "tracker/roads/osrm.py",
    "tracker/roads/valhalla.py",
    "slots/model.py",
    "slots/intervals.py",
    "slots/shifts.py",
    "slots/zones.py",
    "slots/territory.py",
    "slots/travel.py",
    "slots/travel_table.py",
    "slots/slot_id.py",
    "slots/availability.py",
    "slots/explanation.py",
    "slots/lifecycle.py",
    "slots/policy.py",
    "slots/notices.py",
    "slots/events.py",
    "slots/event_notices.py",
    "slots/errors.py",
)
IMPURE_IMPORTS = {
    "asyncio", "threading", "socket", "ssl", "select", "subprocess", "sqlite3", "time", "random", "os",
    "http", "urllib.request", "sqlalchemy", "alembic", "aiosqlite", "psycopg", "redis", "starlette", "uvicorn",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter"}

# Library → the files that may import it.
ONLY_IN = {
    "redis": ("*/redis_*.py",),
    "hiredis": ("*/redis_*.py",),
    # A relay is what others would write with that library: a peer to be measured beside us, in a process of its own.
    "starlette": ("web/*", "benchmarks/relays/starlette_relay.py"),
    "uvicorn": ("web/*", "benchmarks/relays/starlette_relay.py"),
    # web/schema.py runs the migrations of all rooms.
    "sqlalchemy": ("*store.py", "*store/*.py", "*/migrations/*", "web/schema.py"),
    "aiosqlite": ("*store.py", "*store/*.py", "*/migrations/*"),
    "psycopg": ("*store.py", "*store/*.py", "*/migrations/*"),
    "httpx2": ("tracker/roads/road_server.py",),
    "sqlite3": ("*store.py", "*store/*.py", "*/migrations/*"),
}
# A function that hands an open transaction on to a store has to name its type.
TYPES_THAT_ARE_NO_SQL = {"sqlalchemy.ext.asyncio.AsyncConnection"}
# A service is a noun of the domain here: what can be booked.
NAMED_AFTER_SERVICE_TYPES = {"web/api/services.py", "web/import_example/services.csv"}
NAMES_THAT_SAY_NOTHING = ("util*", "common*", "helper*", "service.py", "services*", "manager*", "misc*")


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def pure_sources() -> list[Path]:
    return sorted(
        path for name in PURE for path in ((ROOT / name).rglob("*.py") if (ROOT / name).is_dir() else [ROOT / name])
    )


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, inside functions too; relative ones are written out."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def is_within(name: str, outer: str) -> bool:
    return name == outer or name.startswith(outer + ".")


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_the_rooms_import_only_what_the_plan_allows() -> None:
    broken = [
        f"{where(path, line)} imports {name}"
        for path in sources()
        for line, name in imports_of(path)
        for room in [path.relative_to(ROOT).parts[0]]
        for other in ROOMS
        if other != room and is_within(name, other)
        if not any(is_within(name, allowed) for allowed in MAY_IMPORT[room])
    ]

    assert broken == []


def test_each_library_stays_in_the_files_made_for_it() -> None:
    broken = [
        f"{where(path, line)} imports {name}"
        for path in sources()
        for line, name in imports_of(path)
        for library, places in ONLY_IN.items()
        if is_within(name, library) and name not in TYPES_THAT_ARE_NO_SQL
        if not any(fnmatch(path.relative_to(ROOT).as_posix(), place) for place in places)
    ]

    assert broken == []


def test_pure_modules_import_nothing_that_waits_or_stores_or_reads_a_clock() -> None:
    broken = [
        f"{where(path, line)} imports {name}"
        for path in pure_sources()
        for line, name in imports_of(path)
        if any(is_within(name, impure) for impure in IMPURE_IMPORTS)
    ]

    assert broken == []


def test_pure_modules_are_given_the_time_and_never_await() -> None:
    broken = []
    for path in pure_sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                broken.append(f"{where(path, node.lineno)} is asynchronous")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                broken.append(f"{where(path, node.lineno)} reads a clock: {ast.unparse(node.func)}()")

    assert broken == []


@pytest.mark.parametrize("name", PURE)
def test_a_module_named_pure_exists(name: str) -> None:
    path = ROOT / name

    assert path.is_file() or (path / "__init__.py").is_file()


def test_the_type_checker_is_strict_about_the_same_pure_modules() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert settings["tool"]["mypy"]["strict"] is True
    assert sorted(settings["tool"]["mypy"]["files"]) == sorted(PURE)


def test_coordinates_are_passed_by_keyword() -> None:
    broken = [
        f"{where(path, node.lineno)} {node.name} takes {argument.arg} by position"
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for argument in [*node.args.posonlyargs, *node.args.args]
        if argument.arg not in ("lat_lon", "lon_lat")  # pairs in an order that their name tells
        if argument.arg in ("lat", "lon") or argument.arg.endswith(("_lat", "_lon"))
    ]

    assert broken == []


def test_every_file_has_a_name_that_says_what_it_is() -> None:
    broken = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if "__pycache__" not in path.parts and path.relative_to(ROOT).as_posix() not in NAMED_AFTER_SERVICE_TYPES
        if any(fnmatch(path.name, name) for name in NAMES_THAT_SAY_NOTHING)
    ]

    assert broken == []


def test_what_slots_did_reaches_the_tracker_over_the_bridge_alone() -> None:
    meeting_points = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        for names in [{name for _, name in imports_of(path)}]
        if any(is_within(name, "slots.events") for name in names) and any(is_within(name, "tracker") for name in names)
    ]

    assert meeting_points == ["web/bridge.py"]


def test_tests_mirror_the_rooms_and_every_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}

    # Without __init__.py `tests/slots` would be imported as `slots` and shadow the room it tests.
    assert sorted(str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()) == []
