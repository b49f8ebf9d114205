import threading
import time

import pytest

from tracker import strain as module
from tracker.strain import STRAINED, WINDOW_S, Strain, occupied_s


class Worker:
    """What it has worked so far is the test's to say."""

    def __init__(self) -> None:
        self.occupied_s = 7.0
        self.strain = Strain(lambda: self.occupied_s)


@pytest.mark.parametrize(("share", "strained"), [(0.0, False), (STRAINED, False), (STRAINED + 0.01, True), (1.0, True)])
def test_a_thread_is_strained_that_was_occupied_for_most_of_the_time_since_it_was_asked(share, strained):
    worker = Worker()
    assert not worker.strain.is_strained(100.0)

    worker.occupied_s += 4.0 * share

    assert worker.strain.is_strained(104.0) is strained


def test_within_a_window_the_answer_stays_what_it_was():
    worker = Worker()
    worker.strain.is_strained(100.0)
    worker.occupied_s += 1.0
    assert worker.strain.is_strained(101.0)

    assert worker.strain.is_strained(101.0 + WINDOW_S / 2)
    assert not worker.strain.is_strained(101.0 + WINDOW_S)


def test_only_what_the_asking_thread_does_counts():
    other = threading.Thread(target=lambda: sum(range(5_000_000)))
    before_s, before_all_s = occupied_s(), time.process_time()
    other.start()
    other.join()

    worked_s = time.process_time() - before_all_s
    assert worked_s > 0.0
    assert occupied_s() - before_s < worked_s


@pytest.mark.parametrize("account", [None, "0 0 0\n"])
def test_where_the_kernel_keeps_no_account_of_waiting_the_work_alone_counts(account, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_SCHEDSTAT", tmp_path / "schedstat")
    if account is not None:
        module._SCHEDSTAT.write_text(account)
    before_s = time.thread_time()

    assert before_s <= occupied_s() <= time.thread_time()
