"""`enroute eta`: how good arrival times are, on anybody's recorded trips."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from web.commands.eta_learn import learn_command
from web.commands.eta_report import report_command
from web.commands.eta_week import week_command

if TYPE_CHECKING:
    from tracker.calibration import Calibration
    from tracker.recordings import Recording
    from tracker.roads.graph import RoadGraph
    from tracker.scoring import Score

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
MAP = click.option("--map", "extract", required=True, type=FILE, help="An OpenStreetMap extract (.osm.pbf)")
HISTORY = click.option(
    "--history", multiple=True, type=FILE, help="Finished trips to learn from (CSV trip_id,t,lat,lon); may be repeated"
)


@click.group("eta")
def eta_group() -> None:
    """Look into arrival times."""


eta_group.add_command(learn_command)
eta_group.add_command(report_command)
eta_group.add_command(week_command)


@eta_group.command("score")
@MAP
@click.option("--trips", multiple=True, required=True, type=FILE, help="Recorded trips to predict (same columns)")
@HISTORY
@click.option("--damage", is_flag=True, help="Also with the feed damaged as phones and networks do")
@click.option("--seed", default=1, show_default=True, help="Of the damage")
def score_command(extract: Path, trips: tuple[Path, ...], history: tuple[Path, ...], damage: bool, seed: int) -> None:
    """Predict the arrival at every recorded position and hold it against the truth.

    The truth is the last entry into the 75 m circle round a trip's last position. Trips are driven through the code
    that serves customers, the earliest first.
    """
    graph, calibration = _prepared(extract, history)
    recordings = _read(trips)
    click.echo(_table("as recorded", *_scored(graph, calibration, recordings, damage_seed=None)))
    if damage:
        click.echo(_table("damaged", *_scored(graph, calibration, recordings, damage_seed=seed)))


@eta_group.command("lines")
@MAP
@HISTORY
def lines_command(extract: Path, history: tuple[Path, ...]) -> None:
    """Predict for another program: JSON lines on standard input and output.

    {"op":"start","trip":ID,"dest":[LAT,LON],"t":EPOCH} is answered {"ok":true};
    {"op":"ping","t":EPOCH,"lat":LAT,"lon":LON} is answered {"eta_s":S,"low_s":S,"high_s":S}, seconds from t.
    """
    from tracker.eta_lines import LineTalk
    from tracker.rehearsal import Rehearsal

    graph, calibration = _prepared(extract, history)
    talk = LineTalk(Rehearsal(graph, calibration))
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        if line.strip():
            out.write(talk.answer(line) + b"\n")
            out.flush()


def _prepared(extract: Path, history: tuple[Path, ...]) -> tuple[RoadGraph, Calibration]:
    from tracker.calibration import COLD
    from tracker.errors import TrackerError
    from tracker.learning import learn
    from tracker.roads.build import build_graph

    try:
        with _bar("Reading roads") as bar:
            graph = build_graph(extract, progress=lambda _, part: bar.update(round(part * 1000) - bar.pos))
    except TrackerError as error:
        raise click.ClickException(str(error)) from None
    if not history:
        return graph, COLD
    recordings = _read(history)
    with _bar("Learning") as bar:
        learned = learn(graph, recordings, progress=lambda part: bar.update(round(part * 1000) - bar.pos))
    click.echo(learned.summary, err=True)
    return graph, learned.calibration


def _bar(label: str) -> click._termui_impl.ProgressBar[int]:
    # On standard error: standard output is the answer.
    return click.progressbar(length=1000, label=label, width=30, file=sys.stderr)


def _read(files: Iterable[Path]) -> list[Recording]:
    from tracker.recordings import RecordingError, read_recordings

    recordings = []
    for file in files:
        try:
            with file.open(newline="", encoding="utf-8") as lines:
                recordings += read_recordings(str(file), lines)
        except RecordingError as error:
            raise click.ClickException(str(error)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise click.ClickException(f"{file}: {error}") from None
    return sorted(recordings, key=lambda recording: recording.started_at)


def _scored(
    graph: RoadGraph, calibration: Calibration, recordings: list[Recording], *, damage_seed: int | None
) -> tuple[Score, float]:
    """The score, and the CPU microseconds per fix (filter and estimate)."""
    from tracker.damage import damaged
    from tracker.rehearsal import Rehearsal
    from tracker.scoring import score, scored_trip

    rehearsal = Rehearsal(graph, calibration)
    scored = []
    fixes = busy_ns = 0
    with click.progressbar(recordings, label="Driving", width=30, file=sys.stderr) as bar:
        for recording in bar:
            received = recording.fixes if damage_seed is None else damaged(recording, seed=damage_seed)
            rehearsal.start(lat=recording.destination.lat, lon=recording.destination.lon)
            told = []
            for fix in received:
                started_ns = time.process_time_ns()
                rehearsal.receive(fix)
                busy_ns += time.process_time_ns() - started_ns
                told.append((fix.fixed_at, rehearsal.told(fix.fixed_at)))
                rehearsal.line_up()
            fixes += len(told)
            scored.append(scored_trip(recording, told))
    try:
        return score(scored), busy_ns / 1000.0 / fixes
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _table(title: str, score: Score, cpu_us: float) -> str:
    quarters = " ".join(f"{pct:.0f}" for pct in score.covered_quarters_pct)
    return "\n".join(
        [
            f"{title}: {score.trips} trips, {score.positions} positions before the arrival",
            f"  mean absolute error       {score.mae_s:8.1f} s",
            f"  relative error            {score.mape_pct:8.1f} %",
            f"  within max(30 s, 20 %)    {score.good_pct:8.1f} %",
            f"  jump per fix              {score.jump_s:8.1f} s",
            f"  range holds the truth     {score.covered_pct:8.1f} %   by quarter of the trip: {quarters}",
            f"  error, last two minutes   {score.last_mae_s:8.1f} s",
            f"  'arriving' a minute early {score.early_pct:8.1f} % of trips",
            f"  CPU per fix               {cpu_us:8.1f} µs",
        ]
    )
