import asyncio
import time

import pytest
import pytest_asyncio

from web.passwords import Passwords, check_password
from web.problems import Problem


@pytest_asyncio.fixture
async def passwords():
    made = Passwords()
    yield made
    made.close()


async def test_passwords_are_hashed_with_argon2id(passwords):
    hashed = await passwords.hash("correct horse")

    assert hashed.startswith("$argon2id$")
    assert await passwords.matches(hashed, "correct horse")
    assert not await passwords.matches(hashed, "wrong horse")


async def test_nobody_matches_where_there_is_no_hash(passwords):
    assert not await passwords.matches(None, "nobody has this password")


async def test_an_unknown_person_costs_as_much_time_as_a_known_one(passwords):
    hashed = await passwords.hash("correct horse")

    took_s = {hashed: [], None: []}

    for _ in range(7):
        for password_hash, each in took_s.items():
            # Of this process alone: what others do on the machine meanwhile does not count.
            before_s = time.process_time()
            await passwords.matches(password_hash, "wrong horse")
            each.append(time.process_time() - before_s)

    known_s, unknown_s = (sorted(each)[3] for each in took_s.values())
    assert unknown_s == pytest.approx(known_s, rel=0.8)


async def test_a_broken_hash_matches_nothing(passwords):
    assert not await passwords.matches("not a hash", "x")


async def test_a_crowd_beyond_the_queue_is_told_to_come_back(passwords):
    results = await asyncio.gather(*(passwords.matches("broken", "x") for _ in range(300)), return_exceptions=True)

    refused = [result for result in results if isinstance(result, Problem)]
    assert {problem.code for problem in refused} == {"busy"}
    assert len(refused) == 300 - 256


async def test_the_gate_is_asked_when_it_is_the_turn_of_a_try(passwords):
    tries = []

    async def gate():
        tries.append(1)
        if len(tries) > 3:
            raise Problem("too_many_requests")

    results = await asyncio.gather(
        *(passwords.matches("broken", "x", gate=gate) for _ in range(10)), return_exceptions=True
    )

    assert sum(result is False for result in results) == 3


@pytest.mark.parametrize("password", ["short", "", "aaaaaaaaaaaa", "x" * 1001])
def test_a_password_nobody_should_use_is_refused(password):
    with pytest.raises(Problem) as refusal:
        check_password(password)

    assert refusal.value.code == "password_weak"


def test_a_long_sentence_is_a_fine_password():
    check_password("the rain in Spain stays mainly in the plain")
