"""``enroute simulate replay``: recorded tracks against any running server."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import click

from simulations.api import Api
from simulations.command import URL, in_a_loop
from simulations.observations import Observations
from simulations.replay import MAX, REAL, Replay, replay_lanes
from simulations.replay_phone import replay_phone
from simulations.replay_verdict import ReplayResult
from simulations.report import Report, make_report
from simulations.report_option import leave_report, report_options
from simulations.run_clock import RunClock
from simulations.staging import make_lanes, staging_file
from simulations.tracks import Track, TrackError, read_tracks


class _Speed(click.ParamType[float]):
    name = "real|FACTOR|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if value in ("real", "max"):
            return REAL if value == "real" else MAX
        try:
            factor = float(str(value).removesuffix("x"))
        except ValueError:
            factor = 0.0
        if not 0 < factor < 1e6:
            self.fail(f'{value!r} is neither "real", nor "max", nor a factor such as 10', param, ctx)
        return factor


@click.command("replay")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--speed", type=_Speed(), default="real", show_default=True, help="Times faster than recorded, or max.")
@click.option("--trips", type=click.IntRange(1), help="Play only so many trips, chosen by --seed.")
@click.option("--lanes", type=click.IntRange(1, 2000), default=8, show_default=True, help="Trips played at once.")
@click.option("--stand", "stand_s", type=float, default=0.0, help="Seconds the phone goes on reporting its last place.")
@click.option(
    "--radius", "radius_m", type=float, default=75.0, show_default=True, help="The server's arrival radius, m."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--device-token", help="Play through this phone instead; nothing is made on the server.")
@click.option("--visit", help="With --device-token: the visit its technician travels to.")
@click.option("--token", help="With --visit: a session or tracking-link token that may watch it.")
@report_options
@click.option("--password", envvar="ENROUTE_SIM_PASSWORD", help="The admin's password.")
@click.option("--email", envvar="ENROUTE_SIM_EMAIL", help="An admin's sign-in.")
@click.option("--url", envvar="ENROUTE_SIM_URL", default=URL, show_default=True, help="The server.")
@in_a_loop
async def replay(
    files: tuple[Path, ...],
    speed: float,
    trips: int | None,
    lanes: int,
    stand_s: float,
    radius_m: float,
    seed: int,
    device_token: str | None,
    visit: str | None,
    token: str | None,
    folder: Path | None,
    with_report: bool,
    url: str,
    email: str | None,
    password: str | None,
) -> int:
    """Replay recorded trips (GPX with times, or CSV with trip_id,t,lat,lon), each with a visit where it ends.

    Every trip gets a visit whose technician is under way and a customer who watches. Ends with 1 when a promise was
    not kept: positions in order, a reason for every refused fix, an ETA at every position, arrivals announced.
    """
    if (visit is None) != (token is None) or (visit is not None and device_token is None):
        raise click.UsageError("--visit and --token belong together, and to --device-token.")
    if device_token is None and (email is None or password is None):
        raise click.UsageError("Give --email and --password of an admin, or --device-token of a phone.")
    tracks = _chosen(files, trips, seed)
    plan = Replay(
        base_url=url,
        password=secrets.token_urlsafe(12),
        speed=speed,
        radius_m=radius_m,
        clock=RunClock(),
        observations=Observations(),
        stand_s=stand_s,
    )
    watch = (visit, token) if visit is not None and token is not None else None
    staged = make_lanes(tracks, lanes=lanes, run=secrets.token_hex(3), in_real_time=plan.in_real_time)
    with click.progressbar(length=len(tracks), label=f"{len(tracks)} trips", show_pos=True) as bar:

        def done(name: str) -> None:
            bar.update(1)

        if device_token is not None:
            plan.clock.start_over()
            result = await replay_phone(tracks, plan, device_token=device_token, watch=watch, done=done)
        else:
            admin = Api(url)
            try:
                await admin.sign_in(email or "", password or "")
                await admin.post("/api/dispatch/import", staging_file(staged, password=plan.password))
                plan.clock.start_over()
                result = await replay_lanes(staged, plan, admin=admin, done=done)
            finally:
                await admin.close()
    for line in result.lines():
        click.echo(line)
    errors = plan.observations.errors
    click.echo("Errors       " + (", ".join(f"{count} {what}" for what, count in errors.items()) or "none"))
    leave_report(_report(plan, result), name="replay", folder=folder, with_report=with_report)
    return 0 if result.passed else 1


def _report(plan: Replay, result: ReplayResult) -> Report:
    facts = {
        "server": plan.base_url,
        "trips": len(result.trips),
        "failed": len(result.failed),
        "speed": {REAL: "real", MAX: "max"}.get(plan.speed, f"{plan.speed:g}x"),
        "promises": "kept" if result.passed else "not kept",
    }
    title = f"Replay of {len(result.trips) + len(result.failed)} recorded trips"
    report = make_report(plan.observations, title=title, duration_s=plan.clock.elapsed_s(), facts=facts)
    verdicts = [asdict(trip) | {"kept": result.kept(trip)} for trip in result.trips]
    return report | {"trips": verdicts, "failed_trips": result.failed}


def _chosen(files: tuple[Path, ...], trips: int | None, seed: int) -> list[Track]:
    tracks = [track for path in files for track in read_tracks(path.name, path.read_text(encoding="utf-8-sig"))]
    if not tracks:
        raise TrackError(files[0].name, None, "holds no trip of two points or more")
    if trips is not None and trips < len(tracks):
        tracks = Random(f"trips {seed}").sample(tracks, trips)
    return tracks
