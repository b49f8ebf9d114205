"""Signing in and out, and the forgotten password."""

from __future__ import annotations

from dataclasses import dataclass, field

from slots import outbox_store
from slots.notices import Notice
from slots.store import again_if_undone
from tracker.errors import CloseCode
from web import accounts_store, secrets_store
from web.accounts_store import Person, normalize_email
from web.announcements import PeopleChanged
from web.auth import Principal, principal_of
from web.links import disconnect_session
from web.passwords import check_password
from web.problems import Problem, retry_later
from web.state import State
from web.throttle import address_key

RESET_S = 3600


@dataclass(frozen=True)
class SignedIn:
    """A session that was just made. `token` is its only copy."""

    person: Person
    token: str = field(repr=False)
    session_id: str
    expires_s: int
    first_sign_in: bool

    @property
    def next(self) -> str:
        """Where to go: the first time to the profile, then everybody to their own start."""
        if self.first_sign_in:
            return "/profile"
        return home_path(self.person.role)


def home_path(role: str) -> str:
    return {"technician": "/technician", "dispatcher": "/dispatch", "admin": "/dispatch"}.get(role, "/")


async def sign_in(
    state: State, *, email: str, password: str, address: str | None, asked_locale: str | None = None
) -> SignedIn:
    """A session; `asked_locale` is what the browser asks for.

    Problem `wrong_credentials` (the same, after the same time, whether the e-mail is known or not) or
    `too_many_requests` with the seconds to wait.
    """
    limits = state.limits
    keys = {"sign_in_email": normalize_email(email), "sign_in_address": address_key(address)}

    async def take_a_try() -> None:
        _refuse_more_tries(await limits.take(state.now_s(), **keys))

    _refuse_more_tries(limits.wait_s(state.now_s(), **keys))
    async with state.database.read() as conn:
        person = await accounts_store.person_by_email(conn, email)
    known_hash = person.password_hash if person is not None else None
    fits = await state.passwords.matches(known_hash, password, gate=take_a_try)
    if person is None or not fits or not person.may_sign_in:
        raise Problem("wrong_credentials", "Check the e-mail address and the password.")
    await limits.give_back(state.now_s(), **keys)
    fresh_hash = None
    if known_hash is not None and state.passwords.is_outdated(known_hash):
        fresh_hash = await state.passwords.hash(password)
    return await open_session(state, person, password_hash=fresh_hash, asked_locale=asked_locale)


def _refuse_more_tries(wait_s: float) -> None:
    if wait_s:
        raise retry_later("too_many_requests", wait_s, "Too many attempts to sign in. Please wait a little.")


async def open_session(
    state: State, person: Person, *, password_hash: str | None = None, asked_locale: str | None = None
) -> SignedIn:
    """A session for a person who has just proved who they are; `password_hash`, if given, is stored with it."""
    now_s = state.now_s()
    expires_s = now_s + state.settings.session_days * 86_400
    async with state.database.transaction() as conn:
        if password_hash is not None:
            await accounts_store.set_password(conn, person_id=person.id, password_hash=password_hash)
        session_id, token = await secrets_store.issue(
            conn, kind="session", subject=person.id, now_s=now_s, expires_s=expires_s
        )
        await accounts_store.remember_browser_locale(conn, person_id=person.id, locale=asked_locale)
        first = await accounts_store.mark_first_sign_in(conn, person_id=person.id, now_s=now_s)
    return SignedIn(person, token, session_id, expires_s, first)


@again_if_undone
async def sign_out(state: State, principal: Principal) -> None:
    """End this session and every live view opened with it."""
    async with state.database.transaction() as conn:
        await secrets_store.revoke(conn, token_id=principal.session_id)
    await disconnect_session(state, {principal.session_id}, CloseCode.SIGN_IN_AGAIN, "signed out")


async def end_outdated_watches(state: State) -> None:
    """After a change of accounts or people: cut, in every process, the live views of everybody whose rights are not
    what they were. Who still may look comes again and is looked at afresh."""
    await end_outdated_watches_here(state)
    await state.announcements.to_all(PeopleChanged())


async def end_outdated_watches_here(state: State) -> None:
    """`end_outdated_watches` in this process alone."""
    watching = {each for each in state.hub.principals() if isinstance(each, Principal) and each.person_id}
    if not watching:
        return
    async with state.database.read() as conn:
        people = await accounts_store.people_by_id(conn, list({each.person_id or "" for each in watching}))
    outdated = {each for each in watching if not _still_is(each, people.get(each.person_id or ""))}
    state.hub.disconnect(lambda watcher: watcher.principal in outdated, CloseCode.TRY_LATER, "please come again")


def _still_is(principal: Principal, person: Person | None) -> bool:
    if person is None or not person.may_sign_in:
        return False
    now = principal_of(
        person,
        session_id=principal.session_id,
        expires_s=principal.expires_at_ms // 1000,
        proved_at_ms=principal.proved_at_ms,
    )
    return now == principal


async def check_reset_limits(state: State, *, email: str, address: str | None) -> None:
    """Problem `too_many_requests` when this address, or whoever asks for this e-mail, asked too often."""
    wait = await state.limits.take(
        state.now_s(), reset_address=address_key(address), reset_email=normalize_email(email)
    )
    if wait:
        raise retry_later(
            "too_many_requests", wait, "A message was sent already. Please look for it, or wait a little."
        )


@again_if_undone
async def forget_password(state: State, *, email: str) -> None:
    """Send a reset link to this address if somebody who may sign in has it; say nothing either way."""
    now_s = state.now_s()
    async with state.database.transaction() as conn:
        person = await accounts_store.person_by_email(conn, email)
        if person is None or person.password_hash is None or not person.may_sign_in:
            return
        # The link is made when the message is sent: no secret waits in the outbox.
        notice = Notice(
            key=f"password_reset:{secrets_store.new_token()[:12]}",
            kind="password_reset",
            due_s=now_s,
            expires_s=now_s + RESET_S,
            contact_id=person.id,
        )
        await outbox_store.put(conn, (notice,), now_s=now_s)
    state.outbox.wake()


async def reset_password(state: State, *, token: str, password: str, address: str | None) -> None:
    """Set a new password with the token of a reset link and end every session of the person.

    Problem `reset_dead`, `password_weak`, `too_many_requests`.
    """
    check_password(password)
    await take_token_try(state, address)
    now_s = state.now_s()
    async with state.database.read() as conn:
        found = await secrets_store.find(conn, kind="reset", token=token, now_s=now_s)
    if found is None:
        raise Problem("reset_dead", "It was used already, or an hour has passed. Please ask for a new one.")
    password_hash = await state.passwords.hash(password)
    async with state.database.transaction() as conn:
        spent = await secrets_store.use(conn, kind="reset", token=token, now_s=now_s)
        if spent is None:
            raise Problem("reset_dead", "It was used already. Please ask for a new one.")
        await accounts_store.set_password(conn, person_id=spent.subject, password_hash=password_hash)
        await secrets_store.revoke_all(conn, kind="reset", subject=spent.subject)
        ended = await secrets_store.revoke_all(conn, kind="session", subject=spent.subject)
    await give_back_token_try(state, address)
    await disconnect_session(state, set(ended), CloseCode.SIGN_IN_AGAIN, "the password was changed")


async def take_token_try(state: State, address: str | None) -> None:
    """Count a try with a secret from a message. Problem `too_many_requests` after too many wrong ones."""
    if wait := await state.limits.take(state.now_s(), wrong_tokens=address_key(address)):
        raise retry_later("too_many_requests", wait)


async def give_back_token_try(state: State, address: str | None) -> None:
    await state.limits.give_back(state.now_s(), wrong_tokens=address_key(address))
