from tracker.bus import LocalBus
from tracker.watchers import Message


def test_with_one_process_there_is_nobody_else_to_tell():
    message = Message.of(b"{}", seq=1)

    LocalBus().ship("trip:visit", message)

    assert (message.payload, message.seq) == (b"{}", 1)
