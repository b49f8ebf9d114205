"""The pages: who may open which, and their frame. What they show comes from the API, asked by their own script; a
page that nobody acts on is filled here.

A page never says whether a visit exists: it opens for everybody who is signed in, and the API answers unknown and
foreign visits alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from web import arrivals_page, brand, offline, setup_page
from web.assets import FOLDER, Assets
from web.auth import Principal, authenticate
from web.languages import LANGUAGES, Say, choose_language, direction, translator
from web.preloads import preloads
from web.problems import Problem
from web.state import State, state_of

Page = Callable[[Request], Awaitable[Response]]
Fill = Callable[[Request, Say], Awaitable[dict[str, Any]]]

BASEMAP_PATH = "/map/basemap.pmtiles"
HOME_OF_ROLE = {"technician": "/technician", "dispatcher": "/dispatch", "admin": "/dispatch"}
CUSTOMER = ("customer",)
DISPATCHERS = ("dispatcher", "admin")
BOOKERS = ("customer", *DISPATCHERS)
EVERYBODY = ("customer", "technician", "dispatcher", "admin")
WATCHERS = ("customer", "dispatcher", "admin", "link")


@cache
def assets() -> Assets:
    """Read at the first use, so that importing this module costs nothing."""
    return Assets()


@cache
def templates() -> Environment:
    loader = FileSystemLoader(FOLDER / "pages")
    # A template that names something unknown is a bug: it must not quietly render as nothing.
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.globals.update(assets=assets().root, icon=icon)
    return environment


def icon(name: str) -> Markup:
    """A picture of the sprite; decoration only, so every use stands beside words or in a labelled link."""
    use = Markup('<use href="{}/icons/sprite.svg#{}"/>').format(assets().root, name)
    return Markup('<svg class="icon" aria-hidden="true">{}</svg>').format(use)


def render(
    request: Request,
    name: str,
    principal: Principal | None,
    status: int = 200,
    *,
    language: str | None = None,
    **values: Any,
) -> Response:
    """A page of `static/pages`. It may not be stored: it is somebody's own, and names the files of this version.

    `language` is given for a page that is nobody's; otherwise the person decides.
    """
    state = state_of(request)
    settings = state.settings
    language = language or language_of(request, principal)
    text = (
        templates()
        .get_template(f"{name}.html")
        .render(
            _=translator(language),
            language=language,
            direction=direction(language),
            languages=LANGUAGES.items(),
            brand=settings.brand,
            brand_sheet=brand.sheet_address(settings),
            logo=brand.logo_address(settings),
            tab_icon=brand.icon_address(settings, brand.TAB_ICON, ours=assets().root),
            touch_icon=brand.icon_address(settings, brand.TOUCH_ICON, ours=assets().root),
            contact_phone=settings.contact_phone,
            contact_email=settings.contact_email,
            self_scheduling=state.switches.self_scheduling,
            principal=principal,
            map_style_url=settings.map_style_url,
            basemap=settings.map_tiles_url or _basemap(state),
            wanted="next" in request.query_params,
            appointment_id=request.path_params.get("appointment"),
            **values,
        )
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": language,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language, Cookie",
        "Link": preloads(text, assets()),
    }
    return Response(text, status_code=status, media_type="text/html", headers=headers)


def language_of(request: Request, principal: Principal | None) -> str:
    """What the person chose, else what their browser asks for, else what the installation speaks."""
    chosen = principal.locale if principal else None
    accepted, otherwise = request.headers.get("accept-language", ""), state_of(request).settings.language
    return choose_language(chosen=chosen, accepted=accepted, otherwise=otherwise)


def _basemap(state: State) -> str | None:
    """The address of the drawn map while there is one; it changes with the file, so that no old piece is mixed in."""
    try:
        stat = state.settings.basemap_path.stat()
    except OSError:
        return None
    return f"{BASEMAP_PATH}?v={stat.st_mtime_ns:x}"


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(wanted, safe='/')}", status_code=303)


def _page(name: str, *roles: str, fill: Fill | None = None) -> Page:
    """The endpoint of a page for these roles; without any, for everybody. Others are sent to their own home. `fill`
    brings values for the template, in words of the page's language."""

    async def endpoint(request: Request) -> Response:
        principal = await authenticate(request)
        if not roles:
            return render(request, name, principal)
        if principal is None or (principal.role == "link" and "link" not in roles):
            return _to_sign_in(request)
        if principal.role not in roles:
            return RedirectResponse("/", status_code=303)
        language = language_of(request, principal)
        values = await fill(request, translator(language)) if fill else {}
        return render(request, name, principal, language=language, **values)

    return endpoint


async def _home(request: Request) -> Response:
    principal = await authenticate(request)
    if principal is None or principal.role == "link":
        return RedirectResponse("/sign-in", status_code=303)
    if own := HOME_OF_ROLE.get(principal.role):
        return RedirectResponse(own, status_code=303)
    if not state_of(request).switches.self_scheduling:
        return problem_page(request, Problem("self_scheduling_off"), principal)
    return render(request, "home", principal)


def problem_page(request: Request, problem: Problem, principal: Principal | None = None) -> Response:
    """A problem for people: what happened, and a way on."""
    say = translator(language_of(request, principal))
    text = problem.detail or {
        404: "The address may be mistyped, or what was here is gone.",
        403: "Please call us, we are happy to help.",
    }.get(problem.status, "Please try again in a moment.")
    return render(request, "problem", principal, problem.status, title=say(problem.title), text=say(text))


async def _basemap_file(request: Request) -> Response:
    """The PMTiles file; map readers ask for ranges of it."""
    path = state_of(request).settings.basemap_path
    if not path.is_file():
        raise Problem("not_found", "No basemap was built here.")
    fixed = "v" in request.query_params
    cache_control = "public, max-age=31536000, immutable" if fixed else "no-cache"
    return FileResponse(path, media_type="application/vnd.pmtiles", headers={"Cache-Control": cache_control})


async def _for_a_customer(request: Request, say: Say) -> dict[str, Any]:
    """The booking page asks a dispatcher whom it is for."""
    return {"for_a_customer": True}


def _no_connection(request: Request, language: str) -> Response:
    return render(request, "no_connection", None, language=language)


async def _static(request: Request) -> Response:
    return await assets().serve(request)


routes: list[BaseRoute] = [
    Route("/", _home),
    Route("/sign-in", _page("sign_in")),
    Route("/invitation", _page("invitation")),
    Route("/forgot", _page("forgot")),
    Route("/reset", _page("reset")),
    Route("/t", _page("link")),
    Route("/profile", _page("profile", *EVERYBODY)),
    Route("/book", _page("book", *CUSTOMER)),
    Route("/appointments/{appointment}", _page("appointment", *WATCHERS)),
    Route("/appointments/{appointment}/modify", _page("modify", *BOOKERS)),
    Route("/appointments/{appointment}/live", _page("live", *WATCHERS)),
    Route("/appointments/{appointment}/feedback", _page("feedback", *CUSTOMER)),
    Route("/technician", _page("technician", "technician")),
    Route("/dispatch", _page("dispatch", *DISPATCHERS)),
    Route("/dispatch/visits/{appointment}", _page("dispatch_visit", *DISPATCHERS)),
    Route("/dispatch/customers", _page("customers", *DISPATCHERS)),
    Route("/dispatch/book", _page("book", *DISPATCHERS, fill=_for_a_customer)),
    Route("/dispatch/setup", _page("setup", *DISPATCHERS, fill=setup_page.fill)),
    Route("/dispatch/arrivals", _page("arrivals", *DISPATCHERS, fill=arrivals_page.fill)),
    Route("/static/{version}/{path:path}", _static),
    Route(BASEMAP_PATH, _basemap_file),
    *brand.routes(assets),
    *offline.routes(assets, _no_connection),
]
