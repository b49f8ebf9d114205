"""What does one update cost on Enroute, and what on others who only relay it?

The same load on Enroute, on a C relay that is the limit, and on brokers and libraries, round by round in turn, so that
a slow minute of the machine hits all. README.md beside this file says what each figure means and what each peer does.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.loading import Workload, as_json
from benchmarks.native import compiled
from benchmarks.peer_lineup import KEYS, line_up
from benchmarks.peer_report import Report, machine, panels, raw_results
from benchmarks.peer_rounds import measure
from benchmarks.peer_rows import Row, fill_ratios, measured_row, print_rows
from benchmarks.peer_servers import LIMIT, PEERS
from benchmarks.peer_setup import NotInstalled, install
from benchmarks.peer_targets import EITHER_OR, ENROUTE, ratio_targets
from benchmarks.plot import NoConverter, check_plot, write_plot
from benchmarks.serving import cores, free_port
from benchmarks.targets import print_targets

DISPATCHERS = 20


def workloads(*, smoke: bool, devices: int, rate_per_s: float) -> list[Workload]:
    """In a fleet view each technician sends a fix a second, as phones do: then none is overtaken by the next, and
    every one of them has to reach every dispatcher."""
    many, most, dispatchers = (20, 50, 2) if smoke else (1000, 10_000, DISPATCHERS)
    return [
        Workload(name="1:1", trips=devices, watchers=1),
        Workload(name="1:3", trips=devices, watchers=3),
        Workload(name=f"1:{many}", trips=1, watchers=many),
        Workload(name=f"1:{most}", trips=1, watchers=most),
        Workload(name="fleet view", trips=devices, watchers=dispatchers, rate_per_s=float(devices), view="fleet"),
        moderate(devices, rate_per_s),
    ]


def moderate(devices: int, rate_per_s: float) -> Workload:
    return Workload(name=f"{rate_per_s:.0f} fixes/s", trips=devices, watchers=1, rate_per_s=rate_per_s)


def print_installed() -> None:
    """What each peer is, or why it is not here."""
    with tempfile.TemporaryDirectory(prefix="enroute-peers-") as folder:
        for peer in PEERS:
            own = Path(folder) / peer.key
            own.mkdir()
            try:
                click.echo(f"{peer.name:12} {peer.launch(free_port(), own).version}")
            except NotInstalled as missing:
                click.echo(f"{peer.name:12} not installed: {missing}")


@click.command("peers")
@click.option("--install", "wants_install", is_flag=True, help="Fetch the peers from Debian, PyPI and npm, then stop.")
@click.option("--smoke", is_flag=True, help="A few sockets for a moment each: proves that it runs, measures nothing.")
@click.option("--devices", default=500, show_default=True, help="Technicians on the road, one socket each.")
@click.option("--rate", default=5000.0, show_default=True, help="Fixes per second of the moderate load, all together.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="Measured time of one workload in one round.")
@click.option("--only", "keys", type=click.Choice(KEYS), multiple=True, help="Leave the other servers out.")
@click.option("--workload", "names", multiple=True, help="By its name in the table. Leave the other ones out.")
@click.option("--update-bytes", type=click.IntRange(150, 4000), help="Of a relayed update.  [default: as Enroute's]")
@click.option("--enroute", "settings", multiple=True, metavar="ENROUTE_NAME=VALUE", help="A setting for Enroute.")
@click.option("--roads", is_flag=True, help="Enroute follows its technicians on a map, with the embedded road engine.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write all figures.")
@click.option("--plot", "plot_path", type=click.Path(dir_okay=False, path_type=Path), help="Also draw an .svg or .png.")
@click.pass_context
def main(
    context: click.Context,
    wants_install: bool,
    smoke: bool,
    devices: int,
    rate: float,
    rounds: int,
    seconds: float,
    keys: tuple[str, ...],
    names: tuple[str, ...],
    update_bytes: int | None,
    settings: tuple[str, ...],
    roads: bool,
    json_path: Path | None,
    plot_path: Path | None,
) -> None:
    """CPU per delivered update beside brokers and libraries that only relay."""
    if wants_install:
        for failure in install():
            click.echo(failure, err=True)
        print_installed()
        return
    if smoke:
        devices, rate, rounds, seconds = 10, 200.0, 1, 0.15
    asked = _asked(workloads(smoke=smoke, devices=devices, rate_per_s=rate), names)
    if plot_path:
        try:
            check_plot(plot_path)
        except (NoConverter, ValueError) as problem:
            raise click.UsageError(str(problem)) from None
    compiled("load")
    server_cpu, load_cpu = cores()
    with line_up(
        keys or KEYS,
        asked,
        update_bytes=update_bytes,
        settings=_settings(settings),
        roads=roads,
        server_cpu=server_cpu,
        load_cpu=load_cpu,
    ) as lined:
        measured = measure(
            asked,
            lined.contestants,
            update_bytes=lined.update_bytes,
            rounds=rounds,
            seconds=seconds,
            warmup_s=0.05 if smoke else 1.0,
            server_cpu=server_cpu,
            load_cpu=load_cpu,
        )
    rows = []
    for workload in asked:
        for each in lined.contestants:
            rows.append(measured_row(workload, each.name, each.version, measured[workload.name, each.name]))
        rows += [Row(workload=workload.name, server=a.name, state=a.state, troubles=[a.why]) for a in lined.absent]
    fill_ratios(rows, limit=LIMIT, enroute=ENROUTE)
    versions = {each.name: each.version for each in lined.contestants}
    targets = ratio_targets(rows, moderate=moderate(devices, rate).name)
    print_rows(rows, asked, versions=versions)
    if targets:
        print_targets(targets, smoke=smoke)
    if any(target.name.startswith(f"{moderate(devices, rate).name}:") for target in targets):
        click.echo(EITHER_OR)
    here, now = machine(), datetime.now(UTC)
    if json_path:
        json_path.write_bytes(
            as_json(
                Report(
                    measured_at=now.isoformat(timespec="seconds"),
                    machine=here,
                    rounds=rounds,
                    seconds=seconds,
                    update_bytes=lined.update_bytes,
                    versions=versions,
                    rows=rows,
                    targets=targets,
                    results=raw_results(measured),
                )
            )
        )
    if plot_path:
        foot = f"{now:%Y-%m-%d} · {here['processor']}, one core for the server · medians, rounds: {rounds}"
        if any(row.troubles for row in rows if row.state == "measured"):
            foot += " · * doubtful, see the table"
        title = "CPU time per delivered update, microseconds"
        write_plot(plot_path, panels(rows, asked, limit=LIMIT), title=title, foot=foot)
    if any(row.state == "failed" for row in rows):
        context.exit(1)


def _asked(all_of_them: list[Workload], names: tuple[str, ...]) -> list[Workload]:
    known = [workload.name for workload in all_of_them]
    for name in names:
        if name not in known:
            raise click.UsageError(f"There is no workload {name!r}. They are: {', '.join(known)}.")
    return [workload for workload in all_of_them if not names or workload.name in names]


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.startswith("ENROUTE_"):
            raise click.UsageError(f"--enroute wants ENROUTE_NAME=VALUE, not {each!r}.")
        settings[name] = value
    return settings


if __name__ == "__main__":
    main()
