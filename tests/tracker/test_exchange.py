from __future__ import annotations

from tracker.exchange import LocalExchange


async def test_a_process_that_is_alone_owns_whatever_it_claims() -> None:
    exchange = LocalExchange()

    claims = await exchange.claim(["one", "two"])

    assert {claim.owner for claim in claims.values()} == {exchange.node_id}
    assert await exchange.claim(["one"]) == {"one": claims["one"]}
    assert await exchange.owners(["one", "three"]) == {"one": claims["one"]}
    assert exchange.holds_lease()
    assert exchange.peers == frozenset()


async def test_a_fence_grows_when_a_key_was_given_up_and_taken_again() -> None:
    exchange = LocalExchange()
    before = (await exchange.claim(["one"]))["one"]

    await exchange.release(["one"])
    after = (await exchange.claim(["one"]))["one"]

    assert after.fence > before.fence
