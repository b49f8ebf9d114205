"""The OpenAPI 3.1 document, gathered from what the endpoints of `web.openapi` declare.

The schemas come from the very types that decode the requests, so the document cannot promise something else.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from starlette.routing import BaseRoute

from web.openapi import Operation, Resource
from web.problems import PROBLEMS

REF = "#/components/schemas/{name}"
NO_WEBHOOKS: Mapping[str, type[msgspec.Struct]] = {}
WEBHOOK_HEADERS = (
    ("Enroute-Id", True, "The same when it is sent again."),
    (
        "Enroute-Signature",
        False,
        "`sha256=` and the HMAC-SHA-256 of the body with the configured secret, if there is one.",
    ),
)


class ProblemBody(msgspec.Struct):
    """RFC 9457, with a `code` that stays the same between releases; some codes add members of their own."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None


def build_document(
    routes: Iterable[BaseRoute],
    *,
    title: str,
    version: str,
    server_url: str,
    webhooks: Mapping[str, type[msgspec.Struct]] = NO_WEBHOOKS,
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of every declared handler in `routes`, and of what this server posts to others."""
    declared = [
        (route.path_format, method.lower(), handler.operation)
        for route in routes
        if isinstance(route, Resource)
        for method, handler in route.handlers.items()
        if hasattr(handler, "operation")
    ]
    types: list[Any] = [ProblemBody, *webhooks.values()]
    for _, _, operation in declared:
        types += [kind for kind in (operation.body, operation.query, *operation.answers.values()) if kind is not None]
    schemas, components = msgspec.json.schema_components(_distinct(types), ref_template=REF)
    by_type = dict(zip(map(_type_key, _distinct(types)), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in declared:
        paths.setdefault(path, {})[method] = _operation_json(path, operation, by_type, components)
    for query in {_type_key(operation.query) for _, _, operation in declared if operation.query}:
        components.pop(by_type[query]["$ref"].rpartition("/")[2], None)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server_url}],
        "paths": dict(sorted(paths.items())),
        "webhooks": {name: {"post": _webhook_json(kind, by_type)} for name, kind in webhooks.items()},
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "enroute_session"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _type_key(type: Any) -> str:
    return repr(type)


def _distinct(types: list[Any]) -> list[Any]:
    return list({_type_key(type): type for type in types}.values())


def _operation_json(
    path: str, operation: Operation, by_type: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in (part[1:-1] for part in path.split("/") if part.startswith("{"))
    ]
    if operation.query is not None:
        schema = components[by_type[_type_key(operation.query)]["$ref"].rpartition("/")[2]]
        parameters += [
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": value}
            for name, value in schema["properties"].items()
        ]
    parameters += [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in operation.headers.items()
    ]
    described: dict[str, Any] = {"summary": operation.summary, "tags": [operation.tag], "responses": {}}
    described["security"] = [] if operation.public else [{"session": []}, {"bearer": []}]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": {"schema": by_type[_type_key(operation.body)]}}
        described["requestBody"] = {"required": True, "content": content}
    for status, type in sorted(operation.answers.items()):
        response: dict[str, Any] = {"description": "Done" if type is None else inspect.cleandoc(_doc(type))}
        if type is not None:
            response["content"] = {operation.media_type: {"schema": by_type[_type_key(type)]}}
        described["responses"][str(status)] = response
    described["responses"] |= _problem_responses(operation)
    return described


def _webhook_json(kind: type[msgspec.Struct], by_type: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": inspect.cleandoc(_doc(kind)),
        "parameters": [
            {"name": name, "in": "header", "required": required, "description": text, "schema": {"type": "string"}}
            for name, required, text in WEBHOOK_HEADERS
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": by_type[_type_key(kind)]}}},
        "responses": {"2XX": {"description": "Taken"}},
    }


def _doc(type: Any) -> str:
    is_struct = inspect.isclass(type) and issubclass(type, msgspec.Struct)
    return (type.__doc__ if is_struct and type.__doc__ else None) or "Done"


def _problem_responses(operation: Operation) -> dict[str, Any]:
    codes = set(operation.problems)
    if operation.body is not None:
        codes |= {"malformed", "invalid", "unsupported_media_type", "too_large", "cross_origin", "storage_full"}
    if operation.query is not None:
        codes.add("invalid")
    if not operation.public:
        codes |= {"sign_in_required", "forbidden", "storage_unavailable"}
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(PROBLEMS[code][0], []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code][1]}" for code in group),
            "content": {
                "application/problem+json": {
                    "schema": {
                        "allOf": [{"$ref": REF.format(name="ProblemBody")}],
                        "properties": {"code": {"enum": group}},
                    }
                }
            },
        }
        for status, group in sorted(by_status.items())
    }
