"""What every command of the simulations shares: one event loop, and refusals as one line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import click

from simulations.api import RefusedError
from simulations.http_client import HttpError
from simulations.map_town import MapError
from simulations.scenarios import ScenarioError
from simulations.tracks import TrackError

URL = "http://127.0.0.1:8000"


def in_a_loop(main: Callable[..., Coroutine[Any, Any, int]]) -> Callable[..., None]:
    """Run a command's coroutine; what the server or a file refuses becomes one line, not a traceback."""

    @wraps(main)
    def command(**options: Any) -> None:
        try:
            sys.exit(asyncio.run(main(**options)))
        except (RefusedError, HttpError, ScenarioError, TrackError, MapError) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise click.Abort from None

    return command
