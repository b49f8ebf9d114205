"""The process that makes trees: ``python -m tracker.roads.worker FILE.graph``.

Reads requests from its standard input and writes answers to its standard output, one after the other; ends when the
input ends, and so with the server it belongs to.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tracker.roads.graph import RoadGraph
from tracker.roads.graph_file import open_graph
from tracker.roads.trees import Place, TreeMaker
from tracker.roads.worker_messages import (
    LENGTH,
    Answer,
    Failed,
    NewSeconds,
    NoRoadThere,
    Taken,
    Times,
    TreeMade,
    WantTimes,
    WantTree,
    decode_request,
    framed,
)

PIPE_BYTES = 1 << 20
NICE = 5
"""Fixes that arrive now come before trees that are wanted soon."""


def serve(
    graph: RoadGraph, requests: BinaryIO, answers: BinaryIO, *, nothing_waits: Callable[[], bool] = lambda: False
) -> None:
    """Answer until the requests end. While nothing waits to be read, what makes later answers quicker is prepared."""
    maker = TreeMaker(graph)
    prepare = _harmlessly(maker.prepare)
    while prepare():
        pass
    while True:
        while nothing_waits() and prepare():
            pass
        head = _read(requests, LENGTH.size)
        if len(head) < LENGTH.size:
            return
        (length,) = LENGTH.unpack(head)
        request = decode_request(_read(requests, length))
        try:
            answer = answer_to(maker, request)
        except Exception as error:
            answer = Failed(request.number, f"{type(error).__name__}: {error}")
        answers.write(framed(answer))
        answers.flush()


def _harmlessly(prepare: Callable[[], bool]) -> Callable[[], bool]:
    """What only makes things quicker must not keep them from being done: after a failure, nothing is prepared."""
    failed = False

    def step() -> bool:
        nonlocal failed
        if failed:
            return False
        try:
            return prepare()
        except Exception:
            failed = True
            traceback.print_exc()
            return False

    return step


def _read(requests: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer at the end: a pipe without a buffer gives what it has."""
    parts = []
    while size and (part := requests.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def answer_to(maker: TreeMaker, request: WantTree | WantTimes | NewSeconds) -> Answer:
    match request:
        case WantTree(number=number, lat=lat, lon=lon, radius_m=radius_m):
            tree = maker.tree(lat=lat, lon=lon, radius_m=radius_m)
            if tree is None:
                return NoRoadThere(number)
            return TreeMade(
                number,
                goals=[(goal.edge, goal.along_m, goal.extra_s) for goal in tree.goals.values()],
                left_units=tree.left_units.tobytes(),
                left_units_m=tree.left_units_m.tobytes(),
                following=tree.following.tobytes(),
                shift=tree.shift,
            )
        case WantTimes(number=number, origins=origins, destinations=destinations):
            starts, ends = ([Place(*place) for place in places] for places in (origins, destinations))
            return Times(number, maker.times(starts, ends))
        case NewSeconds(number=number, edge_s=edge_s):
            maker.graph.replace_seconds(maker.graph.edge_free_s if edge_s is None else edge_s)
            return Taken(number)


def main() -> None:
    # Ctrl+C reaches the whole group; the server decides when its worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    with contextlib.suppress(OSError, AttributeError):
        # A tree of a city in one piece: the server reads it in one turn of its loop. Linux only.
        fcntl.fcntl(sys.stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    # The server has verified the file.
    graph = open_graph(Path(sys.argv[1]), verify=False)
    # Without a buffer of ours, the system knows whether anything waits.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as requests:
        serve(graph, requests, sys.stdout.buffer, nothing_waits=lambda: not select.select([requests], [], [], 0)[0])


if __name__ == "__main__":
    main()
