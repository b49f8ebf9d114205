"""Accounts and people: the customers' contacts and the staff, with what they sign in with."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from slots.errors import StorageUnavailable

metadata = MetaData()

Role = Literal["customer", "technician", "dispatcher", "admin"]
StaffRole = Literal["technician", "dispatcher", "admin"]
AccountStatus = Literal["active", "inactive"]

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("site_id", Text),
)

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("phone", Text),
    Column("locale", Text),
    Column("photo_url", Text),
    Column("account_id", Text, ForeignKey("accounts.id"), index=True),
    Column("technician_id", Text),
    Column("password_hash", Text),
    Column("created_s", BigInteger, nullable=False),
    Column("first_sign_in_s", BigInteger),
    Column("browser_locale", Text),
)


# Any number, as long as nothing else locks by it.
IMPORT_LOOK_S = 0.2
IMPORT_WITHIN_S = 60.0
_IMPORTS = 0x656E726F757465

_ACCOUNT_BY_ID = select(accounts).where(accounts.c.id == bindparam("wanted"))


class EmailTaken(ValueError):
    """A customer's contact and a member of staff cannot share an e-mail address: it says who signs in."""

    def __init__(self, email: str) -> None:
        super().__init__(email)
        self.email = email

    def __str__(self) -> str:
        return f"{self.email} belongs to somebody else already: a customer's contact or a member of staff."


class Account(msgspec.Struct, frozen=True):
    """`site_id` is the address a visit goes to unless an asset says otherwise."""

    id: str
    name: str
    status: str
    site_id: str | None


class NewPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to be added, with the same fields as `Person`."""

    email: str
    role: Role
    name: str
    phone: str | None = None
    account_id: str | None = None
    technician_id: str | None = None
    password_hash: str | None = None
    browser_locale: str | None = None


class Person(msgspec.Struct, frozen=True):
    """Whoever can sign in. A customer's `id` is their contact id; `account_status` is that of their account.

    `locale` is what they chose, None for that of the browser; `browser_locale` is what their browser asked for last,
    before that what was imported.
    """

    id: str
    email: str
    role: str
    name: str
    phone: str | None
    locale: str | None
    photo_url: str | None
    account_id: str | None
    technician_id: str | None
    password_hash: str | None
    first_sign_in_s: int | None
    browser_locale: str | None
    account_status: str | None

    @property
    def may_sign_in(self) -> bool:
        """Staff always; a customer while the account is active."""
        return self.role != "customer" or self.account_status == "active"

    def __repr__(self) -> str:
        return f"Person({self.id!r}, role={self.role!r})"


_PERSON_COLUMNS = [people.c[name] for name in Person.__struct_fields__ if name != "account_status"]
select_person = select(*_PERSON_COLUMNS, accounts.c.status.label("account_status")).select_from(
    people.outerjoin(accounts, people.c.account_id == accounts.c.id)
)


def person_from_row(row: Any) -> Person:
    return Person(**{name: getattr(row, name) for name in Person.__struct_fields__})


def normalize_email(email: str) -> str:
    """Addresses differ by case on paper and never in practice."""
    return email.strip().lower()


async def person_by_email(conn: AsyncConnection, email: str) -> Person | None:
    row = (await conn.execute(select_person.where(people.c.email == normalize_email(email)))).one_or_none()
    return person_from_row(row) if row else None


async def person_by_id(conn: AsyncConnection, person_id: str) -> Person | None:
    row = (await conn.execute(select_person.where(people.c.id == person_id))).one_or_none()
    return person_from_row(row) if row else None


async def lock_person(conn: AsyncConnection, person_id: str) -> None:
    """Others who lock the same person wait until this transaction ends (SQLite has one writer anyway)."""
    await conn.execute(select(people.c.id).where(people.c.id == person_id).with_for_update())


async def people_by_id(conn: AsyncConnection, person_ids: list[str]) -> dict[str, Person]:
    rows = await conn.execute(select_person.where(people.c.id.in_(person_ids)))
    return {row.id: person_from_row(row) for row in rows}


async def contacts_of_account(conn: AsyncConnection, account_id: str) -> list[Person]:
    query = select_person.where(people.c.account_id == account_id).order_by(people.c.created_s, people.c.email)
    return [person_from_row(row) for row in await conn.execute(query)]


async def people_listed(conn: AsyncConnection) -> list[Person]:
    """Everybody, contacts of one account together and oldest first."""
    query = select_person.order_by(people.c.account_id, people.c.created_s, people.c.email)
    return [person_from_row(row) for row in await conn.execute(query)]


async def ping(conn: AsyncConnection) -> None:
    """Whether the database answers."""
    await conn.execute(select(1))


async def people_count(conn: AsyncConnection) -> int:
    return (await conn.execute(select(func.count()).select_from(people))).scalar_one()


async def account_by_id(conn: AsyncConnection, account_id: str) -> Account | None:
    row = (await conn.execute(_ACCOUNT_BY_ID, {"wanted": account_id})).one_or_none()
    return Account(*row) if row else None


async def accounts_listed(conn: AsyncConnection) -> list[Account]:
    return [Account(*row) for row in await conn.execute(select(accounts).order_by(accounts.c.name, accounts.c.id))]


async def put_account(
    conn: AsyncConnection, *, account_id: str, name: str, status: AccountStatus, site_id: str | None
) -> None:
    """Write the account, whether it is new or known."""
    await put_accounts(conn, [Account(account_id, name, status, site_id)])


async def put_accounts(conn: AsyncConnection, rows: Iterable[Account]) -> None:
    """Write them, whether they are new or known."""
    values = [msgspec.structs.asdict(account) for account in rows]
    if values:
        dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(accounts)
        changes = {name: statement.excluded[name] for name in ("name", "status", "site_id")}
        await conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes), values)


async def wait_for_other_imports(conn: AsyncConnection) -> None:
    """Until this transaction ends no other import writes: both would find the same people missing. SQLite has one
    writer anyway. Raises StorageUnavailable when another one takes longer than IMPORT_WITHIN_S."""
    if conn.dialect.name != "postgresql":
        return
    try:
        async with asyncio.timeout(IMPORT_WITHIN_S):
            # Asked again and again: no statement may wait for as long as an import may take.
            while True:
                if (await conn.execute(select(func.pg_try_advisory_xact_lock(_IMPORTS)))).scalar_one():
                    return
                await asyncio.sleep(IMPORT_LOOK_S)
    except TimeoutError as error:
        raise StorageUnavailable from error


async def add_people(conn: AsyncConnection, new: Iterable[NewPerson], *, now_s: int) -> None:
    """Insert many at once; nobody may have their addresses yet."""
    rows = [
        msgspec.structs.asdict(person)
        | {"id": secrets.token_urlsafe(9), "email": normalize_email(person.email), "created_s": now_s}
        for person in new
    ]
    if rows:
        await conn.execute(insert(people), rows)


async def put_contact(
    conn: AsyncConnection,
    *,
    email: str,
    account_id: str,
    name: str,
    phone: str | None,
    now_s: int,
    password_hash: str | None = None,
    browser_locale: str | None = None,
) -> str:
    """Write a customer's contact; their id. What the person entered is kept where the given value is empty, and a
    password or a language that is known is never replaced: they belong to the person."""
    return await _put_person(
        conn,
        email=email,
        role="customer",
        values={"name": name, "phone": phone, "account_id": account_id, "technician_id": None},
        firsts={"password_hash": password_hash, "browser_locale": browser_locale},
        now_s=now_s,
    )


async def put_staff(
    conn: AsyncConnection,
    *,
    email: str,
    name: str,
    role: StaffRole,
    now_s: int,
    technician_id: str | None = None,
    password_hash: str | None = None,
) -> str:
    """Write a member of staff; their id. The same care for what exists as `put_contact`."""
    return await _put_person(
        conn,
        email=email,
        role=role,
        values={"name": name, "account_id": None, "technician_id": technician_id},
        firsts={"password_hash": password_hash},
        now_s=now_s,
    )


async def _put_person(
    conn: AsyncConnection,
    *,
    email: str,
    role: Role,
    values: dict[str, str | None],
    firsts: dict[str, str | None],
    now_s: int,
) -> str:
    """`firsts` are written only where nothing is known yet."""
    known = await person_by_email(conn, email)
    if known is None:
        person_id = secrets.token_urlsafe(9)
        new = {"id": person_id, "email": normalize_email(email), "role": role, "created_s": now_s}
        await conn.execute(insert(people).values(new | values | firsts))
        return person_id
    if (known.role == "customer") != (role == "customer"):
        raise EmailTaken(known.email)
    kept = {"name": known.name, "phone": known.phone}
    changed: dict[str, str | None] = {name: value or kept.get(name) for name, value in values.items()}
    changed["role"] = role
    changed |= {name: value for name, value in firsts.items() if value and getattr(known, name) is None}
    await conn.execute(update(people).where(people.c.id == known.id).values(changed))
    return known.id


async def set_password(conn: AsyncConnection, *, person_id: str, password_hash: str) -> None:
    await conn.execute(update(people).where(people.c.id == person_id).values(password_hash=password_hash))


async def set_profile(
    conn: AsyncConnection,
    *,
    person_id: str,
    name: str,
    phone: str | None,
    locale: str | None,
    photo_url: str | None,
) -> None:
    values = {"name": name, "phone": phone, "locale": locale, "photo_url": photo_url}
    await conn.execute(update(people).where(people.c.id == person_id).values(values))


async def remember_browser_locale(conn: AsyncConnection, *, person_id: str, locale: str | None) -> None:
    """None, from a program that asks for no language, leaves what is known."""
    if locale is not None:
        changed = people.c.browser_locale.is_distinct_from(locale)
        await conn.execute(update(people).where(people.c.id == person_id, changed).values(browser_locale=locale))


async def mark_first_sign_in(conn: AsyncConnection, *, person_id: str, now_s: int) -> bool:
    """True for the one sign-in that is the person's first."""
    marked = await conn.execute(
        update(people).where(people.c.id == person_id, people.c.first_sign_in_s.is_(None)).values(first_sign_in_s=now_s)
    )
    return marked.rowcount == 1
