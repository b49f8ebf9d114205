from __future__ import annotations

import os
import socket

import pytest

from benchmarks.process import (
    TooFewFiles,
    allow_open_files,
    established_on,
    held_to,
    load_of,
    memory_of,
    open_files_of,
    watched_memory,
)
from tests.ports import free_port


def test_the_memory_of_a_process_is_in_bytes() -> None:
    memory = memory_of(os.getpid())

    assert memory.rss >= memory.pss > 0
    assert memory.rss >= memory.private > 0
    assert memory.rss % 1024 == 0
    assert memory.rss > 2**20


def test_work_shows_as_time_on_a_core() -> None:
    before = load_of(os.getpid())

    sum(range(1_000_000))

    assert load_of(os.getpid()).cpu_s > before.cpu_s


def test_an_open_socket_is_counted_as_file_and_as_connection() -> None:
    # Ports of their own: one that the system gives may be given to others too, who talk to somebody else.
    port, clients = free_port(), free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        files = open_files_of(os.getpid())
        with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.1", clients)):
            accepted, _ = listener.accept()
            with accepted:
                # The client's end has another local port.
                assert established_on(port) == 1
                assert established_on(clients) == 1
                assert open_files_of(os.getpid()) == files + 2


def test_more_files_than_the_system_allows_are_refused_in_words() -> None:
    with pytest.raises(TooFewFiles, match="ulimit -n"):
        allow_open_files(2**40)


def test_a_process_is_held_to_a_core_for_a_while() -> None:
    allowed = os.sched_getaffinity(0)
    cpu = min(allowed)

    with held_to(cpu):
        inside = os.sched_getaffinity(0)

    assert (inside, os.sched_getaffinity(0)) == ({cpu}, allowed)


def test_memory_is_sampled_from_the_beginning_to_the_end() -> None:
    with watched_memory(os.getpid(), every_s=60.0) as watch:
        pass

    assert [seconds >= 0 and rss > 0 for seconds, rss in watch.samples] == [True]
