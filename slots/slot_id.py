"""The opaque id of a slot: what it stands for, packed. It is no secret; hold and book check everything again. Pure.

The id of a hold says which slot it keeps, so that whoever comes too late for it can still be shown other slots.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec
from msgspec import Meta

from slots.errors import InvalidSlot

MAX_LENGTH = 600
_FORMAT = 1

_Id = Annotated[str, Meta(min_length=1, max_length=128)]
# The range of 32 bits, signed: years 1970 to 2106 are more than enough, and no date function overflows.
_Instant = Annotated[int, Meta(ge=0, le=2**32 - 1)]
_Key = Annotated[int, Meta(ge=1, le=2**62)]


class SlotKey(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a slot id says."""

    format: Annotated[int, Meta(ge=_FORMAT, le=_FORMAT)]
    service_id: _Id
    site_id: _Id
    asset_id: _Id | None
    technician_key: _Key
    start_s: _Instant


_decoder = msgspec.msgpack.Decoder(SlotKey)


def encode_slot(*, service_id: str, site_id: str, asset_id: str | None, technician_key: int, start_s: int) -> str:
    packed = msgspec.msgpack.encode(SlotKey(_FORMAT, service_id, site_id, asset_id, technician_key, start_s))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def hold_id(secret: str, *, slot: str) -> str:
    """`secret` makes it unique and hard to guess; it holds no dot."""
    return f"{secret}.{slot}"


def slot_of_hold(text: str) -> SlotKey:
    """Which slot a hold of this id keeps or kept. Raises InvalidSlot for what is no id of a hold."""
    return decode_slot(text.partition(".")[2])


def decode_slot(text: str) -> SlotKey:
    """Raises InvalidSlot for everything that `encode_slot` would not have written."""
    if not text or len(text) > MAX_LENGTH or not text.isascii():
        raise InvalidSlot
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        key = _decoder.decode(packed)
    except (binascii.Error, msgspec.DecodeError):
        raise InvalidSlot from None
    # One spelling per slot: padding bits or a longer encoding of the same number make no second id.
    again = encode_slot(
        service_id=key.service_id,
        site_id=key.site_id,
        asset_id=key.asset_id,
        technician_key=key.technician_key,
        start_s=key.start_s,
    )
    if again != text:
        raise InvalidSlot
    return key
