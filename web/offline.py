"""The service worker, and the one page it keeps: what an installed app shows while nothing can be reached."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from web.assets import FOLDER, Assets
from web.languages import LANGUAGES
from web.preloads import modules_of
from web.problems import Problem
from web.state import state_of

Render = Callable[[Request, str], Response]
"""From a request and a language to the page."""

# What a page loads: our files, and those of the brand; the sprite is named with the picture that is meant.
_FILE = re.compile(r'(?:href|src)="(/(?:static|brand)/[^"#]+)')


@cache
def _source() -> str:
    return (FOLDER / "service_worker.js").read_text(encoding="utf-8")


class WorkerScript(msgspec.Struct, frozen=True):
    """`version` changes whenever anything that is kept does."""

    version: str
    text: str


def worker_script(pages: dict[str, str], *, assets: Assets, language: str) -> WorkerScript:
    """The worker, with what it has to keep. `pages` are the texts by language; `language` is that of a person who has
    not opened any yet."""
    found = dict.fromkeys(address for text in pages.values() for address in _FILE.findall(text))
    modules = dict.fromkeys(address for text in pages.values() for address in modules_of(text, assets))
    shell = {
        "pages": {each: f"/offline/{each}" for each in pages},
        "files": [*(found | modules)],
        "language": language,
    }
    everything = [_source(), *pages.values(), *found, *modules, language]
    version = hashlib.sha256("\0".join(everything).encode()).hexdigest()[:12]
    head = msgspec.json.encode(shell | {"version": version}).decode()
    return WorkerScript(version, f"const SHELL = {head};\n{_source()}")


def routes(assets: Callable[[], Assets], render: Render) -> list[BaseRoute]:
    """The worker, at the root because it sees only what lies below it, and its page in every language."""

    async def worker(request: Request) -> Response:
        pages = {language: bytes(render(request, language).body).decode() for language in LANGUAGES}
        script = worker_script(pages, assets=assets(), language=state_of(request).settings.language)
        # Browsers ask for it with every page, to see whether there is a new one.
        headers = {"Cache-Control": "no-cache", "ETag": f'"{script.version}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(script.text, media_type="text/javascript", headers=headers)

    async def page(request: Request) -> Response:
        language = request.path_params["language"]
        if language not in LANGUAGES:
            raise Problem("not_found")
        return render(request, language)

    return [Route("/service_worker.js", worker), Route("/offline/{language}", page)]
