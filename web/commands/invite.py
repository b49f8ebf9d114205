"""`enroute invite EMAIL`."""

from __future__ import annotations

import asyncio
import time

import click

from slots.store import open_database
from web import accounts_store
from web.commands.options import database_option, ensure_schema, read_settings
from web.config import Settings
from web.instants import iso
from web.invitations import Invitation, invite
from web.problems import Problem


@click.command("invite")
@click.argument("email")
@click.option(
    "--staff",
    type=click.Choice(["technician", "dispatcher", "admin"]),
    help="Set the person up as staff first; this is how the first admin comes to be.",
)
@click.option("--name", default="", help="The person's name, with --staff.")
@click.option("--technician", metavar="ID", help="Which technician they are, with --staff technician.")
@database_option
def invite_command(email: str, staff: str | None, name: str, technician: str | None, database: str | None) -> None:
    """Invite a contact of an active account, or a member of staff. Prints the link, which works once."""
    settings = read_settings(database=database)
    ensure_schema(settings)
    try:
        invitation = asyncio.run(_invite(settings, email, staff, name, technician))
    except Problem as problem:
        raise click.ClickException(f"{problem.title}. {problem.detail or ''}".strip()) from None
    except accounts_store.EmailTaken as error:
        raise click.ClickException(str(error)) from None
    click.echo(invitation.url(settings.base_url))
    click.echo(f"Valid until {iso(invitation.expires_s)}.", err=True)


async def _invite(
    settings: Settings, email: str, staff: str | None, name: str, technician_id: str | None
) -> Invitation:
    database = open_database(settings.database)
    now_s = int(time.time())
    try:
        if staff is not None:
            async with database.transaction() as conn:
                await accounts_store.put_staff(
                    conn,
                    email=email,
                    name=name,
                    role=staff,  # type: ignore[arg-type]  # click checked the choice
                    technician_id=technician_id,
                    now_s=now_s,
                )
        return await invite(database, email=email, valid_s=settings.invitation_days * 86_400, now_s=now_s)
    finally:
        await database.close()
