from __future__ import annotations

from tracker.redis_peers import Changes, RedisPeers

US, ONE, TWO = "0" * 12, "1" * 12, "2" * 12


def test_whoever_is_listed_has_joined_and_whoever_is_not_has_left() -> None:
    peers = RedisPeers(US)

    assert peers.listed([US, ONE, TWO], asked_s=1.0) == Changes((ONE, TWO), ())
    assert peers.listed([ONE, TWO], asked_s=2.0) == Changes((), ())
    assert peers.listed([TWO], asked_s=3.0) == Changes((), (ONE,))
    assert peers.ids == {TWO}


def test_a_list_that_is_older_than_a_hello_does_not_unmake_it() -> None:
    peers = RedisPeers(US)

    assert peers.said_hello(ONE, now_s=2.0)

    assert peers.listed([], asked_s=1.5) == Changes((), ())
    assert peers.listed([], asked_s=2.5) == Changes((), (ONE,))


def test_each_is_known_since_it_was_first_heard_or_listed() -> None:
    peers = RedisPeers(US)
    peers.said_hello(TWO, now_s=1.0)
    peers.said_hello(TWO, now_s=3.0)
    peers.listed([ONE, TWO], asked_s=2.0)

    assert peers.met_before(1.0) == []
    assert peers.met_before(2.0) == [TWO]
    assert peers.met_before(2.1) == [ONE, TWO]


def test_who_says_goodbye_leaves_once() -> None:
    peers = RedisPeers(US)
    peers.said_hello(ONE, now_s=1.0)

    assert peers.said_goodbye(ONE)
    assert not peers.said_goodbye(ONE)


def test_nobody_leaves_while_a_redis_that_forgot_everybody_is_filling_again() -> None:
    peers = RedisPeers(US)
    peers.listed([ONE, TWO], asked_s=1.0)

    peers.be_patient(5.0)

    assert peers.listed([], asked_s=4.9) == Changes((), ())
    assert peers.listed([ONE], asked_s=5.0) == Changes((), (TWO,))


def test_a_gap_in_the_count_of_either_channel_is_a_loss() -> None:
    peers = RedisPeers(US)
    peers.said_hello(ONE, now_s=1.0)

    assert not peers.lost_before(ONE, to_all=False, count=1)
    assert not peers.lost_before(ONE, to_all=True, count=40)
    assert not peers.lost_before(ONE, to_all=True, count=41)
    assert peers.lost_before(ONE, to_all=True, count=43)
    assert peers.lost_before(ONE, to_all=False, count=3)
    assert not peers.lost_before(ONE, to_all=False, count=4)


def test_the_very_first_message_to_us_may_not_be_missing() -> None:
    peers = RedisPeers(US)
    peers.said_hello(ONE, now_s=1.0)

    assert peers.lost_before(ONE, to_all=False, count=2)


def test_a_last_message_that_is_missing_shows_in_the_next_hello() -> None:
    peers = RedisPeers(US)
    peers.said_hello(ONE, now_s=1.0)
    peers.lost_before(ONE, to_all=False, count=1)

    assert not peers.lost_until(ONE, to_all=0, to_us=1)
    assert peers.lost_until(ONE, to_all=0, to_us=2)
    assert not peers.lost_until(ONE, to_all=0, to_us=2)
