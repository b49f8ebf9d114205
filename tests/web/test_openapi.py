import msgspec
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from web.app import all_routes
from web.openapi import Resource, answer, decode_body, endpoint, resource
from web.openapi_document import build_document
from web.problems import Problem


class Kettle(msgspec.Struct):
    """Something to boil water in."""

    litres: float
    colour: str = "red"


class KettleQuery(msgspec.Struct):
    first: int
    colour: str | None = None


def request_with(body: bytes, content_type: str = "application/json") -> Request:
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}, receive)


@endpoint("List kettles", tag="Kettles", query=KettleQuery, answers={200: list[Kettle]})
async def list_kettles(request):
    return answer([])


@endpoint("Make a kettle", tag="Kettles", body=Kettle, answers={201: Kettle}, problems=("slot_taken",), public=True)
async def make_kettle(request):
    return answer(await decode_body(request, Kettle), status=201)


async def test_a_body_becomes_the_declared_type():
    assert await decode_body(request_with(b'{"litres":1.5,"unknown":1}'), Kettle) == Kettle(1.5)


@pytest.mark.parametrize(
    ("body", "code", "status", "field"),
    [
        (b"{", "malformed", 400, None),
        (b"\xff", "malformed", 400, None),
        (b"", "malformed", 400, None),
        (b'{"litres":NaN}', "malformed", 400, None),
        (b'{"litres":"much"}', "invalid", 422, "litres"),
        (b"{}", "invalid", 422, "litres"),
        (b"[]", "invalid", 422, None),
    ],
)
async def test_a_body_of_the_wrong_shape_is_a_problem_that_names_the_field(body, code, status, field):
    with pytest.raises(Problem) as refusal:
        await decode_body(request_with(body), Kettle)

    assert (refusal.value.code, refusal.value.status) == (code, status)
    assert refusal.value.extra.get("field") == field


async def test_another_kind_of_content_is_refused():
    with pytest.raises(Problem) as refusal:
        await decode_body(request_with(b"litres=1", "application/x-www-form-urlencoded"), Kettle)

    assert refusal.value.status == 415


def test_a_resource_answers_each_method_by_its_handler_and_the_rest_with_a_right_allow():
    from starlette.applications import Starlette

    app = Starlette(routes=[resource("/kettles", get=list_kettles, post=make_kettle)])
    client = TestClient(app)

    assert client.get("/kettles").json() == []
    assert client.post("/kettles", json={"litres": 2}).json() == {"litres": 2.0, "colour": "red"}
    refused = client.put("/kettles")
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_the_document_is_made_from_the_types_that_decode():
    routes = [resource("/kettles", get=list_kettles, post=make_kettle)]

    document = build_document(routes, title="T", version="1", server_url="http://x")

    assert document["openapi"] == "3.1.0"
    post = document["paths"]["/kettles"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Kettle"}
    assert post["security"] == []
    conflict = post["responses"]["409"]["content"]["application/problem+json"]["schema"]
    assert conflict["properties"]["code"]["enum"] == ["slot_taken"]
    parameters = document["paths"]["/kettles"]["get"]["parameters"]
    assert [(one["name"], one["required"]) for one in parameters] == [("first", True), ("colour", False)]
    assert document["components"]["schemas"]["Kettle"]["required"] == ["litres"]


def test_a_problem_code_that_is_not_in_the_table_cannot_be_declared():
    with pytest.raises(ValueError, match="no_such_code"):
        endpoint("X", tag="X", problems=("no_such_code",))


def test_every_endpoint_of_the_booking_api_is_in_the_document():
    undeclared = [
        f"{method} {route.path}"
        for route in all_routes()
        if isinstance(route, Resource)
        for method, handler in route.handlers.items()
        if not hasattr(handler, "operation")
    ]

    assert undeclared == []


def test_no_path_is_served_by_two_routes():
    paths = [getattr(route, "path", None) for route in all_routes()]

    assert sorted({path for path in paths if paths.count(path) > 1}) == []
