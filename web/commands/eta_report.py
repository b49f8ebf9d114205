"""`enroute eta report`."""

from __future__ import annotations

import asyncio
import time

import click
import msgspec

from slots.store import open_database
from tracker.accuracy import Measured
from tracker.ledger import MINUTES_BEFORE
from tracker.store import SqlTrackStore, tracks_url
from web import arrivals_words as words
from web.api.eta_accuracy import accuracy_json
from web.arrivals import MAX_DAYS, BadSpan, BadZone, By, Report, read_report
from web.commands.options import database_option, ensure_schema, read_settings


@click.command("report")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=7, show_default=True, help="Until today.")
@click.option(
    "--by",
    type=click.Choice(["day", "technician", "area"]),
    default="day",
    show_default=True,
    help="One line for each.",
)
@click.option("--json", "as_json", is_flag=True, help="As /api/dispatch/eta-accuracy answers.")
@click.option("--time-zone", metavar="ZONE", help="Whose days; default: the clock most technicians live by.")
@database_option
def report_command(days: int, by: By, as_json: bool, time_zone: str | None, database: str | None) -> None:
    """What was told 30, 15 and 5 minutes before, held against the real arrivals."""
    settings = read_settings(database=database)
    ensure_schema(settings)
    try:
        report = asyncio.run(_read(settings.database, days=days, by=by, time_zone=time_zone))
    except (BadSpan, BadZone) as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(accuracy_json(report, by)).decode(), indent=2))
    else:
        click.echo(words.headline(report))
        if report.total.visits:
            click.echo(_table(report, by))
        if report.learned is not None:
            click.echo(words.learned(report))


async def _read(url: str, *, days: int, by: By, time_zone: str | None) -> Report:
    database = open_database(url)
    ledger = SqlTrackStore(tracks_url(url))
    try:
        return await read_report(
            database, ledger, now_ms=time.time_ns() // 1_000_000, by=(by,), days=days, time_zone=time_zone
        )
    finally:
        ledger.close()
        await database.close()


def _table(report: Report, by: By) -> str:
    lines = [[by.capitalize(), "visits", *(f"{minutes} min" for minutes in MINUTES_BEFORE), "range held"]]
    lines += [_line(group.name, group.measured) for group in report.groups[by]]
    lines.append(_line("all", report.total))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def _line(name: str, measured: Measured) -> list[str]:
    told = [measured.at(minutes) for minutes in MINUTES_BEFORE]
    errors = [f"{each.mean_error_s:.0f} s" if each else "-" for each in told]
    held = words.held(measured)
    return [name, str(measured.visits), *errors, "-" if held is None else words.percent(held)]
