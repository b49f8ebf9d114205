"""For whom something is booked: customers for themselves, staff for the contact they name."""

from __future__ import annotations

import msgspec

from slots.model import Actor
from web import accounts_store
from web.auth import Principal
from web.problems import Problem
from web.state import State


class Customer(msgspec.Struct, frozen=True):
    """The contact a visit is for, with the account's address (`site_id` None: it has none)."""

    contact_id: str
    account_id: str
    site_id: str | None


async def customer_of(state: State, principal: Principal, contact: str | None) -> Customer:
    """`contact` (a contact's id or e-mail address) is for staff alone; what a customer sends there is ignored.

    Problem `invalid` when staff name nobody, `contact_unknown`, `account_inactive`.
    """
    async with state.database.read() as conn:
        if principal.role == "customer":
            account = await accounts_store.account_by_id(conn, principal.account_id or "")
            contact_id = principal.contact_id or ""
        else:
            if not contact:
                raise Problem("invalid", "Name the customer: a contact's id or e-mail address.", field="contact")
            person = await accounts_store.person_by_id(conn, contact)
            person = person or await accounts_store.person_by_email(conn, contact)
            if person is None or person.account_id is None:
                raise Problem("contact_unknown")
            contact_id = person.id
            account = await accounts_store.account_by_id(conn, person.account_id)
    if account is None or account.status != "active":
        raise Problem("account_inactive")
    return Customer(contact_id, account.id, account.site_id)


def require_self_scheduling(state: State, actor: Actor) -> None:
    """Problem `self_scheduling_off` for customers while the switch is off."""
    if actor.is_customer and not state.switches.self_scheduling:
        phone = state.settings.contact_phone
        detail = "Booking and moving online is switched off. Please call" + (f" {phone}." if phone else ".")
        raise Problem("self_scheduling_off", detail, contact_phone=phone)
