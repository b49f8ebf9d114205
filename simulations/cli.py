"""``enroute simulate``: people who do not exist, against any running server by its URL."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from simulations.api import Api
from simulations.command import URL, in_a_loop
from simulations.crews import Stage, run_scenario
from simulations.customers import Wishes
from simulations.observations import Observations
from simulations.replay_command import replay
from simulations.report import make_report
from simulations.report_option import leave_report, report_options
from simulations.scenarios import Scenario, ScenarioError, read_scenario
from simulations.technicians import Habits

SHIPPED = Path(__file__).parent / "scenarios"


@click.group()
def simulate() -> None:
    """Technicians, customers and recorded tracks against a running server.

    Runs leave their people, sites and visits on the server: use a server for trying out. Sign in as an
    admin (people are imported) with --email and --password, or ENROUTE_SIM_EMAIL and ENROUTE_SIM_PASSWORD.
    """


def _server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--password", envvar="ENROUTE_SIM_PASSWORD", required=True, help="The admin's password."),
        click.option("--email", envvar="ENROUTE_SIM_EMAIL", required=True, help="An admin's sign-in."),
        click.option("--url", envvar="ENROUTE_SIM_URL", default=URL, show_default=True, help="The server."),
    ):
        command = option(command)
    return command


def _town_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--time-zone", help="That of the sites, such as Europe/Helsinki."),
        click.option("--near", nargs=2, type=float, metavar="LAT LON", help="The middle of the town or of its part."),
        click.option(
            "--map",
            "map_file",
            metavar="EXTRACT.osm.pbf",
            help="Drive on the roads of this OpenStreetMap extract (or road graph), not of a made-up city.",
        ),
    ):
        command = option(command)
    return command


@simulate.command("scenarios")
def list_scenarios() -> None:
    """List the scenarios that come with Enroute."""
    for path in sorted(SHIPPED.glob("*.json")):
        scenario = read_scenario(path.name, path.read_text(encoding="utf-8"))
        click.echo(f"{path.stem:26} {scenario.duration_s:>5.0f} s  {scenario.description}")


@simulate.command("run")
@click.argument("scenario")
@click.option("--duration", "duration_s", type=float, help="Seconds to play, instead of the scenario's own.")
@click.option("--seed", type=int, help="Another seed than the scenario's own.")
@_town_options
@report_options
@_server_options
@in_a_loop
async def run(
    scenario: str,
    duration_s: float | None,
    seed: int | None,
    map_file: str | None,
    near: tuple[float, float] | None,
    time_zone: str | None,
    folder: Path | None,
    with_report: bool,
    url: str,
    email: str,
    password: str,
) -> int:
    """Play SCENARIO: a file, or the name of one that comes with Enroute (see `simulate scenarios`)."""
    plan = _found(scenario)
    plan = _changed(plan, {"duration_s": duration_s, "seed": seed})
    return await _play(_in_town(plan, map_file, near, time_zone), folder, with_report, url, email, password)


def _found(scenario: str) -> Scenario:
    path = Path(scenario)
    if not path.exists():
        path = SHIPPED / f"{scenario.removesuffix('.json')}.json"
    try:
        plan = read_scenario(scenario, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.json")))
        raise ScenarioError(scenario, f"no such file, nor one of {names}") from None
    return plan if plan.map is None else _changed(plan, {"map": str(path.parent / plan.map)})


@simulate.command("technicians")
@click.option("--count", type=click.IntRange(1, 5000), default=5, show_default=True)
@click.option("--seconds", "duration_s", type=float, default=600.0, show_default=True)
@click.option("--interval", "interval_s", type=click.FloatRange(0.1, 120), default=2.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@_town_options
@report_options
@_server_options
@in_a_loop
async def technicians(
    count: int,
    duration_s: float,
    interval_s: float,
    seed: int,
    map_file: str | None,
    near: tuple[float, float] | None,
    time_zone: str | None,
    folder: Path | None,
    with_report: bool,
    url: str,
    email: str,
    password: str,
) -> int:
    """Technicians who drive from visit to visit; as many customers book them and nobody watches."""
    plan = Scenario(
        name=f"{count} technicians",
        seed=seed,
        duration_s=duration_s,
        technicians=count,
        customers=count,
        city_radius_m=2300,
        habits=Habits(fix_interval_s=interval_s),
        wishes=Wishes(watchers=0, move_share=0, cancel_share=0, pause_s=5),
    )
    return await _play(_in_town(plan, map_file, near, time_zone), folder, with_report, url, email, password)


@simulate.command("customers")
@click.option("--count", type=click.IntRange(1, 20_000), default=10, show_default=True)
@click.option("--seconds", "duration_s", type=float, default=300.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@_town_options
@report_options
@_server_options
@in_a_loop
async def customers(
    count: int,
    duration_s: float,
    seed: int,
    map_file: str | None,
    near: tuple[float, float] | None,
    time_zone: str | None,
    folder: Path | None,
    with_report: bool,
    url: str,
    email: str,
    password: str,
) -> int:
    """Customers who book, move, cancel and watch what the technicians of this server offer."""
    plan = Scenario(name=f"{count} customers", seed=seed, duration_s=duration_s, technicians=0, customers=count)
    return await _play(_in_town(plan, map_file, near, time_zone), folder, with_report, url, email, password)


def _in_town(plan: Scenario, map_file: str | None, near: tuple[float, float] | None, time_zone: str | None) -> Scenario:
    lat, lon = near or (None, None)
    return _changed(plan, {"map": map_file, "city_lat": lat, "city_lon": lon, "time_zone": time_zone})


def _changed(plan: Scenario, changes: dict[str, Any]) -> Scenario:
    fields = {name: getattr(plan, name) for name in plan.__struct_fields__}
    try:
        return Scenario(**fields | {name: value for name, value in changes.items() if value is not None})
    except ValueError as error:
        raise ScenarioError(plan.name, str(error)) from error


async def _play(plan: Scenario, folder: Path | None, with_report: bool, url: str, email: str, password: str) -> int:
    admin = Api(url)
    try:
        await admin.sign_in(email, password)
        click.echo(f"{plan.name}: {plan.technicians} technicians, {plan.customers} customers, {plan.duration_s:.0f} s")
        with click.progressbar(length=round(plan.duration_s), label="playing".ljust(44)) as bar:

            def show(elapsed_s: float, seen: Observations) -> None:
                if sys.stdout.isatty():  # elsewhere every new label would be a line of its own
                    bar.label = _status(seen).ljust(44)
                bar.update(round(elapsed_s) - bar.pos)

            stage = await run_scenario(plan, base_url=url, admin=admin, progress=show)
    finally:
        await admin.close()
    report = _tell(stage, plan, url)
    leave_report(report, name=plan.name, folder=folder, with_report=with_report)
    return 1 if stage.observations.counts["positions out of order"] else 0


def _status(seen: Observations) -> str:
    counts = seen.counts
    return (
        f"{counts['fixes sent']} fixes, {counts['positions received']} shown, "
        f"{counts['completed']} visits, {sum(seen.errors.values())} errors"
    )


def _tell(stage: Stage, plan: Scenario, url: str) -> dict[str, Any]:
    seen = stage.observations
    facts = {
        "server": url,
        "seed": plan.seed,
        "map": plan.map or "made up",
        "technicians": plan.technicians,
        "customers": plan.customers,
    }
    report = make_report(seen, title=plan.name, duration_s=stage.clock.elapsed_s(), facts=facts)
    flow, latency, age = report["throughput"], report["latency_ms"], report["freshness_s"]
    click.echo(f"Fixes        {flow['fixes_sent']} sent, {flow['fixes_per_s']} per s")
    click.echo(f"Positions    {flow['positions_received']} shown, {flow['positions_per_s']} per s")
    if latency["count"]:
        click.echo(f"Latency      p50 {latency['p50']} ms, p99 {latency['p99']} ms")
        click.echo(f"Freshness    p50 {age['p50']} s, p99 {age['p99']} s")
    for name, counted in (("Refused", seen.rejections), ("Counts", seen.counts), ("Errors", seen.errors)):
        entries = ", ".join(f"{count} {what}" for what, count in counted.most_common() if count) or "none"
        click.echo(f"{name:12} {entries}")
    for row in report["eta"]:
        inside = "" if row["coverage"] is None else f", {row['coverage']:.0%} inside the range"
        click.echo(
            f"ETA          {row['minutes_before']} min before: {row['mean_absolute_error_s']} s mean absolute"
            f" error over {row['arrivals']} arrivals{inside}"
        )
    return report


simulate.add_command(replay)


if __name__ == "__main__":
    simulate()
