"""`/ws/device`: the technician's phone. Its token authenticates it; then the node has the connection."""

from __future__ import annotations

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from tracker.device_connection import DeviceConnection
from tracker.errors import CloseCode
from web.auth import authenticate_device
from web.customer_socket import bearer_of, chosen_subprotocol
from web.state import state_of
from web.upgrade import hand_over


async def device(websocket: WebSocket) -> None:
    """Fixes in, acknowledgements out. Without a valid device token: accepted, then closed with 4401, because a
    browser cannot read the status of a refused handshake."""
    state = state_of(websocket)
    token = bearer_of(websocket) or ""
    technician_id = await authenticate_device(state, token) if token else None
    beside = state.neighbours
    if technician_id is not None and beside is not None and beside.pass_on(websocket, technician_id, is_phone=True):
        return
    await websocket.accept(subprotocol=chosen_subprotocol(websocket))
    connection = DeviceConnection(node=state.node, technician_id=technician_id or "")
    hand_over(websocket, connection, state.sockets)
    if technician_id is None:
        connection.close(CloseCode.SIGN_IN_AGAIN, "unknown device token")


routes: list[BaseRoute] = [WebSocketRoute("/ws/device", device)]
