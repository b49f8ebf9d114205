"""`enroute compile`."""

from __future__ import annotations

import time

import click

from web.compiled import BUILDS, MODULES, digest
from web.compiler import BuildFailed, CannotCompile, build, check_tools

FAILED = "The core could not be compiled and runs interpreted, which does the same more slowly"


@click.command("compile")
@click.option("--where-possible", is_flag=True, help="Where tools are missing, do nothing, successfully; be brief.")
def compile_command(where_possible: bool) -> None:
    """Translate the hot core of the tracker to machine code. Safe to repeat: only changed sources are translated.

    Needs a C compiler and Python's headers. The server takes the result by itself; ENROUTE_COMPILED=off leaves it.
    """
    is_new = not (BUILDS / digest()).is_dir()
    if is_new:
        try:
            check_tools()
        except CannotCompile as missing:
            if where_possible:
                return
            raise click.ClickException(str(missing)) from None
        click.echo(f"Compiling {len(MODULES)} modules of the tracker (about half a minute) …", err=True)
    begun_s = time.monotonic()
    try:
        made = build()
    except (CannotCompile, BuildFailed) as failure:
        if where_possible:
            raise click.ClickException(f"{FAILED}; `enroute compile` says why.") from None
        raise click.ClickException(f"{FAILED}.\n{failure}") from None
    took = f" in {time.monotonic() - begun_s:.0f} s" if is_new else ""
    if is_new or not where_possible:
        click.echo(f"The core is compiled{took}: {made}", err=True)
