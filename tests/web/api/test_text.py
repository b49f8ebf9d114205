"""The one character that a database may not be able to keep."""

import pytest

from tests.web.api.house import House


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/appointments/%00", None, 404),
        ("GET", "/api/appointments/%00/live", None, 404),
        ("DELETE", "/api/holds/%00", None, 404),
        ("GET", "/api/slots?service=%00", None, 422),
        ("PUT", "/api/profile", rb'{"name":"Ru\u0000i"}', 422),
        ("POST", "/api/session", rb'{"email":"a\u0000b@c","password":"x"}', 422),
    ],
)
async def test_a_nul_is_refused_wherever_it_stands(
    house: House, method: str, path: str, body: bytes | None, status: int
):
    answer = await house.rui.request(method, path, content=body)

    assert answer.status_code == status


async def test_a_backslash_before_u0000_is_only_text(house: House):
    answer = await house.rui.put("/api/profile", json={"name": r"Rui \u0000"})

    assert (answer.status_code, answer.json()["name"]) == (200, r"Rui \u0000")
