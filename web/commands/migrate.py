"""`enroute migrate`."""

from __future__ import annotations

import click

from web.commands.options import database_option, reachable, read_settings
from web.migrations import runner


@click.command("migrate")
@database_option
@click.option("--check", is_flag=True, help="Only say what is missing; exit with 1 if anything is.")
def migrate_command(database: str | None, check: bool) -> None:
    """Bring the database to this version. Safe to repeat."""
    settings = read_settings(database=database)
    if check:
        with reachable():
            missing = runner.behind(settings.database)
        for branch in missing:
            click.echo(str(branch))
        click.get_current_context().exit(1 if missing else 0)
    with reachable():
        done = runner.upgrade(settings.database)
    for branch in done:
        click.echo(f"{branch.branch}: {branch.at or 'nothing'} -> {branch.wanted}")
    if not done:
        click.echo("Up to date.")
