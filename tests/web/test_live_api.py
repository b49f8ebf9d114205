"""The mailbox of an event stream: what was not read yet when a right ends is not read any more."""

from __future__ import annotations

from tracker.watchers import Message
from web.auth import Principal
from web.live_api import StreamWatcher

SOMEBODY = Principal(role="customer", person_id="rui", session_id="s", expires_at_ms=2**60)


def held(watcher: StreamWatcher) -> list[bytes]:
    return [message.payload for message in (*watcher.reading, *watcher.take())]


async def test_a_stream_that_is_cut_delivers_states_but_no_position_any_more():
    watcher = StreamWatcher(principal=SOMEBODY, until_ms=2**60)
    watcher.keep(Message.of(b"status", seq=1))
    watcher.keep(Message.of(b"position", seq=2, conflates=True))

    watcher.cut(4510, "the link was blocked")

    assert held(watcher) == [b"status"]


async def test_a_position_that_a_slow_reader_was_about_to_get_is_dropped_when_the_right_ends():
    watcher = StreamWatcher(principal=SOMEBODY, until_ms=2**60)
    watcher.keep(Message.of(b"status", seq=1))
    watcher.keep(Message.of(b"position", seq=2, conflates=True))
    watcher.reading = watcher.take()

    watcher.drop_positions()

    assert held(watcher) == [b"status"]
