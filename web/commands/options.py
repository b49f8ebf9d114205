"""What several commands share: reading the settings, and a database that is up to date."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from web.config import Settings, SettingsError, load_settings
from web.migrations import runner

database_option = click.option(
    "--database",
    metavar="URL",
    help="sqlite:///path or postgresql://user:password@host/name. [sqlite:///enroute.db]",
)


def read_settings(**overrides: Any) -> Settings:
    """Environment, then command line. Exits with 2 and the sentence when they make no sense."""
    try:
        return load_settings(os.environ, **overrides)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


@contextmanager
def reachable() -> Iterator[None]:
    """A database that cannot be reached is the operator's to mend: a sentence and exit code 1, no traceback."""
    try:
        yield
    except runner.DatabaseUnreachable as error:
        raise click.ClickException(str(error)) from None


def ensure_schema(settings: Settings) -> None:
    """SQLite is created and migrated on the way; a PostgreSQL that is behind is the operator's to migrate: other
    processes of the older version may still be using it. Exits with 1 and the sentence when there is none."""
    with reachable():
        if settings.sqlite_path is not None:
            runner.upgrade(settings.database)
            return
        missing = runner.behind(settings.database)
    if missing:
        lines = "; ".join(map(str, missing))
        raise click.ClickException(f"The database is behind this version ({lines}). Run `enroute migrate` first.")
