"""What can be booked, and for which of the customer's things: `/api/services`, `/api/assets`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from slots import catalog_store
from web.api.on_behalf import customer_of
from web.appointment_json import AssetWithSiteJson, ServiceJson, SiteJson, assets_json, service_json, site_json
from web.auth import require
from web.openapi import answer, decode_query, endpoint, resource
from web.state import state_of


class Services(msgspec.Struct):
    """Every service that can be booked now, by name."""

    services: list[ServiceJson]


class OfCustomer(msgspec.Struct):
    """`contact` is for staff: the id or e-mail address of the customer in question."""

    contact: str | None = None


class Assets(msgspec.Struct):
    """The account's assets; `site` is where a visit without an asset goes to."""

    assets: list[AssetWithSiteJson]
    site: SiteJson | None


@endpoint("Services that can be booked", tag="Booking", answers={200: Services})
async def list_services(request: Request) -> Response:
    await require(request, "customer", "technician", "dispatcher")
    async with state_of(request).database.read() as conn:
        services = await catalog_store.services(conn)
    return answer(Services([service_json(service) for service in services]))


@endpoint(
    "The customer's assets and address",
    tag="Booking",
    query=OfCustomer,
    answers={200: Assets},
    problems=("contact_unknown", "account_inactive"),
)
async def list_assets(request: Request) -> Response:
    principal = await require(request, "customer", "dispatcher")
    state = state_of(request)
    customer = await customer_of(state, principal, decode_query(request, OfCustomer).contact)
    async with state.database.read() as conn:
        assets = await catalog_store.assets(conn, account_id=customer.account_id)
        sites = {site.id: site for site in await catalog_store.sites(conn, account_id=customer.account_id)}
    default = sites.get(customer.site_id or "")
    return answer(Assets(assets_json(assets, sites), site_json(default) if default else None))


routes = [resource("/api/services", get=list_services), resource("/api/assets", get=list_assets)]
