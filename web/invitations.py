"""Inviting people, and how an invitation becomes a sign-in. There is no self-registration."""

from __future__ import annotations

from dataclasses import dataclass, field

from slots import outbox_store
from slots.notices import Notice
from slots.store import Database
from web import accounts_store, secrets_store
from web.accounts import SignedIn, give_back_token_try, open_session, take_token_try
from web.passwords import check_password
from web.problems import Problem
from web.state import State


@dataclass(frozen=True)
class Invitation:
    """`code` is its only copy."""

    email: str
    code: str = field(repr=False)
    expires_s: int

    def url(self, base_url: str) -> str:
        return f"{base_url}/invitation#{self.code}"


async def invite(database: Database, *, email: str, valid_s: int, now_s: int) -> Invitation:
    """An invitation for a person we know: a contact of an active account, or a member of staff who was set up.

    Problem `contact_unknown`, `account_inactive`, or `already_invited` (somebody who can sign in, or whose invitation
    has not run out).
    """
    async with database.transaction() as conn:
        person = await accounts_store.person_by_email(conn, email)
        if person is None:
            raise Problem("contact_unknown", "Only a contact of an account can be invited. Set the contact up first.")
        if not person.may_sign_in:
            raise Problem("account_inactive", "Only contacts of an active account can be invited.")
        await accounts_store.lock_person(conn, person.id)
        waiting = await secrets_store.of_subject(conn, kind="invitation", subject=person.id, now_s=now_s)
        if person.password_hash is not None or waiting:
            raise Problem("already_invited", "An e-mail address is invited once.")
        expires_s = now_s + valid_s
        invitation_id, code = await secrets_store.issue(
            conn, kind="invitation", subject=person.id, now_s=now_s, expires_s=expires_s
        )
        # The message gets a code of its own when it is sent: no secret waits in the outbox.
        notice = Notice(
            key=f"invitation:{invitation_id}",
            kind="invitation",
            due_s=now_s,
            expires_s=expires_s,
            contact_id=person.id,
        )
        await outbox_store.put(conn, (notice,), now_s=now_s)
    return Invitation(person.email, code, expires_s)


async def redeem(
    state: State, *, code: str, password: str, name: str | None, address: str | None, asked_locale: str | None = None
) -> SignedIn:
    """Spend the code: the person gets this password and is signed in.

    Problem `invitation_dead`, `password_weak`, `account_inactive`, `too_many_requests`.
    """
    await take_token_try(state, address)
    now_s = state.now_s()
    async with state.database.read() as conn:
        found = await secrets_store.find(conn, kind="invitation", token=code, now_s=now_s)
        person = await accounts_store.person_by_id(conn, found.subject) if found else None
    if found is None or person is None:
        raise Problem("invitation_dead", "It was used already, or it has run out. Please ask for a new one.")
    await give_back_token_try(state, address)
    check_password(password)
    if not person.may_sign_in:
        raise Problem("account_inactive", "The account is not active. Please call.")
    password_hash = await state.passwords.hash(password)
    async with state.database.transaction() as conn:
        if await secrets_store.use(conn, kind="invitation", token=code, now_s=now_s) is None:
            raise Problem("invitation_dead", "It was used already.")
        await secrets_store.revoke_all(conn, kind="invitation", subject=person.id)
        await accounts_store.set_password(conn, person_id=person.id, password_hash=password_hash)
        if name and name.strip():
            await accounts_store.set_profile(
                conn,
                person_id=person.id,
                name=name.strip(),
                phone=person.phone,
                locale=person.locale,
                photo_url=person.photo_url,
            )
        person = await accounts_store.person_by_id(conn, person.id) or person
    return await open_session(state, person, asked_locale=asked_locale)
