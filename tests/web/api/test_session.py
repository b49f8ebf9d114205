"""Signing in and out: product.md §1 through HTTP."""

import httpx
import pytest
import pytest_asyncio

from tests.web.api.house import House
from web import accounts_store, secrets_store
from web.passwords import Passwords

PASSWORD = "correct horse battery"


@pytest_asyncio.fixture
async def known(house: House) -> House:
    """Rui, Gil (of the inactive account), Ana, Dora and Ada have chosen a password."""
    hashed = await house.state.passwords.hash(PASSWORD)
    async with house.state.database.transaction() as conn:
        for person in await accounts_store.people_listed(conn):
            if person.name in ("Rui", "Gil", "Ana", "Dora", "Ada"):
                await accounts_store.set_password(conn, person_id=person.id, password_hash=hashed)
    return house


async def sign_in(house: House, email="rui@acme.example", password=PASSWORD, client=None, **body):
    return await (client or house.nobody).post("/api/session", json={"email": email, "password": password, **body})


async def test_the_first_sign_in_lands_on_the_profile_and_later_ones_at_home(known: House):
    first = await sign_in(known)
    second = await sign_in(known)

    assert first.status_code == 201
    assert first.json() == {"name": "Rui", "role": "customer", "first_sign_in": True, "next": "/profile"}
    assert second.json() == {"name": "Rui", "role": "customer", "first_sign_in": False, "next": "/"}


@pytest.mark.parametrize(
    ("email", "role", "home"),
    [
        ("ana@enroute.example", "technician", "/technician"),
        ("dora@enroute.example", "dispatcher", "/dispatch"),
        ("ada@enroute.example", "admin", "/dispatch"),
    ],
)
async def test_staff_sign_in_the_same_way_with_their_role(known: House, email, role, home):
    await sign_in(known, email)

    answer = (await sign_in(known, email)).json()

    assert (answer["role"], answer["next"]) == (role, home)


async def test_the_session_is_in_a_cookie_no_script_can_read(known: House):
    answer = await sign_in(known)

    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("enroute_session=")
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "token" not in answer.json()


async def test_a_program_may_ask_for_the_token_and_use_it_as_bearer(known: House):
    token = (await sign_in(known, token=True)).json()["token"]
    known.nobody.cookies.clear()

    answer = await known.nobody.get("/api/session", headers={"Authorization": f"Bearer {token}"})

    assert answer.json()["name"] == "Rui"


async def test_only_the_hash_of_a_session_token_is_stored(known: House):
    token = (await sign_in(known, token=True)).json()["token"]

    database = known.state.settings.sqlite_path
    files = b"".join(path.read_bytes() for path in database.parent.glob("enroute.db*"))

    assert token.encode() not in files
    assert secrets_store.hash_token(token).encode() in files


async def test_signing_out_ends_the_session_on_the_server(known: House):
    await sign_in(known)
    token = known.nobody.cookies["enroute_session"]

    answer = await known.nobody.delete("/api/session")

    assert answer.status_code == 204
    assert "enroute_session" not in known.nobody.cookies
    stolen = await known.nobody.get("/api/session", headers={"Authorization": f"Bearer {token}"})
    assert stolen.status_code == 401


async def test_a_session_runs_out(known: House):
    await sign_in(known)
    known.pass_s(known.state.settings.session_days * 86_400)

    assert (await known.nobody.get("/api/session")).json()["code"] == "sign_in_required"


async def test_the_e_mail_is_the_same_in_any_case(known: House):
    assert (await sign_in(known, " RUI@Acme.Example ")).status_code == 201


async def test_a_wrong_password_and_an_unknown_e_mail_get_the_same_answer(known: House):
    wrong = await sign_in(known, password="wrong horse battery")
    unknown = await sign_in(known, email="nobody@acme.example")
    without_password = await sign_in(known, email="eva@acme.example")

    assert wrong.status_code == 401
    assert wrong.json()["code"] == "wrong_credentials"
    assert wrong.content == unknown.content == without_password.content


async def test_a_contact_of_an_inactive_account_cannot_sign_in(known: House):
    assert (await sign_in(known, "gil@gone.example")).json()["code"] == "wrong_credentials"


async def test_deactivating_an_account_ends_its_sessions(known: House):
    await sign_in(known)
    async with known.state.database.transaction() as conn:
        await accounts_store.put_account(conn, account_id="acme", name="Acme", status="inactive", site_id=None)

    assert (await known.nobody.get("/api/session")).status_code == 401


async def test_guessing_one_persons_password_is_slowed_down(known: House):
    codes = [(await sign_in(known, password=f"guess {number}")).status_code for number in range(11)]

    refused = await sign_in(known)
    assert codes == [401] * 10 + [429]
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    known.pass_s(int(refused.headers["retry-after"]))
    assert (await sign_in(known)).status_code == 201


async def test_guessing_from_one_address_is_slowed_down(known: House):
    codes = [(await sign_in(known, email=f"guess{number}@acme.example")).status_code for number in range(31)]

    assert codes == [401] * 30 + [429]


async def test_many_people_may_sign_in_from_one_address(known: House):
    codes = {(await sign_in(known)).status_code for _ in range(40)}

    assert codes == {201}


async def test_a_page_of_another_site_cannot_change_anything(known: House):
    await sign_in(known)

    by_origin = await known.nobody.delete("/api/session", headers={"Origin": "https://evil.example"})
    by_fetch = await known.nobody.delete("/api/session", headers={"Sec-Fetch-Site": "cross-site"})

    assert (by_origin.status_code, by_fetch.status_code) == (403, 403)
    assert by_origin.json()["code"] == "cross_origin"
    assert (await known.nobody.get("/api/session")).status_code == 200


async def test_our_own_page_may(known: House):
    await sign_in(known)

    answer = await known.nobody.delete(
        "/api/session", headers={"Origin": "http://visits.example", "Sec-Fetch-Site": "same-origin"}
    )

    assert answer.status_code == 204


async def test_cookies_are_secure_behind_https(template, tmp_path):
    from tests.web.api.house import open_house

    async with open_house(template, tmp_path / "house", public_url="https://visits.example") as house:
        hashed = await house.state.passwords.hash(PASSWORD)
        async with house.state.database.transaction() as conn:
            person = await accounts_store.person_by_email(conn, "rui@acme.example")
            await accounts_store.set_password(conn, person_id=person.id, password_hash=hashed)

        answer = await sign_in(house)

    assert "secure" in answer.headers["set-cookie"].lower()
    assert "strict-transport-security" in answer.headers


async def test_an_outdated_hash_is_renewed_at_sign_in(known: House):
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with known.state.database.transaction() as conn:
        person = await accounts_store.person_by_email(conn, "rui@acme.example")
        await accounts_store.set_password(conn, person_id=person.id, password_hash=weak)

    await sign_in(known)

    async with known.state.database.read() as conn:
        person = await accounts_store.person_by_email(conn, "rui@acme.example")
    assert not known.state.passwords.is_outdated(person.password_hash)


async def test_a_session_token_is_no_device_token_and_the_other_way_round(house: House):
    device = (await house.dora.post("/api/dispatch/device-tokens", json={"technician": "ana"})).json()["token"]

    answer = await house.nobody.get("/api/session", headers={"Authorization": f"Bearer {device}"})

    assert answer.status_code == 401


@pytest.mark.parametrize("token", ["", "x", "é" * 30, "a" * 500, "a" * 43])
async def test_a_token_nobody_has_is_nobody(house: House, token):
    headers = httpx.Headers({"Authorization": f"Bearer {token}".encode()})

    assert (await house.nobody.get("/api/session", headers=headers)).status_code == 401


def test_a_password_can_be_hashed_without_a_loop():
    made = Passwords()

    assert made.hash_now("x").startswith("$argon2id$")
    made.close()
