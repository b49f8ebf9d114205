from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slots.errors import InvalidSlot
from slots.slot_id import decode_slot, encode_slot

ids = st.text(min_size=1, max_size=40)


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).rstrip(b"=").decode()


@given(ids, ids, st.none() | ids, st.integers(1, 2**40), st.integers(0, 2**32 - 1))
def test_what_was_encoded_is_decoded(
    service_id: str, site_id: str, asset_id: str | None, technician_key: int, start_s: int
) -> None:
    text = encode_slot(
        service_id=service_id,
        site_id=site_id,
        asset_id=asset_id,
        technician_key=technician_key,
        start_s=start_s,
    )

    key = decode_slot(text)

    assert (key.service_id, key.site_id, key.asset_id) == (service_id, site_id, asset_id)
    assert (key.technician_key, key.start_s) == (technician_key, start_s)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidSlot):
        decode_slot(text)


@pytest.mark.parametrize(
    "value",
    [
        [2, "repair", "home", None, 1, 100],
        [1, "", "home", None, 1, 100],
        [1, "repair", "home", None, 0, 100],
        [1, "repair", "home", None, 1, -1],
        [1, "repair", "home", None, 1, 2**32],
        [1, "repair", "home", None, 1, 100, "more"],
        [1, "repair", "home", None, 1],
        [1, "repair", "home", None, 1.5, 100],
        {"service": "repair"},
    ],
)
def test_what_has_the_wrong_shape_or_range_is_refused(value: object) -> None:
    with pytest.raises(InvalidSlot):
        decode_slot(packed(value))


def test_a_slot_has_one_spelling() -> None:
    text = encode_slot(service_id="repair", site_id="home", asset_id=None, technician_key=1, start_s=100)

    for other in (text + "=", text + "\n", " " + text, text.replace("k", "k\n", 1)):
        if other != text:
            with pytest.raises(InvalidSlot):
                decode_slot(other)
