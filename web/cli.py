"""`enroute`: one program, its commands loaded when they are asked for."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from web.compiled import take_up

# name -> (module, attribute, what it does). Loading them all to print a help text would take a second.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "serve": ("web.commands.serve", "serve_command", "Run the server."),
    "demo": ("web.demo", "demo", "Run a server with a simulated day in it."),
    "migrate": ("web.commands.migrate", "migrate_command", "Bring the database to this version."),
    "import": (
        "web.commands.import_files",
        "import_command",
        "Import accounts, sites, technicians and the rest from files.",
    ),
    "export": ("web.commands.export_file", "export_command", "Write the set-up in the form that an import takes."),
    "invite": ("web.commands.invite", "invite_command", "Invite a contact or a member of staff."),
    "device-token": (
        "web.commands.device_token",
        "device_token_command",
        "Make a token for a technician's phone.",
    ),
    "map": (
        "web.basemap.command",
        "map_group",
        "Build the drawn map and the road graph from an OpenStreetMap extract.",
    ),
    "simulate": ("simulations.cli", "simulate", "Drive technicians and customers against a server."),
    "compile": ("web.commands.compile", "compile_command", "Translate the hot core of the tracker to machine code."),
    "eta": ("web.commands.eta", "eta_group", "Look into arrival times."),
    "benchmark": ("benchmarks.cli", "benchmark", "Measure this machine."),
}

# These follow fixes in their own process; the others start one of these or have nothing to follow.
WITH_THE_CORE = frozenset({"serve", "eta", "benchmark"})


class LazyGroup(click.Group):
    """A group that knows the names and summaries of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module_name, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module_name), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except ModuleNotFoundError as error:
            raise click.ClickException(f"`enroute {args[0]}` needs {error.name!r}, which is not installed.") from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


@click.group("enroute", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="enroute", prog_name="enroute", message="%(prog)s %(version)s")
def enroute() -> None:
    """Technicians, visits, and an arrival time people can trust.

    Every option of the server is also read from the environment: --port is ENROUTE_PORT.
    """


def main(*args: Any) -> None:
    # Before any command is imported, and only where this is the whole program: a test runs commands in its own process.
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if command in WITH_THE_CORE:
        try:
            take_up(os.environ)
        except ValueError as error:
            click.echo(f"enroute: {error}", err=True)
            sys.exit(2)
    enroute(*args, prog_name="enroute")
