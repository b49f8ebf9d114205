"""The AsyncAPI 3.0 document of the websockets, made from the Structs that the server encodes and decodes with."""

from __future__ import annotations

from typing import Any

import msgspec

from tracker import messages
from tracker.errors import CloseCode
from web.bridge import VisitChanged

# Channel, address, summary, what the server sends, what the client sends.
_CHANNELS: tuple[tuple[str, str, str, tuple[type, ...], tuple[type, ...]], ...] = (
    (
        "visit",
        "/ws/appointments/{id}",
        "One visit for those who may see it: first a welcome with the snapshot, then every change. Identified by the"
        " session cookie (Origin checked), by a second subprotocol `bearer.<base64url token>`, or by a hello in 5 s.",
        (
            messages.Welcome,
            messages.Position,
            messages.Eta,
            messages.Status,
            messages.Technician,
            messages.RouteLine,
            messages.Heartbeat,
            messages.End,
        ),
        (messages.Hello,),
    ),
    (
        "device",
        "/ws/device",
        "A technician's phone: fixes in (one or a list; JSON text or MessagePack), acknowledgements out when they"
        " are on disk. `Authorization: Bearer <device token>`.",
        (messages.Ack, messages.Rate, messages.ErrorFrame),
        (messages.Fix,),
    ),
    (
        "home",
        "/ws/home",
        "The states of one contact's visits; never a coordinate.",
        (messages.FeedWelcome, VisitChanged, messages.Arrival, messages.Heartbeat),
        (),
    ),
    (
        "dispatch",
        "/ws/dispatch",
        "The board: every technician, conflated per tick, and every visit that changed.",
        (messages.FeedWelcome, messages.Board, VisitChanged, messages.Heartbeat),
        (),
    ),
)


def build_asyncapi(*, title: str, version: str, host: str, protocol: str) -> dict[str, Any]:
    """The whole document. ``host`` with its port, ``protocol`` is ws or wss."""
    types = {kind for _, _, _, sent, taken in _CHANNELS for kind in (*sent, *taken)}
    ordered = sorted(types, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, address, summary, sent, taken in _CHANNELS:
        channel: dict[str, Any] = {
            "address": address,
            "summary": summary,
            "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in (*sent, *taken)},
        }
        if "{id}" in address:
            channel["parameters"] = {"id": {"description": "The visit's id."}}
        channels[name] = channel
        operations[f"{name}Updates"] = _operation(name, "send", sent)
        if taken:
            operations[f"{name}Messages"] = _operation(name, "receive", taken)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": _close_codes()},
        "defaultContentType": "application/json",
        "servers": {"here": {"host": host, "protocol": protocol}},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                kind.__name__: {
                    "name": kind.__name__,
                    "summary": (kind.__doc__ or "").partition("\n")[0],
                    "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
                }
                for kind in ordered
            },
            "schemas": schemas,
        },
    }


def _operation(channel: str, action: str, kinds: tuple[type, ...]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{kind.__name__}"} for kind in kinds],
    }


def _close_codes() -> str:
    codes = ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in CloseCode)
    return f"Close codes: {codes}. In 4000-4999, below x500 come back, from x500 on stay away."
