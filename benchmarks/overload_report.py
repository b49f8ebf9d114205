"""What an overloaded server did, level by level: the ages at the watchers, its memory, the customer's waits."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from benchmarks.bookings import Bookings
from benchmarks.crowd import Heard, Spread
from benchmarks.process import Load
from benchmarks.targets import Target, at_least, at_most

P99_AGE_S = {2.0: 1.0, 10.0: 2.0}
OFFERED_SHARE = 0.95
"""Below this share of what was to be offered, the load core was the limit and the run shows less than it says."""
GROWTH_ROOM = 8 * 2**20
"""Bytes by which the second half of a run may exceed the first one's peak, beside a tenth of that peak: allocators
breathe, queues without a bound do not stop."""


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """One level. Ages in microseconds: `age_us` is now less when the newest position seen was sent, each watcher 20
    times a second; `behind_us` the same against the newest that the device could hand to its kernel. Withheld fixes
    never left, as the device's own socket was full. Memory in bytes: at the start, over each half, after a rest.
    """

    times: float
    burst: int
    wanted_per_s: float
    offered_per_s: float
    handed_per_s: float
    withheld_share: float
    unsendable: int
    told_per_s: float
    age_us: Spread
    behind_us: Spread
    latency_us: Spread
    age_each_second_us: list[tuple[float, float, float]]
    send_lag_p99_ms: float
    server_busy: float
    load_busy: float
    kept_waiting_ms: float
    closings: dict[str, int]
    refused_fixes: int
    rss_start: int
    rss_first_half: int
    rss_second_half: int
    rss_after: int
    rss_each_half_second: list[int]
    bookings: Bookings
    age_after_us: Spread
    seq_regressions: int


def overload_result(
    heard: Heard,
    *,
    after: Heard,
    times: float,
    burst: int,
    rate_per_s: float,
    before: Load,
    used: Load,
    memory: Sequence[int],
    rss_start: int,
    rss_after: int,
    bookings: Bookings,
) -> Overload:
    offered = heard.fixes + heard.withheld + heard.unsendable
    half = (len(memory) + 1) // 2
    return Overload(
        times=times,
        burst=burst,
        wanted_per_s=rate_per_s,
        offered_per_s=offered / heard.seconds,
        handed_per_s=heard.fixes / heard.seconds,
        withheld_share=heard.withheld / offered if offered else 0.0,
        unsendable=heard.unsendable,
        told_per_s=heard.positions / heard.seconds,
        age_us=heard.age_us,
        behind_us=heard.behind_us,
        latency_us=heard.latency_us,
        age_each_second_us=heard.age_each_second_us,
        send_lag_p99_ms=heard.send_lag_us.p99 / 1000,
        server_busy=(used.cpu_s - before.cpu_s) / heard.seconds,
        load_busy=heard.load_cpu_s / heard.seconds,
        kept_waiting_ms=(used.kept_waiting_s - before.kept_waiting_s) * 1000,
        closings=heard.closings,
        refused_fixes=heard.errors,
        rss_start=rss_start,
        rss_first_half=max(memory[:half]),
        rss_second_half=max(memory[half:], default=memory[-1]),
        rss_after=rss_after,
        rss_each_half_second=list(memory),
        bookings=bookings,
        age_after_us=after.age_us,
        seq_regressions=after.seq_regressions,
    )


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def print_results(rate_per_s: float, results: Sequence[Overload]) -> None:
    click.echo(f"\none core sustains {rate_per_s:.0f} fixes/s, each told to one watcher (closed loop)")
    click.echo(
        f"{'offered':>8} {'burst':>5} {'fixes/s':>9} {'handed/s':>9} {'withheld':>8} {'told/s':>8}"
        f" {'age p50':>8} {'p99':>8} {'max ms':>8} {'behind p99':>10} {'after p99':>9} {'server':>7} {'load':>5}"
    )
    for result in results:
        age = result.age_us
        click.echo(
            f"{f'{result.times:g}x':>8} {result.burst:5} {result.offered_per_s:9.0f} {result.handed_per_s:9.0f}"
            f" {result.withheld_share:8.1%} {result.told_per_s:8.0f} {age.p50 / 1000:8.1f} {age.p99 / 1000:8.1f}"
            f" {age.max / 1000:8.1f} {result.behind_us.p99 / 1000:10.1f} {result.age_after_us.p99 / 1000:9.1f}"
            f" {result.server_busy:7.0%} {result.load_busy:5.0%}"
            f"{'  load-bound' if result.offered_per_s < OFFERED_SHARE * result.wanted_per_s else ''}"
            f"{f'  closed: {result.closings}' if result.closings else ''}"
        )
        each = result.age_each_second_us
        click.echo(f"         p99 age of each second, ms: {' '.join(f'{p99 / 1000:.0f}' for _, p99, _ in each)}")
        mib = [size / 2**20 for size in (result.rss_start, result.rss_first_half, result.rss_second_half)]
        click.echo(
            f"         RSS {mib[0]:.0f} MiB before, {mib[1]:.0f} in the first half, {mib[2]:.0f} in the second,"
            f" {result.rss_after / 2**20:.0f} after a rest"
        )
        done = result.bookings
        for name, waits in (("slots", done.slots_ms), ("booking", done.booking_ms)):
            click.echo(
                f"         {name}: {len(waits)} answered, p50 {quantile(waits, 0.5):.0f} ms,"
                f" p99 {quantile(waits, 0.99):.0f} ms, max {max(waits, default=float('nan')):.0f} ms"
            )
        if done.failures:
            click.echo(f"         failed: {done.failures}")


def targets_of(results: Sequence[Overload]) -> list[Target]:
    targets = []
    for result in results:
        what = f"{result.times:g}x"
        bound_s = P99_AGE_S.get(result.times, 2.0)
        room = 1.1 * result.rss_first_half + GROWTH_ROOM
        targets += [
            at_most(f"{what}: p99 age of the newest position seen", result.age_us.p99 / 1e6, bound_s, "s"),
            at_least(f"{what}: share of the load that was offered", result.offered_per_s / result.wanted_per_s, 0.95),
            at_most(f"{what}: memory in the second half", result.rss_second_half / 2**20, round(room / 2**20), "MiB"),
            at_least(f"{what}: bookings made", len(result.bookings.booking_ms), 1),
            at_most(f"{what}: requests of the customer that failed", sum(result.bookings.failures.values()), 0),
            at_most(f"{what}: regressions of seq", result.seq_regressions, 0),
        ]
    return targets
