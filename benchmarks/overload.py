"""When phones send more than one core can take: how old is what the watchers see, and does everything else still work?

First what one core sustains, in a closed loop. Then twice and ten times as much by the clock, whatever the server does,
beside a customer who books. Fixes leave several to a write where one core could not offer so many otherwise, and from
so many phones that each has a millisecond for every fix, on average: their clocks go no finer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

from benchmarks.bookings import Customer, booking_customer, seed_bookings
from benchmarks.crowd import Crowd, started_crowd
from benchmarks.fleet import seed_fleet, trips_of
from benchmarks.loading import TripAccess, Workload, as_json, run_load
from benchmarks.overload_report import Overload, overload_result, print_results, targets_of
from benchmarks.process import allow_open_files, held_to, load_of, memory_of, watched_memory
from benchmarks.proofs import watchers_of
from benchmarks.serving import Server, cores, serve_enroute
from benchmarks.targets import print_targets

MEMORY_EVERY_S = 0.5
CLOSED_LOOP_PHONES = 500
"""Which keep one core busy; more of them need more memory and sustain less."""
WARM_UP_S = 2.0
"""Before anything is measured: until then the newest position is the one from before the load."""


def sustained(
    trips: Sequence[TripAccess], server: Server, *, load_cpu: int | None, rounds: int, seconds: float
) -> float:
    """Fixes per second, each told to one watcher, when a device sends as soon as its last fix was told."""
    workload = Workload(name="closed loop, 1:1", trips=len(trips), watchers=1)
    results = []
    for number in range(1, rounds + 1):
        click.echo(f"what one core sustains, {number}/{rounds}", err=True)
        result = run_load(
            workload,
            trips=trips,
            port=server.port,
            server_pids=server.pids,
            cpu=load_cpu,
            seconds=seconds,
            warmup_s=min(1.0, seconds),
        )
        results.append(result.fixes_per_s)
    return median(results)


def overload(
    crowd: Crowd,
    customer: Customer,
    *,
    times: float,
    rate_per_s: float,
    burst: int,
    seconds: float,
    rest_s: float,
    calm_per_s: float,
    pid: int,
) -> Overload:
    rss_start = memory_of(pid).rss
    crowd.publish(rate_per_s, burst=burst)
    with watched_memory(pid, every_s=MEMORY_EVERY_S) as memory, booking_customer(customer) as bookings:
        crowd.run(WARM_UP_S)
        load = load_of(pid)
        heard = crowd.run(seconds)
        used = load_of(pid)
    crowd.publish(0)
    crowd.run(rest_s)
    # Once more under a load that is none: everybody must have caught up.
    crowd.publish(calm_per_s)
    crowd.run(1.0)
    after = crowd.run(1.0)
    crowd.publish(0)
    return overload_result(
        heard,
        after=after,
        times=times,
        burst=burst,
        rate_per_s=rate_per_s,
        before=load,
        used=used,
        memory=[rss for _, rss in memory.samples],
        rss_start=rss_start,
        rss_after=memory_of(pid).rss,
        bookings=bookings,
    )


@click.command("overload")
@click.option("--smoke", is_flag=True, help="A few dozen sockets for seconds: proves that it runs, measures nothing.")
@click.option(
    "--devices", default=2500, show_default=True, help="Technicians on the road, each with --watchers watchers."
)
@click.option("--watchers", default=1, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="Measured time of one level.")
@click.option("--rounds", default=3, show_default=True, help="Closed loops whose median is what one core sustains.")
@click.option("--sustains", "rate_per_s", type=float, help="Fixes per second; then no closed loop is measured.")
@click.option(
    "--level",
    "levels",
    type=(float, int),
    multiple=True,
    default=((2.0, 2), (10.0, 10)),
    show_default=True,
    help="How many times as much, and how many fixes in one write.",
)
@click.option(
    "--device-send-buffer", default=0, show_default=True, help="SO_SNDBUF of the devices; 0: the system's own."
)
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the results here."
)
def main(
    smoke: bool,
    devices: int,
    watchers: int,
    seconds: float,
    rounds: int,
    rate_per_s: float | None,
    levels: tuple[tuple[float, int], ...],
    device_send_buffer: int,
    json_path: Path | None,
) -> None:
    """Age of what watchers see at 2 and 10 times of what one core sustains, and the bookings meanwhile."""
    if smoke:
        devices, watchers, seconds, rounds = 10, 1, 2.0, 1
    closed_s, rest_s = (0.5, 0.5) if smoke else (4.0, 5.0)
    allow_open_files(devices * (1 + watchers) + 500)
    server_cpu, load_cpu = cores()
    with held_to(load_cpu), tempfile.TemporaryDirectory(prefix="enroute-benchmark-") as folder:
        click.echo(f"seeding {devices} visits", err=True)
        fleet = seed_fleet(Path(folder) / "enroute.db", technicians=devices)
        seed_bookings(fleet.database)
        with serve_enroute(fleet.database, cpu=server_cpu) as server:
            trips = trips_of(fleet, port=server.port)
            if rate_per_s is None:
                rate_per_s = sustained(
                    trips[:CLOSED_LOOP_PHONES], server, load_cpu=load_cpu, rounds=rounds, seconds=closed_s
                )
            customer = Customer(server.port)
            appointments = [trip.appointment_id for trip in trips]
            everybody = watchers_of(appointments, count=devices * watchers, proof="session", port=server.port)
            options = ("--device-send-buffer", str(device_send_buffer))
            results = []
            for times, burst in levels:
                click.echo(f"{times:g} times {rate_per_s:.0f} fixes/s", err=True)
                with started_crowd(trips, everybody, port=server.port, cpu=load_cpu, options=options) as crowd:
                    crowd.dial()
                    level = overload(
                        crowd,
                        customer,
                        times=times,
                        rate_per_s=times * rate_per_s,
                        burst=burst,
                        seconds=seconds,
                        rest_s=rest_s,
                        calm_per_s=float(devices),
                        pid=server.pids[0],
                    )
                results.append(level)
    print_results(rate_per_s, results)
    targets = targets_of(results)
    print_targets(targets, smoke=smoke)
    if json_path:
        json_path.write_bytes(as_json({"sustained_per_s": rate_per_s, "results": results, "targets": targets}))


if __name__ == "__main__":
    main()
