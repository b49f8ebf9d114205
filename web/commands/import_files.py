"""`enroute import`."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from slots.errors import InvalidSetup, StorageFailed
from slots.store import Database, open_database
from web.accounts_store import EmailTaken
from web.commands.options import database_option, ensure_schema, read_settings
from web.config import Settings
from web.import_changes import Changes
from web.import_columns import help_on_columns
from web.import_entries import Entries
from web.import_files import UnreadableFiles, entries_of, read_files
from web.import_holidays import UnknownCalendar, add_holidays, years_of
from web.import_plan import ImportPlan
from web.importer import apply_import, changes_of, plan_for
from web.passwords import Passwords
from web.switches import first_values

EXAMPLE = Path(__file__).resolve().parent.parent / "import_example"
# Nobody reads further; the first ones fixed, the next run shows the others.
MAX_SHOWN = 100

HELP = f"""Import accounts, sites, technicians and the rest.

FILES are CSV files (one list each), GeoJSON (territories) and JSON, or folders of them; - is JSON on standard input.
All are checked together, and rows of one may point to rows of another. Either everything is imported or nothing.
Importing the same again changes nothing. Nothing is ever deleted, but the skills, shifts, breaks and exceptions that
are given for a technician replace those they had. A server that runs takes over imported switches within ten minutes.

CSV is UTF-8, with commas or semicolons as a spreadsheet writes it; the first line names the columns, in any order.
A file is named after its list: shifts.csv. A * marks what every line must have:

\b
{help_on_columns()}

territories.geojson: every feature is a Polygon or MultiPolygon with `id` and `name` among its properties.

JSON is one object with these lists inside, {{"sites": [...], "shifts": [...]}}.

\b
Example:
  enroute import --template my-company
  enroute import my-company --holidays PT --dry-run
"""


@dataclass
class _Target:
    """The import's own small state: the command runs beside the server or without one."""

    database: Database
    passwords: Passwords = field(default_factory=Passwords)

    def now_s(self) -> int:
        return int(time.time())


@click.command("import", help=HELP)
@click.argument("files", nargs=-1, type=click.Path(exists=True, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Check everything, say what would change, write nothing.")
@click.option(
    "--holidays",
    "calendars",
    multiple=True,
    metavar="COUNTRY[-PART]",
    help="Public holidays of a country or a part of it, such as PT or DE-BY, for the whole installation. Repeatable.",
)
@click.option("--years", metavar="YEAR[-YEAR]", help="Of the holidays. [this year and the next two]")
@click.option(
    "--template",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write example files to be filled in, and do nothing else.",
)
@database_option
def import_command(
    files: tuple[str, ...],
    dry_run: bool,
    calendars: tuple[str, ...],
    years: str | None,
    template: Path | None,
    database: str | None,
) -> None:
    if template is not None:
        if files or calendars:
            raise click.UsageError("--template writes files; import them in a second call.")
        _write_template(template)
        return
    if not files and not calendars:
        raise click.UsageError("Name files to import, or --holidays, or --template for examples.")
    if years and not calendars:
        raise click.UsageError("--years goes with --holidays.")
    settings = read_settings(database=database)
    entries = _read(files, calendars, years)
    ensure_schema(settings)
    asyncio.run(_import(settings, entries, dry_run=dry_run))


def _read(files: tuple[str, ...], calendars: tuple[str, ...], years: str | None) -> Entries:
    try:
        found, ignored = read_files(files)
        for name in ignored:
            click.echo(f"{name}: not read, because it ends in neither .csv, .geojson nor .json.", err=True)
        entries = entries_of(found)
        this_year = time.localtime().tm_year
        add_holidays(entries, calendars, years_of(years or f"{this_year}-{this_year + 2}"))
    except (UnreadableFiles, UnknownCalendar) as error:
        raise click.ClickException(str(error)) from None
    return entries


async def _import(settings: Settings, entries: Entries, *, dry_run: bool) -> None:
    database = open_database(settings.database)
    first = first_values(settings)
    try:
        plan = await plan_for(database, entries)
        _refuse(plan)
        rows = ", ".join(f"{count} {kind}" for kind, count in plan.counts().items()) or "nothing"
        if dry_run:
            click.echo(f"Would import {rows}.")
            _show(await changes_of(database, plan, first=first))
            return
        target = _Target(database)
        try:
            with click.progressbar(length=plan.total, label="Importing") as bar:
                changes = await apply_import(target, plan, first=first, progress=bar.update)
        except (InvalidSetup, EmailTaken) as error:
            raise click.ClickException(f"{str(error).rstrip('.')}; nothing was imported.") from None
        finally:
            target.passwords.close()
        click.echo(f"Imported {rows}.")
        _show(changes)
    except StorageFailed as error:
        raise click.ClickException(str(error)) from None
    finally:
        await database.close()


def _refuse(plan: ImportPlan) -> None:
    if not plan.errors:
        return
    for error in plan.errors[:MAX_SHOWN]:
        click.echo(str(error), err=True)
    if len(plan.errors) > MAX_SHOWN:
        click.echo(f"... and {len(plan.errors) - MAX_SHOWN} more.", err=True)
    count = "1 error" if len(plan.errors) == 1 else f"{len(plan.errors)} errors"
    raise click.ClickException(f"{count}; nothing was imported.")


def _show(changes: Changes) -> None:
    if not changes.counts:
        return
    click.echo(f"{'':<12} {'new':>9} {'changed':>9} {'unchanged':>9} {'removed':>9}")
    for kind, count in changes.counts.items():
        numbers = (count.new, count.changed, count.unchanged, count.removed)
        click.echo(f"{kind:<12} " + " ".join(f"{number:>9}" for number in numbers))


def _write_template(folder: Path) -> None:
    examples = sorted(path for path in EXAMPLE.iterdir() if path.suffix in (".csv", ".geojson"))
    there = [path.name for path in examples if (folder / path.name).exists()]
    if there:
        raise click.ClickException(f"{folder} has {', '.join(there)} already; nothing was written.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in examples:
            shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}.") from None
    click.echo(f"Wrote {len(examples)} files to {folder}. Fill them in, then: enroute import {folder} --dry-run")
