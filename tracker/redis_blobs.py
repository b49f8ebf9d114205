"""[pure] What one process publishes to another: one blob is one PUBLISH. MessagePack, decoded strictly.

The tag carries the version of the format; a blob of another version is garbage to us.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

LARGEST_BLOB = 1024 * 1024
# Tag, sender, count and the list's head; each message has a head of 5 bytes at most.
BLOB_OVERHEAD = 64
MESSAGE_OVERHEAD = 5
LARGEST_MESSAGE = LARGEST_BLOB - BLOB_OVERHEAD - MESSAGE_OVERHEAD

NodeId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$")]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Messages(msgspec.Struct, array_like=True, tag="m1", forbid_unknown_fields=True, gc=False):
    """`count` is the sender's count of blobs on this channel, by which the receiver sees gaps."""

    # Not checked against the pattern: who is no peer is not listened to.
    sender: str
    count: Count
    messages: list[bytes]


class Hello(msgspec.Struct, array_like=True, tag="h1", forbid_unknown_fields=True):
    """To everybody after each renewal of a lease: who is here, in which generation of Redis' memory, and how far the
    counts are (`count` for everybody, `counts` for each process), so that lost last blobs are noticed too."""

    sender: NodeId
    generation: Annotated[str, msgspec.Meta(max_length=64)]
    count: Count
    counts: dict[NodeId, Count]


class Goodbye(msgspec.Struct, array_like=True, tag="g1", forbid_unknown_fields=True):
    """To everybody: the lease was given up."""

    sender: NodeId


class Probe(msgspec.Struct, array_like=True, tag="p1", forbid_unknown_fields=True):
    """To oneself: it must come back."""

    sender: NodeId


Blob = Messages | Hello | Goodbye | Probe

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Blob] = msgspec.msgpack.Decoder(Blob)

encode_blob = _ENCODER.encode


def decode_blob(payload: bytes) -> Blob:
    """Raises msgspec.DecodeError for anything that is no blob of this version."""
    if len(payload) > LARGEST_BLOB:
        raise msgspec.DecodeError(f"a blob of {len(payload)} bytes")
    return _DECODER.decode(payload)
