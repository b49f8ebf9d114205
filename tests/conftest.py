"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from tests import shared_mode
from tests.beside import INSIDE, WAITING, Beside, WaitingTests, waits
from tests.servers import EnrouteServer, enroute_server

# A busy machine is no reason to fail: what things may cost is measured in benchmarks. Here, for every process of the
# tests, and before any of them is imported.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory) -> AsyncIterator[EnrouteServer]:
    """One real `enroute serve` for the whole run, with the set-up of `tests.servers`. Leave it as you found it."""
    folder: Path = tmp_path_factory.mktemp("server")
    async with enroute_server(folder) as running:
        yield running


_BESIDE = pytest.StashKey[Beside]()
_WAITING = pytest.StashKey[dict[str, WaitingTests]]()
_WHOLE = pytest.StashKey[bool]()
WHOLE = 1000
OUTCOME = "test_those_that_wait_hold_too"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A whole run leaves those that mostly wait to processes beside it, and asks for their outcome in the end."""
    whole = len(items) > WHOLE and not config.option.collectonly and INSIDE not in os.environ
    config.stash[_WHOLE] = whole
    outcome = [item for item in items if item.name.startswith(OUTCOME)]
    if not whole or not outcome:
        return
    left = [item for item in items if waits(item.path)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left) and item not in outcome] + outcome


def pytest_collection_finish(session: pytest.Session) -> None:
    """On two cores some minutes are saved by what runs beside the rest; for a few tests it is not worth it."""
    config = session.config
    config.stash[_BESIDE] = beside = Beside()
    if not config.stash.get(_WHOLE, False):
        return
    asked = any("tracker_tests_beside" in getattr(item, "fixturenames", ()) for item in session.items)
    first = beside.begin_early() if asked else None
    if any(item.name.startswith(OUTCOME) for item in session.items):
        arguments = ["--processes", str(config.getoption("--processes"))]
        if config.option.markexpr:
            arguments += ["-m", config.option.markexpr]
        # The tracker's tests on the compiled core go before the first of them.
        config.stash[_WAITING] = {
            what: WaitingTests(*arguments, *paths, after=None if number else first)
            for number, (what, paths) in enumerate(WAITING.items())
        }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for what, waiting in config.stash.get(_WAITING, {}).items():
        terminalreporter.write_line(f"beside, {what}: {waiting.summary}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processes", type=int, default=1, help="Every server of the tests is so many workers.")


def pytest_configure(config: pytest.Config) -> None:
    os.environ[shared_mode.VARIABLE] = str(config.getoption("--processes"))


def pytest_unconfigure(config: pytest.Config) -> None:
    beside = config.stash.get(_BESIDE, None)
    if beside is not None:
        beside.end()
    for waiting in config.stash.get(_WAITING, {}).values():
        waiting.end()
    shared_mode.end()


@pytest.fixture(scope="session")
def tracker_tests_beside(request: pytest.FixtureRequest) -> Beside:
    return request.config.stash[_BESIDE]


@pytest.fixture(scope="session")
def tests_that_wait(request: pytest.FixtureRequest) -> dict[str, WaitingTests]:
    """Those that run beside a whole run; none where they run among the others."""
    return request.config.stash.get(_WAITING, {})
