from __future__ import annotations

from simulations.watch_log import WatchLog


def position(fixed_at: int, **fields: object) -> dict[str, object]:
    return {
        "type": "position",
        "seq": 1,
        "fixed_at": fixed_at,
        "lat_e6": 41_150_000,
        "lon_e6": -8_620_000,
        "eta_at": fixed_at + 60_000,
        "eta_low_at": fixed_at + 40_000,
        "eta_high_at": fixed_at + 90_000,
        **fields,
    }


def welcome(**snapshot: object) -> dict[str, object]:
    return {"type": "welcome", "epoch": "e", "seq": 9, "snapshot": {"status": "traveling", **snapshot}}


def test_positions_in_order_are_counted_with_their_predictions():
    log = WatchLog()

    for fixed_at in (1000, 2000, 2000, 3000):
        log.receive(position(fixed_at), now_ms=fixed_at + 5.0)

    assert (log.positions, log.backwards, log.without_eta) == (4, 0, 0)
    assert log.last_seen == (41.15, -8.62)
    assert log.predictions[-1].at_ms == 3000


def test_a_position_older_than_one_already_told_is_a_broken_promise():
    log = WatchLog()

    log.receive(position(2000), now_ms=0)
    log.receive(position(1999), now_ms=0)

    assert (log.backwards, log.last_fixed_at) == (1, 2000)


def test_a_position_without_arrival_time_is_counted():
    log = WatchLog()

    log.receive(position(1000, eta_at=None), now_ms=0)

    assert log.without_eta == 1


def test_a_second_welcome_repeats_no_position_that_was_seen():
    log = WatchLog()

    log.receive(welcome(position=position(1000)), now_ms=0)
    log.receive(welcome(position=position(1000)), now_ms=0)
    log.receive(welcome(position=position(2000)), now_ms=0)

    assert (log.positions, log.welcomes, log.epoch, log.seq) == (2, 3, "e", 9)


def test_an_arrival_is_known_from_its_frame_or_from_a_later_snapshot():
    by_frame, by_snapshot = WatchLog(), WatchLog()
    eta = {"type": "eta", "seq": 2, "eta_at": 5, "eta_low_at": 5, "eta_high_at": 5, "reason": "arrived"}

    by_frame.receive(eta, now_ms=7.0)
    by_snapshot.receive(welcome(eta=eta), now_ms=8.0)

    assert (by_frame.arrived_ms, by_snapshot.arrived_ms) == (7.0, 8.0)


def test_states_are_kept_in_order_and_the_end_is_noted():
    log = WatchLog()

    for status in ("traveling", "in_progress"):
        log.receive({"type": "status", "seq": 3, "status": status}, now_ms=0)
    log.receive({"type": "end", "seq": 4, "reason": "completed"}, now_ms=0)

    assert (log.statuses, log.ended) == (["traveling", "in_progress"], "completed")
