"""`enroute eta`."""

from __future__ import annotations

import sys

import click


@click.group("eta", invoke_without_command=True)
def eta_group() -> None:
    """Look into arrival times."""
    click.echo(
        "enroute eta: comes with the road engine; until then arrival times are straight-line estimates.",
        err=True,
    )
    sys.exit(2)
