"""The forgotten password: product.md §1 through HTTP."""

import pytest_asyncio

from tests.web.api.house import House
from web import accounts_store, secrets_store

OLD, NEW = "correct horse battery", "a new and better one"


@pytest_asyncio.fixture
async def known(house: House) -> House:
    hashed = await house.state.passwords.hash(OLD)
    async with house.state.database.transaction() as conn:
        person = await accounts_store.person_by_email(conn, "rui@acme.example")
        await accounts_store.set_password(conn, person_id=person.id, password_hash=hashed)
    return house


async def forgot(house: House, email="rui@acme.example"):
    return await house.nobody.post("/api/password/forgot", json={"email": email})


async def reset(house: House, token, password=NEW):
    return await house.nobody.post("/api/password/reset", json={"token": token, "password": password})


async def sign_in(house: House, password):
    answer = await house.nobody.post("/api/session", json={"email": "rui@acme.example", "password": password})
    return answer.status_code


async def mailed_token(house: House) -> str:
    await house.state.outbox.send_due()
    return house.state.outbox.unsent[-1].text.split("/reset#")[1].split()[0]


async def test_a_forgotten_password_is_reset_by_the_link_in_an_e_mail(known: House):
    asked = await forgot(known)
    token = await mailed_token(known)

    answer = await reset(known, token)

    assert (asked.status_code, answer.status_code) == (204, 204)
    assert [await sign_in(known, OLD), await sign_in(known, NEW)] == [401, 201]


async def test_the_answer_is_the_same_for_an_unknown_address_and_nothing_is_sent(known: House):
    asked = await forgot(known, "nobody@acme.example")
    await known.state.outbox.send_due()

    assert (asked.status_code, asked.content) == (204, b"")
    assert not known.state.outbox.unsent


async def test_a_reset_ends_every_session_of_the_person(known: House):
    await forgot(known)

    await reset(known, await mailed_token(known))

    assert (await known.rui.get("/api/session")).status_code == 401
    assert (await known.eva.get("/api/session")).status_code == 200


async def test_a_reset_link_works_once_and_kills_the_others(known: House):
    await forgot(known)
    first = await mailed_token(known)
    await forgot(known)
    second = await mailed_token(known)
    await reset(known, second)

    assert (await reset(known, second)).json()["code"] == "reset_dead"
    assert (await reset(known, first)).json()["code"] == "reset_dead"


async def test_a_reset_link_dies_after_an_hour(known: House):
    await forgot(known)
    token = await mailed_token(known)
    known.pass_s(3600)

    assert (await reset(known, token)).status_code == 410


async def test_a_weak_password_is_refused_and_the_link_lives_on(known: House):
    await forgot(known)
    token = await mailed_token(known)

    assert (await reset(known, token, "short")).json()["code"] == "password_weak"
    assert (await reset(known, token)).status_code == 204


async def test_nobody_can_be_flooded_with_reset_mails(known: House):
    codes = [(await forgot(known)).status_code for _ in range(4)]

    assert codes == [204, 204, 204, 429]


async def test_an_invitation_code_resets_nothing(known: House):
    async with known.state.database.transaction() as conn:
        person = await accounts_store.person_by_email(conn, "rui@acme.example")
        _, code = await secrets_store.issue(
            conn, kind="invitation", subject=person.id, now_s=known.now_s, expires_s=known.now_s + 60
        )

    assert (await reset(known, code)).status_code == 410
