"""How many watches a session may open, and that none opens on a proof that was revoked meanwhile."""

from web.auth import Principal
from web.watches import MAX_WATCHES, REVOKED_KEPT_MS, Watches


def somebody(proved_at_ms: int = 1000, role: str = "customer") -> Principal:
    return Principal(role=role, person_id="rui", session_id="s", expires_at_ms=2**60, proved_at_ms=proved_at_ms)


def test_a_session_opens_so_many_watches_and_another_when_one_ends():
    watches = Watches()
    opened = [watches.begin(somebody()) for _ in range(MAX_WATCHES + 1)]

    watches.end("s")

    assert opened == [True] * MAX_WATCHES + [False]
    assert watches.begin(somebody())


def test_staff_are_not_counted():
    watches = Watches()

    assert all(watches.begin(somebody(role="dispatcher")) for _ in range(MAX_WATCHES + 1))


def test_a_watch_whose_proof_was_looked_at_before_the_revocation_does_not_open():
    watches = Watches()

    watches.revoke({"s"}, now_ms=1000)

    assert not watches.begin(somebody(proved_at_ms=1000))
    assert watches.begin(somebody(proved_at_ms=1001))


def test_revocations_are_forgotten_when_nothing_can_be_waiting_any_more():
    watches = Watches()

    watches.revoke({"s"}, now_ms=1000)
    watches.revoke({"t"}, now_ms=1000 + REVOKED_KEPT_MS)

    assert watches.begin(somebody(proved_at_ms=0))
