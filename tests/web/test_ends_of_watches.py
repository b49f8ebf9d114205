"""A right to watch that ends by itself while somebody watches."""

import pytest

from tests.tracker.sockets import close_all, connect
from tests.web.api.house import House
from tracker.errors import CloseCode
from web.auth import Principal
from web.counted_watchers import CountedWatcher


@pytest.mark.parametrize(("role", "code"), [("link", CloseCode.OVER), ("customer", CloseCode.SIGN_IN_AGAIN)])
async def test_a_link_is_over_and_a_session_may_sign_in_again(house: House, role: str, code: CloseCode):
    ends_ms = house.state.now_ms() + 1000
    person = None if role == "link" else "rui"
    principal = Principal(role=role, person_id=person, session_id="s", expires_at_ms=ends_ms, proved_at_ms=0)
    watcher = CountedWatcher(house.state, principal)
    peer = await connect(watcher)
    house.state.hub.subscribe("news", watcher)

    house.pass_s(1)
    house.state.hub.publish_topic("news", b"{}")

    assert await peer.until_closed() == code
    await close_all()
