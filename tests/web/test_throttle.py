import pytest

from web.throttle import Throttle, address_key


def test_a_burst_passes_and_then_one_per_refill():
    throttle = Throttle(burst=2, refill_s=10)

    waits = [throttle.take("a", 0), throttle.take("a", 0), throttle.take("a", 0), throttle.take("a", 4)]

    assert waits == [0, 0, 10, pytest.approx(6)]
    assert throttle.take("a", 10) == 0


def test_keys_do_not_disturb_each_other():
    throttle = Throttle(burst=1, refill_s=10)
    throttle.take("a", 0)

    assert throttle.take("b", 0) == 0


def test_a_good_try_is_given_back():
    throttle = Throttle(burst=1, refill_s=10)
    throttle.take("a", 0)

    throttle.give_back("a", 0)

    assert throttle.take("a", 0) == 0


def test_giving_back_never_saves_up_more_than_the_burst():
    throttle = Throttle(burst=1, refill_s=10)
    throttle.take("a", 0)

    throttle.give_back("a", 100)

    assert [throttle.take("a", 100), throttle.take("a", 100)] == [0, 10]


def test_a_clock_that_goes_back_gives_nothing_away():
    throttle = Throttle(burst=1, refill_s=10)
    throttle.take("a", 100)

    assert throttle.take("a", 0) == 10


def test_a_flood_of_keys_is_bounded_in_memory():
    throttle = Throttle(burst=1, refill_s=10, max_keys=100)

    for number in range(10_000):
        throttle.take(str(number), 0)

    assert len(throttle) == 100


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("2001:db8:1:2:ffff::1", "2001:0db8:0001:0002"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        (None, "unknown"),
    ],
)
def test_one_customer_of_a_provider_is_one_key(host, key):
    assert address_key(host) == key
