"""The profile: product.md §1 through HTTP."""

import pytest

from tests.web.api.house import House


async def test_every_field_of_the_profile_is_optional(house: House):
    answer = await house.rui.put("/api/profile", json={})

    assert answer.status_code == 200
    assert answer.json() == {
        "name": "",
        "email": "rui@acme.example",
        "phone": None,
        "locale": None,
        "photo_url": None,
    }


async def test_what_was_written_is_read_again(house: House):
    written = {
        "name": "Rui Ramos",
        "phone": "+351 910 000 000",
        "locale": "pt-PT",
        "photo_url": "/static/x/p.png",
    }

    await house.rui.put("/api/profile", json=written)

    assert (await house.rui.get("/api/profile")).json() == written | {"email": "rui@acme.example"}


async def test_the_e_mail_address_is_read_only(house: House):
    await house.rui.put("/api/profile", json={"email": "other@example.com"})

    assert (await house.rui.get("/api/profile")).json()["email"] == "rui@acme.example"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("photo_url", "https://tracker.example/pixel.png"),
        ("photo_url", "//tracker.example/pixel.png"),
        ("photo_url", "javascript:alert(1)"),
        ("phone", "<b>1</b>"),
        ("locale", "../.."),
        ("name", "x" * 201),
    ],
)
async def test_a_value_that_could_harm_others_is_refused_with_its_field(house: House, field, value):
    answer = await house.rui.put("/api/profile", json={field: value})

    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid", field)


async def test_nobody_has_no_profile(house: House):
    assert (await house.nobody.get("/api/profile")).status_code == 401
