from __future__ import annotations

import hiredis
import pytest

from tracker.errors import ExchangeMessageTooLarge
from tracker.redis_blobs import LARGEST_BLOB, LARGEST_MESSAGE, Hello, Messages, decode_blob
from tracker.redis_names import EVERYBODY, RedisNames
from tracker.redis_outbox import Outbox

US, ONE, TWO = "0" * 12, "1" * 12, "2" * 12
NAMES = RedisNames("test")


def an_outbox(**options: int) -> Outbox:
    outbox = Outbox(US, NAMES, **options)
    outbox.set_receivers([ONE, TWO])
    return outbox


def published(outbox: Outbox, at_least: int = 1 << 30) -> list[tuple[str, int, list[bytes]]]:
    """(receiver, count, messages) of each blob, as Redis would read them."""
    reader = hiredis.Reader()
    reader.feed(outbox.take(at_least))
    blobs = []
    while (words := reader.gets()) is not False:
        verb, channel, payload = words
        blob = decode_blob(payload)
        assert verb == b"PUBLISH"
        assert isinstance(blob, Messages)
        blobs.append((channel.decode().rpartition(":")[2], blob.count, blob.messages))
    return blobs


def test_what_one_receiver_gets_in_a_tick_is_one_blob() -> None:
    outbox = an_outbox()

    for message in (b"a", b"b"):
        outbox.add(ONE, message)
        outbox.add(TWO, message)

    assert published(outbox) == [(ONE, 1, [b"a", b"b"]), (TWO, 1, [b"a", b"b"])]
    assert len(outbox) == 0


def test_a_message_for_everybody_keeps_its_place_among_those_for_one() -> None:
    outbox = an_outbox()

    outbox.add(ONE, b"before")
    outbox.add(EVERYBODY, b"to all")
    outbox.add(EVERYBODY, b"to all again")
    outbox.add(ONE, b"after")

    assert published(outbox) == [
        (ONE, 1, [b"before"]),
        (EVERYBODY, 1, [b"to all", b"to all again"]),
        (ONE, 2, [b"after"]),
    ]


def test_a_blob_never_grows_over_a_mebibyte() -> None:
    outbox = an_outbox()

    for _ in range(5):
        outbox.add(ONE, bytes(LARGEST_BLOB // 3))
    outbox.add(TWO, bytes(LARGEST_MESSAGE))

    blobs = published(outbox)
    assert [len(messages) for _, _, messages in blobs] == [2, 2, 1, 1]


def test_a_message_that_fits_no_blob_is_refused() -> None:
    outbox = an_outbox()

    with pytest.raises(ExchangeMessageTooLarge):
        outbox.add(ONE, bytes(LARGEST_MESSAGE + 1))

    outbox.add(ONE, b"next")
    assert published(outbox) == [(ONE, 1, [b"next"])]


def test_what_overflows_is_dropped_and_leaves_a_gap_in_the_count() -> None:
    outbox = an_outbox(largest_backlog=1)

    outbox.add(ONE, b"kept")
    outbox.add(EVERYBODY, b"seals")
    outbox.add(ONE, b"dropped")
    outbox.add(TWO, b"not its fault")
    first = published(outbox)
    outbox.add(ONE, b"fits again")

    assert first == [(ONE, 1, [b"kept"]), (EVERYBODY, 1, [b"seals"]), (TWO, 1, [b"not its fault"])]
    assert published(outbox) == [(ONE, 3, [b"fits again"])]
    assert outbox.dropped_messages == 1


def test_a_closed_outbox_drops_everything_and_the_gap_shows_later() -> None:
    outbox = an_outbox()
    outbox.add(ONE, b"waits")

    outbox.close()
    outbox.add(ONE, b"lost")
    outbox.reopen()
    outbox.add(ONE, b"heard")

    assert published(outbox) == [(ONE, 3, [b"heard"])]
    assert outbox.dropped_messages == 2


def test_nothing_is_written_to_who_has_left() -> None:
    outbox = an_outbox()
    outbox.add(ONE, b"too late")
    outbox.add(TWO, b"fine")

    outbox.set_receivers([TWO])
    outbox.add(ONE, b"nobody")

    assert published(outbox) == [(TWO, 1, [b"fine"])]


def test_a_hello_tells_the_counts_of_all_that_was_sent_before_it() -> None:
    outbox = an_outbox()
    outbox.add(ONE, b"a")
    outbox.add_hello("generation")
    outbox.add(ONE, b"b")

    reader = hiredis.Reader()
    reader.feed(outbox.take(1 << 30))
    blobs = []
    while (words := reader.gets()) is not False:
        blobs.append(decode_blob(words[2]))

    assert blobs == [Messages(US, 1, [b"a"]), Hello(US, "generation", 0, {ONE: 1, TWO: 0}), Messages(US, 2, [b"b"])]


def test_what_is_taken_at_a_time_is_limited() -> None:
    outbox = an_outbox()
    outbox.add(ONE, bytes(1000))
    outbox.add(TWO, bytes(1000))

    assert len(published(outbox, 100)) == 1
    assert len(published(outbox, 100)) == 1
    assert published(outbox, 100) == []
