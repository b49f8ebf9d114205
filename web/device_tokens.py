"""The tokens of phones. A device never knows a person's password."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from slots.store import again_if_undone
from web import secrets_store
from web.announcements import PhonesRevoked
from web.secrets_store import StoredToken
from web.state import State

# The technician's page takes a new one at every start; an old one must not live on in a browser's storage.
PAGE_TOKEN_S = 7 * 86_400


async def issue_device_token(
    conn: AsyncConnection, *, technician_id: str, now_s: int, expires_s: int | None = None
) -> tuple[str, str]:
    """A new token for this technician's phone: (its id, the token, which exists nowhere else).

    Whether the technician exists is the caller's to know. `expires_s` None: until it is revoked.
    """
    return await secrets_store.issue(conn, kind="device", subject=technician_id, now_s=now_s, expires_s=expires_s)


async def device_tokens_of(conn: AsyncConnection, *, technician_id: str, now_s: int) -> list[StoredToken]:
    return await secrets_store.of_subject(conn, kind="device", subject=technician_id, now_s=now_s)


@again_if_undone
async def revoke_device_tokens(state: State, *, technician_id: str) -> int:
    """Forget every token of this technician's phones; how many there were. This process refuses them at once, the
    others have cut them before this returns and remember them for at most a second."""
    async with state.database.transaction() as conn:
        ids = await secrets_store.revoke_all(conn, kind="device", subject=technician_id)
    revoke_phones_here(state, technician_id)
    await state.announcements.to_all(PhonesRevoked(technician_id))
    return len(ids)


def revoke_phones_here(state: State, technician_id: str) -> None:
    """The technician's phones that are connected to this process must sign in again."""
    state.node.disconnect_phones(technician_id)
