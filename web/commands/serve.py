"""`enroute serve`."""

from __future__ import annotations

import sys

import click
import msgspec

from web.commands.options import database_option, ensure_schema, read_settings
from web.logs import configure_logs


@click.command("serve")
@click.option("--host", help="Address to listen on. [127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one. [8000]")
@click.option("--workers", type=int, help="Processes; more than one needs --redis. [1]")
@database_option
@click.option("--redis", metavar="URL", help="redis://host: needed by more than one process. [none]")
@click.option("--public-url", metavar="URL", help="Where people reach the server, as in https://visits.example.com.")
@click.option("--log-level", help="debug, info, warning or error. [info]")
def serve_command(**overrides: str | int | None) -> None:
    """Run the server until SIGTERM, then drain."""
    settings = read_settings(**overrides)
    if settings.redis is not None:
        click.echo(
            "enroute serve: running on Redis comes with the multi-process release; leave out --redis.",
            err=True,
        )
        sys.exit(2)
    configure_logs(settings.log_level)
    ensure_schema(settings)
    # Imported late: the checks above answer at once.
    from web.serve import listen, serve, shown_url

    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}.") from None
    if settings.port == 0:
        settings = msgspec.structs.replace(settings, port=listener.getsockname()[1])
    url = shown_url(settings, listener)
    sys.exit(serve(settings, listener, on_ready=lambda: click.echo(f"{settings.brand} is ready: {url}")))
