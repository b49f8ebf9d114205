"""`enroute eta learn`."""

from __future__ import annotations

import sys
import time

import click

from web.commands.options import database_option, ensure_schema, read_settings

HOUR_MS = 3_600_000
MOST_TRIPS = 5_000
NOTHING_LEARNED = 3
"""The exit code that says so: a new installation is not broken."""


@click.command("learn")
@click.option("--days", type=click.IntRange(1, 3650), default=28, show_default=True, help="Until now.")
@click.option("--dry-run", is_flag=True, help="Only say what would be learned.")
@database_option
def learn_command(days: int, dry_run: bool, database: str | None) -> None:
    """Learn from finished trips how fast the roads here are driven.

    The server does so every night, and takes up within minutes what was learned by hand. Exits with 3 when there are
    too few trips.
    """
    # Imported late: numpy and the tracker are a second that a usage error need not wait for.
    from tracker.calibration import encode_calibration
    from tracker.learning import FEWEST_TRIPS, learn
    from tracker.records import KeptCalibration
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
        trips = store.finished_trips(
            since_ms=now_ms - days * 24 * HOUR_MS,
            # Who was silent for an hour has arrived.
            before_ms=now_ms - HOUR_MS,
            at_most=MOST_TRIPS,
        )
        if len(trips) < FEWEST_TRIPS:
            span = "day" if days == 1 else f"{days} days"
            click.echo(
                f"Nothing learned: {len(trips)} finished trips in the last {span}, it takes {FEWEST_TRIPS}.", err=True
            )
            sys.exit(NOTHING_LEARNED)
        with click.progressbar(length=1000, label="Learning", width=30, file=sys.stderr) as bar:
            learned = learn(graph, trips, progress=lambda part: bar.update(round(part * 1000) - bar.pos))
        if not dry_run:
            calibration = learned.calibration
            store.write_calibration(KeptCalibration(now_ms, calibration.trips, encode_calibration(calibration)))
        click.echo(learned.summary)
    finally:
        store.close()
