"""`enroute eta week`."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tracker.accuracy import Measured
    from web.simulated_week import SimulatedDay

MINUTES_SHOWN = (15, 5)


@click.command("week")
@click.option("--days", type=click.IntRange(1, 28), default=7, show_default=True)
@click.option("--technicians", type=click.IntRange(1, 50), default=4, show_default=True)
@click.option(
    "--slower", type=click.FloatRange(0.5, 5.0), default=2.0, show_default=True, help="Traffic than in other cities."
)
@click.option("--seed", default="1", show_default=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep map and database here, for `enroute eta report`; must be empty.",
)
def week_command(days: int, technicians: int, slower: float, seed: str, folder: Path | None) -> None:
    """Watch a made-up week: the ledger fills, every night teaches, and the error falls.

    Technicians drive through the demo city, where traffic is slower than the map believes. One line a day: how far off
    the told arrivals were 15 and 5 minutes before, how often the range held, and the same without any learning.
    """
    # Imported late: numpy and the tracker are a second that a usage error need not wait for.
    from simulations.demo_day import demo_city
    from web.simulated_week import simulate_week

    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-week-")))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise click.UsageError(f"{folder} is not empty.")
        click.echo(f"{'':10}  visits       told: 15 min   5 min  held     cold: 15 min   5 min  held")
        for day in simulate_week(folder, demo_city(1), days=days, technicians=technicians, seed=seed, slower=slower):
            click.echo(_line(day))
            click.echo(f"{'':10}  {day.night}", err=True)


def _line(day: SimulatedDay) -> str:
    return f"{day.date}  {day.told.visits:6}  {_figures(day.told)}  {_figures(day.cold)}"


def _figures(measured: Measured) -> str:
    # Imported late, as above.
    from web.arrivals_words import held, percent

    told = [measured.at(minutes) for minutes in MINUTES_SHOWN]
    errors = [f"{each.mean_error_s:.0f} s" if each else "-" for each in told]
    share = held(measured)
    return f"{errors[0]:>17}  {errors[1]:>6}  {'-' if share is None else percent(share):>5}"
