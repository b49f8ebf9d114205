"""`enroute serve`."""

from __future__ import annotations

import logging
import sys

import click
import msgspec

from web.commands.options import database_option, ensure_schema, read_settings
from web.large_pages import reserve_heap
from web.logs import configure_logs

log = logging.getLogger("enroute.serve")


@click.command("serve")
@click.option("--host", help="Address to listen on. [127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one. [8000]")
@click.option("--workers", type=int, help="Processes; more than one needs --redis. [1]")
@database_option
@click.option("--redis", metavar="URL", help="redis://host: needed by more than one process. [none]")
@click.option("--public-url", metavar="URL", help="Where people reach the server, as in https://visits.example.com.")
@click.option("--log-level", help="debug, info, warning or error. [info]")
def serve_command(**overrides: str | int | None) -> None:
    """Run the server until SIGTERM, then drain. With several workers SIGHUP replaces them one by one."""
    settings = read_settings(**overrides)
    configure_logs(settings.log_level)
    if settings.workers == 1 and settings.large_pages == "auto":
        reserve_heap()
    ensure_schema(settings)
    # Imported late: the checks above answer at once.
    from web.listeners import listen, listen_together, shown_url

    several = settings.workers > 1
    try:
        if several:
            listeners = listen_together(settings.host, settings.port, count=settings.workers)
        else:
            listeners = [listen(settings.host, settings.port)]
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}.") from None
    if settings.port == 0:
        settings = msgspec.structs.replace(settings, port=listeners[0].getsockname()[1])
    if several:
        from web.supervisor import become_supervisor

        if settings.sqlite_path is not None:
            log.info(
                "%d workers share one SQLite file and take turns at writing it; PostgreSQL lets them write at once",
                settings.workers,
            )
        become_supervisor(settings, listeners)
    from web.serve import serve

    url = shown_url(settings, listeners[0])
    sys.exit(serve(settings, listeners[0], on_ready=lambda _: click.echo(f"{settings.brand} is ready: {url}")))
