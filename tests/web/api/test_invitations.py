"""Invitations: product.md §1 through HTTP."""

import asyncio

from tests.web.api.house import House

PASSWORD = "correct horse battery"


async def invite(house: House, email="rui@acme.example"):
    return await house.dora.post("/api/invitations", json={"email": email})


async def redeem(house: House, code, password=PASSWORD, **body):
    return await house.nobody.post("/api/invitations/redeem", json={"code": code, "password": password, **body})


async def test_redeeming_an_invitation_creates_the_sign_in_and_lands_on_the_profile(house: House):
    invitation = (await invite(house)).json()

    answer = await redeem(house, invitation["code"])

    assert answer.status_code == 201
    assert answer.json() == {"name": "Rui", "role": "customer", "first_sign_in": True, "next": "/profile"}
    assert (await house.nobody.get("/api/session")).json()["name"] == "Rui"
    signed_in = await house.nobody.post("/api/session", json={"email": "rui@acme.example", "password": PASSWORD})
    assert signed_in.json()["next"] == "/"


async def test_the_link_carries_the_code_in_its_fragment(house: House):
    invitation = (await invite(house)).json()

    assert invitation["url"] == f"http://visits.example/invitation#{invitation['code']}"
    assert len(invitation["code"]) == 43


async def test_a_code_works_once(house: House):
    code = (await invite(house)).json()["code"]
    await redeem(house, code)

    again = await redeem(house, code)

    assert (again.status_code, again.json()["code"]) == (410, "invitation_dead")


async def test_of_many_who_redeem_at_once_one_gets_in(house: House):
    code = (await invite(house)).json()["code"]

    answers = await asyncio.gather(*(redeem(house, code) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [410] * 7


async def test_a_code_expires(house: House):
    code = (await invite(house)).json()["code"]
    house.pass_s(house.state.settings.invitation_days * 86_400)

    assert (await redeem(house, code)).json()["code"] == "invitation_dead"


async def test_an_address_is_invited_once(house: House):
    code = (await invite(house)).json()["code"]

    while_waiting = await invite(house, "RUI@acme.example")
    await redeem(house, code)
    afterwards = await invite(house)

    assert {while_waiting.json()["code"], afterwards.json()["code"]} == {"already_invited"}
    assert while_waiting.status_code == 409


async def test_an_invitation_that_ran_out_may_be_followed_by_another(house: House):
    await invite(house)
    house.pass_s(house.state.settings.invitation_days * 86_400)

    assert (await invite(house)).status_code == 201


async def test_nobody_but_a_contact_can_be_invited(house: House):
    answer = await invite(house, "stranger@example.com")

    assert (answer.status_code, answer.json()["code"]) == (404, "contact_unknown")


async def test_a_contact_of_an_inactive_account_cannot_be_invited(house: House):
    answer = await invite(house, "gil@gone.example")

    assert (answer.status_code, answer.json()["code"]) == (409, "account_inactive")


async def test_customers_and_technicians_cannot_invite(house: House):
    by_customer = await house.rui.post("/api/invitations", json={"email": "eva@acme.example"})
    by_technician = await house.ana.post("/api/invitations", json={"email": "eva@acme.example"})
    by_nobody = await house.nobody.post("/api/invitations", json={"email": "eva@acme.example"})

    assert [by_customer.status_code, by_technician.status_code, by_nobody.status_code] == [403, 403, 401]


async def test_there_is_no_self_registration(house: House):
    answer = await redeem(house, "a" * 43)

    assert answer.json()["code"] == "invitation_dead"


async def test_a_weak_password_leaves_the_invitation_alive(house: House):
    code = (await invite(house)).json()["code"]

    weak = await redeem(house, code, password="short")

    assert (weak.status_code, weak.json()["code"]) == (422, "password_weak")
    assert (await redeem(house, code)).status_code == 201


async def test_the_name_given_while_redeeming_replaces_the_one_on_file(house: House):
    code = (await invite(house)).json()["code"]

    answer = await redeem(house, code, name="Rui Ramos")

    assert answer.json()["name"] == "Rui Ramos"


async def test_guessing_codes_is_slowed_down(house: House):
    codes = [(await redeem(house, "guess")).status_code for _ in range(31)]

    assert codes == [410] * 30 + [429]


async def test_an_invitation_is_sent_as_a_message_with_a_code_of_its_own(house: House):
    answer = (await invite(house)).json()
    await house.state.outbox.send_due()

    log = (await house.ada.get("/api/dispatch/messages")).json()

    message = log["unsent"][0]
    assert (message["kind"], message["to"]) == ("invitation", "rui@acme.example")
    code = message["text"].split("/invitation#")[1].split()[0]
    assert code != answer["code"]
    assert (await redeem(house, code)).status_code == 201
    assert (await redeem(house, answer["code"])).json()["code"] == "invitation_dead"
