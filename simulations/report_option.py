"""Where a command leaves its report: a folder of its own for every run, unless told another one or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from simulations.report import Report, write_report


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options ``folder`` and ``with_report`` for ``leave_report``."""
    for option in (
        click.option("--no-report", "with_report", is_flag=True, flag_value=False, default=True, help="Write none."),
        click.option(
            "--report",
            "folder",
            type=click.Path(path_type=Path, file_okay=False),
            help="Write report.json and report.html into this folder  [default: enroute-report-<name>-<instant>]",
        ),
    ):
        command = option(command)
    return command


def leave_report(report: Report, *, name: str, folder: Path | None, with_report: bool) -> None:
    """Write ``report`` and print where it is; without ``folder`` in one called after ``name`` and the time."""
    if not with_report:
        return
    folder = folder or Path(default_folder(name, datetime.now(UTC)))
    try:
        for path in write_report(report, folder):
            click.echo(f"Wrote {path}")
    except OSError as error:
        raise click.ClickException(f"no report in {folder}: {error.strerror}; choose another --report") from error


def default_folder(name: str, now: datetime) -> str:
    """A name that every file system takes. [pure]"""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "run"
    return f"enroute-report-{plain}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
