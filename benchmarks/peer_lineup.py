"""Starts Enroute and its peers, and lets in only those who really deliver."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import click
import msgspec

from benchmarks.fleet import seed_fleet, trips_of
from benchmarks.loading import Workload
from benchmarks.peer_plans import enroute_plan, relay_plan
from benchmarks.peer_rounds import Contestant, check
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
    server_cpu: int | None,
    load_cpu: int | None,
) -> Iterator[LineUp]:
    """The servers of `keys`, running and checked; the sizes of updates are Enroute's own unless one is given."""
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
                    contestant = _start_enroute(begun, folder, workloads, settings=settings, cpu=server_cpu)
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
    stack: ExitStack, folder: Path, workloads: Sequence[Workload], *, settings: Mapping[str, str], cpu: int | None
) -> Contestant:
    fleet = seed_fleet(folder / "enroute.db", technicians=max(workload.trips for workload in workloads))
    server = stack.enter_context(serve_enroute(fleet.database, cpu=cpu, settings=settings))
    trips = trips_of(fleet, port=server.port)
    changed = [f"{name}={value}" for name, value in settings.items()]
    version = " ".join([importlib.metadata.version("enroute"), core_of(server), *changed])
    return Contestant(server, version, lambda workload, _: enroute_plan(workload, trips))


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
