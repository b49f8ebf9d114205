"""Feedback: product.md §11 through HTTP. A failed request changes nothing."""

import pytest

from tests.web.api.house import House


async def test_feedback_is_given_once_and_can_be_changed_for_14_days(house: House):
    visit = await house.bring_to(await house.book(), "completed")
    path = f"/api/appointments/{visit['id']}/feedback"
    first = await house.rui.post(path, json={"rating": 2, "comment": "late"})
    house.pass_s(13 * 86_400)
    changed = await house.rui.post(path, json={"rating": 4, "comment": "but friendly"})
    house.pass_s(2 * 86_400)

    closed = await house.rui.post(path, json={"rating": 1})

    assert (first.status_code, first.json()["rating"]["rating"]) == (200, 2)
    assert (changed.status_code, changed.json()["rating"]["comment"]) == (200, "but friendly")
    assert changed.json()["rating"]["editable_until"] == first.json()["rating"]["editable_until"]
    assert (closed.status_code, closed.json()["code"]) == (409, "rating_closed")
    seen = await house.read(visit, house.rui)
    assert (seen["rating"]["rating"], seen["allowed"]["feedback"]) == (4, False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"rating": 0}, "invalid_rating"),
        ({"rating": 6}, "invalid_rating"),
        ({"rating": 4.5}, "invalid"),
        ({"rating": "5"}, "invalid"),
        ({"rating": 5, "comment": "x" * 2001}, "comment_too_long"),
    ],
)
async def test_feedback_that_is_none_is_refused(house: House, body: object, code: str):
    visit = await house.bring_to(await house.book(), "completed")

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/feedback", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await house.read(visit))["rating"] is None


async def test_with_surveys_off_nothing_offers_feedback(house: House):
    visit = await house.bring_to(await house.book(), "completed")
    await house.switch(surveys=False)

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/feedback", json={"rating": 5})

    assert (answer.status_code, answer.json()["code"]) == (403, "surveys_off")
    assert (await house.read(visit, house.rui))["allowed"]["feedback"] is False


async def test_staff_do_not_give_feedback_for_a_customer(house: House):
    visit = await house.bring_to(await house.book(), "completed")

    for client in (house.dora, house.technician_of(visit)):
        answer = await client.post(f"/api/appointments/{visit['id']}/feedback", json={"rating": 5})

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
