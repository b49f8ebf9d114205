"""`enroute eta learn`."""

from __future__ import annotations

import contextlib
import sys
import time

import click

from web.commands.options import database_option, ensure_schema, read_settings

NOTHING_LEARNED = 3
"""The exit code that says so: a new installation is not broken."""
FELL_BACK = 4
"""The exit code of a night after which less is believed than before."""


@click.command("learn")
@click.option("--days", type=click.IntRange(1, 3650), default=28, show_default=True, help="Until now.")
@click.option("--dry-run", is_flag=True, help="Only say what would be learned.")
@database_option
def learn_command(days: int, dry_run: bool, database: str | None) -> None:
    """Learn from finished trips how fast the roads here are driven.

    The server does so every night, and takes up within minutes what was learned by hand. Where the last days were told
    worse than without anything learned, it goes back to that. Exits with 3 when there is too little to learn from, and
    with 4 when it went back.
    """
    # Imported late: numpy and the tracker are a second that a usage error need not wait for.
    from tracker.nights import learn_by_night
    from tracker.roads.graph_file import RoadsFileError, open_graph
    from tracker.store import SqlTrackStore, tracks_url

    settings = read_settings(database=database)
    if not settings.roads_path.exists():
        raise click.ClickException(
            f"There is no road graph at {settings.roads_path}. Make one with `enroute map build EXTRACT.osm.pbf`."
        )
    ensure_schema(settings)
    try:
        graph = open_graph(settings.roads_path)
    except RoadsFileError as error:
        raise click.ClickException(str(error)) from None
    store = SqlTrackStore(tracks_url(settings.database))
    try:
        now_ms = time.time_ns() // 1_000_000
        with contextlib.ExitStack() as stack:
            bars: list[click._termui_impl.ProgressBar[int]] = []

            def show(part: float) -> None:
                # Only once there is something to learn from.
                if not bars:
                    bars.append(
                        stack.enter_context(click.progressbar(length=1000, label="Learning", width=30, file=sys.stderr))
                    )
                bars[0].update(round(part * 1000) - bars[0].pos)

            night = learn_by_night(store, graph, now_ms=now_ms, days=days, progress=show)
        if night.calibration is not None and not dry_run:
            store.write_calibration(night.kept(now_ms))
    finally:
        store.close()
    click.echo(night.said, err=night.calibration is None)
    if night.calibration is None:
        sys.exit(NOTHING_LEARNED)
    if night.fell_back:
        sys.exit(FELL_BACK)
