"""Starts Enroute and its peers, and lets in only those who really deliver."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import click
import msgspec

from benchmarks.fleet import seed_fleet, trips_of
from benchmarks.fleet_roads import build_fleet_roads
from benchmarks.loading import Workload
from benchmarks.peer_plans import enroute_plan, relay_plan
from benchmarks.peer_rounds import Contestant, check, run_on
from benchmarks.peer_servers import PEERS, Peer, serve_peer
from benchmarks.peer_setup import NotInstalled
from benchmarks.peer_targets import ENROUTE
from benchmarks.serving import core_of, serve_enroute

ENROUTE_KEY = "enroute"
KEYS = (*(peer.key for peer in PEERS), ENROUTE_KEY)
NAMES = {peer.key: peer.name for peer in PEERS} | {ENROUTE_KEY: ENROUTE}
UPDATE_BYTES = {"trip": 270, "fleet": 170}
"""What Enroute's updates come to, for a run without Enroute."""
CHECKED_DISPATCHERS = 2
TREES_S = 6.0
"""For five hundred visits, at some 7 ms each."""


class Absent(msgspec.Struct, frozen=True):
    """A server that was asked for and is not measured."""

    name: str
    state: Literal["not installed", "failed"]
    why: str


class LineUp(msgspec.Struct):
    """`update_bytes`: by view, the size of an update on the wire, which relays fill theirs up to."""

    contestants: list[Contestant]
    absent: list[Absent]
    update_bytes: dict[str, int]


@contextmanager
def line_up(
    keys: Sequence[str],
    workloads: Sequence[Workload],
    *,
    update_bytes: int | None,
    settings: Mapping[str, str],
    roads: bool,
    server_cpu: int | None,
    load_cpu: int | None,
) -> Iterator[LineUp]:
    """The servers of `keys`, running and checked; the sizes of updates are Enroute's own unless one is given. With
    `roads` Enroute follows its technicians on a map."""
    sizes = dict(UPDATE_BYTES) if update_bytes is None else dict.fromkeys(UPDATE_BYTES, update_bytes)
    lined = LineUp([], [], sizes)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enroute-peers-")))
        # Enroute first: how large its updates are decides how large the others' have to be.
        for key in sorted(keys, key=lambda key: key != ENROUTE_KEY):
            click.echo(f"starting {NAMES[key]}", err=True)
            begun = ExitStack()
            try:
                if key == ENROUTE_KEY:
                    contestant = _start_enroute(
                        begun, folder, workloads, settings=settings, roads=roads, cpu=server_cpu, load_cpu=load_cpu
                    )
                else:
                    peer = next(peer for peer in PEERS if peer.key == key)
                    contestant = _start_peer(begun, peer, folder, cpu=server_cpu)
                measured_bytes = _checked(contestant, workloads, sizes, load_cpu=load_cpu)
            except NotInstalled as missing:
                lined.absent.append(Absent(NAMES[key], "not installed", str(missing)))
            except (RuntimeError, OSError, subprocess.CalledProcessError) as failure:
                # Whatever is wrong with one server, the others can still be measured.
                begun.close()
                lined.absent.append(Absent(NAMES[key], "failed", str(failure)))
            else:
                stack.enter_context(begun)
                lined.contestants.append(contestant)
                if key == ENROUTE_KEY and update_bytes is None:
                    sizes.update(measured_bytes)
        lined.contestants.sort(key=lambda each: list(NAMES.values()).index(each.name))
        yield lined


def _start_enroute(
    stack: ExitStack,
    folder: Path,
    workloads: Sequence[Workload],
    *,
    settings: Mapping[str, str],
    roads: bool,
    cpu: int | None,
    load_cpu: int | None,
) -> Contestant:
    technicians = max(workload.trips for workload in workloads)
    fleet = seed_fleet(folder / "enroute.db", technicians=technicians)
    if roads:
        settings = {**settings, "ENROUTE_ROADS_FILE": str(build_fleet_roads(folder, technicians=technicians))}
    server = stack.enter_context(serve_enroute(fleet.database, cpu=cpu, settings=settings))
    trips = trips_of(fleet, port=server.port)
    changed = [f"{name}={value}" for name, value in settings.items() if name != "ENROUTE_ROADS_FILE"]
    map_of = ["on a map"] if roads else []
    version = " ".join([importlib.metadata.version("enroute"), core_of(server), *map_of, *changed])
    contestant = Contestant(server, version, lambda workload, _: enroute_plan(workload, trips))
    if roads:
        # Each visit's tree is made when its technician is first heard of: not in the measured time.
        everybody = Workload(name="warm-up", trips=technicians, watchers=1, rate_per_s=4.0 * technicians)
        run_on(contestant, everybody, update_bytes=0, load_cpu=load_cpu, seconds=TREES_S, warmup_s=0.1)
        # The next load begins where this one began: nobody gets back there in an instant.
        time.sleep(TREES_S)
    return contestant


def _start_peer(stack: ExitStack, peer: Peer, folder: Path, *, cpu: int | None) -> Contestant:
    running = stack.enter_context(serve_peer(peer, folder, cpu=cpu))

    def plan(workload: Workload, update_bytes: int) -> Iterator[str]:
        return relay_plan(workload, dialect=peer.dialect, update_bytes=update_bytes)

    return Contestant(running.server, running.version, plan)


def _checked(
    contestant: Contestant, workloads: Sequence[Workload], sizes: dict[str, int], *, load_cpu: int | None
) -> dict[str, int]:
    """Sizes of an update by view, as this server sends them. Raises DoesNotDeliver."""
    measured: dict[str, int] = {}
    for workload in {workload.view: workload for workload in workloads}.values():
        if workload.view == "fleet":
            # All technicians, since a board says in one frame what several of them did.
            short = msgspec.structs.replace(workload, watchers=CHECKED_DISPATCHERS)
        else:
            short = Workload(name="self-check", trips=min(3, workload.trips), watchers=2)
        result = check(contestant, short, update_bytes=sizes[workload.view], load_cpu=load_cpu)
        measured[workload.view] = round(result.bytes_per_position)
    return measured
