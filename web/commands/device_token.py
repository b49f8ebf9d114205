"""`enroute device-token TECHNICIAN`."""

from __future__ import annotations

import asyncio
import time

import click

from slots import catalog_store
from slots.store import open_database
from web.commands.options import database_option, ensure_schema, read_settings
from web.device_tokens import issue_device_token


@click.command("device-token")
@click.argument("technician")
@database_option
def device_token_command(technician: str, database: str | None) -> None:
    """Make a token for this technician's phone and print it. It cannot be read again."""
    settings = read_settings(database=database)
    ensure_schema(settings)
    click.echo(asyncio.run(_issue(settings.database, technician)))


async def _issue(url: str, technician_id: str) -> str:
    database = open_database(url)
    try:
        async with database.transaction() as conn:
            if await catalog_store.resource(conn, technician_id) is None:
                known = ", ".join(resource.id for resource in (await catalog_store.resources(conn))[:20])
                raise click.ClickException(f"There is no technician {technician_id!r}. Known: {known or 'none'}.")
            _, token = await issue_device_token(conn, technician_id=technician_id, now_s=int(time.time()))
        return token
    finally:
        await database.close()
