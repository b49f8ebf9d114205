from __future__ import annotations

from benchmarks.core_stages import client_frame, drive, measure
from tracker.filters import CURRENT, TrackFilter
from tracker.frames import TEXT, FrameParser


def test_every_fix_of_the_drive_is_believed() -> None:
    _, track = drive(fixes=300, seed=7)
    believe = TrackFilter()

    verdicts = {believe.receive(fix, fix.fixed_at) for fix in track}

    assert verdicts == {CURRENT}


def test_the_same_seed_is_the_same_drive() -> None:
    assert drive(fixes=50, seed=3)[1] == drive(fixes=50, seed=3)[1]
    assert drive(fixes=50, seed=3)[1] != drive(fixes=50, seed=4)[1]


def test_a_client_frame_is_what_the_parser_reads() -> None:
    for payload in (b"{}", b"x" * 125, b"y" * 126, b"z" * 4000):
        assert FrameParser().feed(client_frame(payload, TEXT, b"\x01\x02\x03\x04")) == [(TEXT, payload)]


def test_every_stage_takes_time() -> None:
    rows = measure(fixes=100, rounds=1, seed=1)

    assert all(row.us > 0 for row in rows)
    assert rows[-1].name == "the whole walk, phone's bytes to a watcher's frame"
