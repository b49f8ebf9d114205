"""How soon does a customer see their visits, the arrival and the map on a slow phone line; how smooth is the map with
software rendering; and does a tab that is left open grow?

Server, browser, technician and this program share the cores of the machine.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks.browser import software_browser
from benchmarks.loading import as_json
from benchmarks.serving import serve_enroute
from benchmarks.tabs import BITS_PER_S, Bench, Growth, HomeLoad, LineKind, LiveLoad, Smoothness
from benchmarks.targets import Target, at_least, at_most, print_targets
from benchmarks.town import SHORT_NOTICE, Visit, build_town

HOME_PAINT_MS, HOME_BYTES = 1500.0, 100_000
WORDS_MS, MAP_MS = 2000.0, 5000.0
FRAMES_PER_S = 40.0
HEAP_ROOM_BYTES = 1_000_000
"""Some 550 bytes per update of the second half hour: whatever keeps each of them is found."""
NODES_ROOM = 30
SPARE_S = 180.0
"""Of the drive: the technician must not arrive while anything is measured."""
SMOKE_BITS_PER_S = 50e6
LINES: tuple[LineKind, ...] = ("devtools", "wire")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is left at 0 is not measured."""

    rounds: int
    bits_per_s: float
    watch_s: float
    updates: int
    every_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    homes: list[HomeLoad]
    lives: list[LiveLoad]
    smoothness: Smoothness | None
    growth: Growth | None


async def measure(plan: Plan, folder: Path) -> Report:
    click.echo("building a town", err=True)
    town = build_town(folder)
    with serve_enroute(town.database, cpu=None, settings=SHORT_NOTICE) as server:
        drive_s = plan.watch_s + plan.updates * plan.every_s + SPARE_S
        visit = Visit(town, f"http://127.0.0.1:{server.port}", drive_s=drive_s)
        await visit.set_off()
        async with software_browser() as browser:
            bench = Bench(browser, server, visit, bits_per_s=plan.bits_per_s)
            homes, lives = [], []
            for number in range(plan.rounds):
                click.echo(f"loading, round {number + 1}", err=True)
                for line in LINES:
                    await visit.tell()
                    homes.append(await bench.load_home(line))
                    lives.append(await bench.load_live(line))
            smoothness = growth = None
            if plan.watch_s:
                click.echo(f"watching for {plan.watch_s:.0f} s", err=True)
                smoothness = await bench.watch(plan.watch_s)
            if plan.updates:
                click.echo(f"{plan.updates} updates, one every {1000 * plan.every_s:.0f} ms", err=True)
                growth = await bench.leave_open(updates=plan.updates, every_s=plan.every_s)
        await visit.close()
    return Report(homes=homes, lives=lives, smoothness=smoothness, growth=growth)


def print_report(report: Report) -> None:
    click.echo(f"\n{'first visit':10} {'line':10} {'painted':>9} {'words':>9} {'map':>9} {'KB':>7} {'requests':>9}")
    for home in report.homes:
        click.echo(
            f"{'homepage':10}  {home.line:10} {home.largest_paint_ms:6.0f} ms {'':>9} {'':>9}"
            f" {home.bytes / 1000:7.1f} {home.requests:9}"
        )
    for live in report.lives:
        click.echo(
            f"{'live page':10}  {live.line:10} {'':>9} {live.words_ms:6.0f} ms {live.map_ms:6.0f} ms"
            f" {live.bytes / 1000:7.1f} {live.requests:9}"
        )
    if smooth := report.smoothness:
        click.echo(
            f"\n{smooth.frames_per_s:.1f} frames per s over {smooth.seconds:.0f} s, {smooth.worst_second} in the worst"
            f" second, longest gap {smooth.longest_gap_ms:.0f} ms"
        )
    if growth := report.growth:
        click.echo(f"\n{growth.updates} fixes, {growth.heard} positions heard by the tab")
        for name, seen in (("start", growth.start), ("middle", growth.middle), ("end", growth.end)):
            click.echo(
                f"  {name:8} {seen.heap_bytes / 1e6:7.2f} MB heap {seen.nodes:7} nodes {seen.listeners:6} listeners"
            )


def targets_of(report: Report) -> list[Target]:
    targets = []
    for line in LINES:
        homes = [home for home in report.homes if home.line == line]
        lives = [live for live in report.lives if live.line == line]
        if not homes:
            continue
        targets += [
            at_most(f"homepage, {line}: largest paint", median(h.largest_paint_ms for h in homes), HOME_PAINT_MS, "ms"),
            at_most(f"homepage, {line}: transferred", median(h.bytes for h in homes), HOME_BYTES, "B"),
            at_most(f"live page, {line}: status and arrival", median(v.words_ms for v in lives), WORDS_MS, "ms"),
            at_most(f"live page, {line}: map", median(v.map_ms for v in lives), MAP_MS, "ms"),
        ]
    if report.smoothness:
        targets.append(at_least("map: frames per s", report.smoothness.frames_per_s, FRAMES_PER_S))
    if growth := report.growth:
        targets += [
            at_least("tab: positions heard", growth.heard, 0.9 * growth.updates),
            at_most(
                "tab: heap, end over middle", growth.end.heap_bytes - growth.middle.heap_bytes, HEAP_ROOM_BYTES, "B"
            ),
            at_most("tab: nodes, end over middle", growth.end.nodes - growth.middle.nodes, NODES_ROOM),
            at_most("tab: listeners, end over middle", growth.end.listeners - growth.middle.listeners, 0),
        ]
    return targets


@click.command("pages")
@click.option("--smoke", is_flag=True, help="One round and a moment of each: proves that it runs, measures nothing.")
@click.option("--rounds", default=3, show_default=True, help="First visits of each page over each line.")
@click.option("--watch", "watch_s", default=60.0, show_default=True, help="Seconds of looking at the map.")
@click.option("--updates", default=3600, show_default=True, help="Updates to a tab that is left open.")
@click.option("--every-ms", default=25.0, show_default=True, help="Between two of these updates.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the results here."
)
def main(smoke: bool, rounds: int, watch_s: float, updates: int, every_ms: float, json_path: Path | None) -> None:
    """First paint, words and map over a slow line; frames per second; memory of an open tab."""
    plan = Plan(
        rounds=1 if smoke else rounds,
        bits_per_s=SMOKE_BITS_PER_S if smoke else BITS_PER_S,
        watch_s=1.0 if smoke else watch_s,
        updates=40 if smoke else updates,
        every_s=every_ms / 1000,
    )
    with tempfile.TemporaryDirectory(prefix="enroute-benchmark-") as folder:
        report = asyncio.run(measure(plan, Path(folder)))
    print_report(report)
    targets = targets_of(report)
    print_targets(targets, smoke=smoke)
    if json_path:
        json_path.write_bytes(as_json({"report": report, "targets": targets}))


if __name__ == "__main__":
    main()
