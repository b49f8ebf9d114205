"""What would a hundred thousand technicians and a million watchers need? Reckoned from measured costs, with the spread
over processes and the blobs between them simulated.

Every phone and every watcher sits in a process chosen at random, which is the worst that a load balancer can do.
README.md beside this file says what goes in and what comes out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from benchmarks.loading import as_json

TICK_S = 0.008
"""What is for another process waits so long for company (`tracker.redis_line.ExchangeTiming.tick_s`)."""
BUSY = 0.5
"""No core is planned fuller than this: the other half is for reconnects, a dead neighbour and the evening."""
SIMULATED_S = 2.0


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """CPU in us, memory in KB, as measured on two virtual cores of an AMD EPYC on 2026-11-29, in a slow hour: a fix and
    a delivery from 1:1 and 1:3 on one worker (`several`), blobs from `redis-hop` at 5000 a second.

    What a message costs the two processes together is twice the difference between one worker and two, so what they
    lose by each having less to do at a time is in it; how much of it is whose was not measured. `technician_kb` is what
    every process knows of one under way, `way_kb` what their owner alone keeps: the tree of times to one destination in
    a city with 1400 km of streets (`roads`; 760 KB where it reaches its full radius)."""

    fix_us: float = 6.9
    delivery_us: float = 6.9
    send_blob_us: float = 10.0
    send_message_us: float = 4.0
    redis_blob_us: float = 13.0
    redis_message_us: float = 0.17
    receive_blob_us: float = 20.0
    receive_message_us: float = 8.0
    watcher_kb: float = 1.9
    technician_kb: float = 4.5
    way_kb: float = 200.0


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    technicians: int
    watchers: int
    fix_every_s: float = 5.0
    arrival_every_s: float = 20.0
    """A changed arrival goes to every process."""
    processes: int = 16


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Per second, and shares of a core."""

    installation: Installation
    fixes_per_s: float
    deliveries_per_s: float
    messages_per_s: float
    blobs_per_s: float
    messages_per_blob: float
    busiest_process: float
    redis: float
    memory_gb: float

    @property
    def fits(self) -> bool:
        return self.busiest_process <= BUSY and self.redis <= BUSY


def spread(asked: Installation, rng: random.Random) -> tuple[list[int], list[tuple[int, tuple[int, ...]]]]:
    """Watchers of each process; of each technician the process of the phone, and those of watchers elsewhere."""
    processes = range(asked.processes)
    watchers = [0] * asked.processes
    trips = []
    share = asked.watchers / asked.technicians
    for number in range(asked.technicians):
        count = int(share * (number + 1)) - int(share * number)
        at = rng.choices(processes, k=count)
        for process in at:
            watchers[process] += 1
        owner = rng.randrange(asked.processes)
        trips.append((owner, tuple(set(at) - {owner})))
    return watchers, trips


def simulate(asked: Installation, costs: Costs, *, seed: int, simulated_s: float = SIMULATED_S) -> Plan:
    """Fixes come at random for some seconds; what is for the same process within a tick is one blob."""
    rng = random.Random(seed)
    watchers, trips = spread(asked, rng)
    fixes = round(simulated_s / asked.fix_every_s * asked.technicians)
    blobs: set[tuple[int, int, int]] = set()
    sent: Counter[int] = Counter()
    received: Counter[int] = Counter()
    taken: Counter[int] = Counter()
    for _ in range(fixes):
        owner, elsewhere = trips[rng.randrange(asked.technicians)]
        tick = int(rng.random() * simulated_s / TICK_S)
        taken[owner] += 1
        sent[owner] += len(elsewhere)
        for other in elsewhere:
            received[other] += 1
            blobs.add((tick, owner, other))
    # An arrival goes to everybody in one blob of the channel that all hear.
    arrivals_per_s = asked.technicians / asked.arrival_every_s
    broadcasts_per_s = min(arrivals_per_s, asked.processes / TICK_S) if asked.processes > 1 else 0.0
    out = Counter(owner for _, owner, _ in blobs)
    into = Counter(other for _, _, other in blobs)
    deliveries_per_s = asked.watchers / asked.fix_every_s
    busiest = 0.0
    for process in range(asked.processes):
        mine = watchers[process] / asked.fix_every_s
        own_us = taken[process] / simulated_s * costs.fix_us + mine * costs.delivery_us
        out_us = (out[process] * costs.send_blob_us + sent[process] * costs.send_message_us) / simulated_s
        in_us = (into[process] * costs.receive_blob_us + received[process] * costs.receive_message_us) / simulated_s
        everybodys_us = broadcasts_per_s * costs.receive_blob_us + arrivals_per_s * costs.receive_message_us
        busiest = max(busiest, (own_us + out_us + in_us + everybodys_us) / 1e6)
    messages = sum(sent.values()) / simulated_s
    blobs_per_s = len(blobs) / simulated_s
    redis_us = blobs_per_s * costs.redis_blob_us + messages * costs.redis_message_us
    redis_us += broadcasts_per_s * (costs.redis_blob_us + (asked.processes - 1) * costs.redis_blob_us / 2)
    return Plan(
        installation=asked,
        fixes_per_s=fixes / simulated_s,
        deliveries_per_s=deliveries_per_s,
        messages_per_s=messages,
        blobs_per_s=blobs_per_s,
        messages_per_blob=messages / blobs_per_s if blobs_per_s else 0.0,
        busiest_process=busiest,
        redis=redis_us / 1e6,
        memory_gb=(
            asked.watchers * costs.watcher_kb
            + asked.technicians * (costs.technician_kb * asked.processes + costs.way_kb)
        )
        / 1e6,
    )


def print_plans(plans: Sequence[Plan]) -> None:
    click.echo(
        f"{'processes':>9} {'fixes/s':>8} {'told/s':>8} {'between/s':>10} {'blobs/s':>8} {'per blob':>8}"
        f" {'busiest':>8} {'Redis':>6} {'GB':>6}"
    )
    for plan in plans:
        verdict = "fits" if plan.fits else "too full"
        click.echo(
            f"{plan.installation.processes:9} {plan.fixes_per_s:8.0f} {plan.deliveries_per_s:8.0f}"
            f" {plan.messages_per_s:10.0f} {plan.blobs_per_s:8.0f} {plan.messages_per_blob:8.1f}"
            f" {plan.busiest_process:8.0%} {plan.redis:6.0%} {plan.memory_gb:6.1f}  {verdict}"
        )


@click.command("plan")
@click.option("--smoke", is_flag=True, help="A small town: proves that it runs.")
@click.option("--technicians", default=100_000, show_default=True)
@click.option("--watchers", default=1_000_000, show_default=True)
@click.option(
    "--fix-every", "fix_every_s", default=5.0, show_default=True, help="Seconds between two fixes of a phone."
)
@click.option("--processes", multiple=True, type=int, help="How many to try.  [default: 4 8 16 32 64]")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the plans here.")
def main(
    smoke: bool,
    technicians: int,
    watchers: int,
    fix_every_s: float,
    processes: tuple[int, ...],
    seed: int,
    json_path: Path | None,
) -> None:
    """Processes, Redis and memory that so many technicians and watchers need; reckoned, not measured."""
    if smoke:
        technicians, watchers, processes = 500, 2_000, (1, 2)
    plans = []
    for count in processes or (4, 8, 16, 32, 64):
        asked = Installation(technicians=technicians, watchers=watchers, fix_every_s=fix_every_s, processes=count)
        plans.append(simulate(asked, Costs(), seed=seed))
    click.echo(f"{technicians} technicians with a fix every {fix_every_s:g} s, {watchers} watchers, reckoned:")
    print_plans(plans)
    enough = next((plan.installation.processes for plan in plans if plan.fits), None)
    if enough is not None:
        click.echo(f"{enough} processes are enough, none of them busier than {BUSY:.0%}, and a Redis of the same kind.")
    if json_path:
        json_path.write_bytes(as_json(plans))


if __name__ == "__main__":
    main()
