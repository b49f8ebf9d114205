"""`enroute export`."""

from __future__ import annotations

import asyncio
from typing import BinaryIO

import click

from slots.errors import StorageFailed
from slots.store import open_database
from web.commands.options import database_option, ensure_schema, read_settings
from web.config import Settings
from web.export import as_json, set_up_of
from web.import_rows import ROW_TYPES, ImportFile
from web.importer import read_known
from web.switches import first_values


@click.command("export")
@click.argument("file", type=click.File("wb", lazy=True), default="-")
@click.option(
    "--list",
    "lists",
    type=click.Choice(list(ROW_TYPES)),
    multiple=True,
    metavar="NAME",
    help="Only this list, such as technicians. Repeatable. [all of them]",
)
@database_option
def export_command(file: BinaryIO, lists: tuple[str, ...], database: str | None) -> None:
    """Write the whole set-up to FILE, or to standard output, in the form that `enroute import` takes.

    Imported again as it is, it changes nothing. Passwords are not in it.
    """
    settings = read_settings(database=database)
    ensure_schema(settings)
    found = asyncio.run(_read(settings, lists))
    file.write(as_json(found))
    rows = ", ".join(f"{count} {kind}" for kind in ROW_TYPES if (count := len(getattr(found, kind)))) or "nothing"
    click.echo(f"Exported {rows}.", err=True)


async def _read(settings: Settings, lists: tuple[str, ...]) -> ImportFile:
    database = open_database(settings.database)
    try:
        async with database.read() as conn:
            known = await read_known(conn, first_values(settings))
    except StorageFailed as error:
        raise click.ClickException(str(error)) from None
    finally:
        await database.close()
    return set_up_of(known, lists or tuple(ROW_TYPES))
