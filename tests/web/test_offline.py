"""What an installed app keeps for the time without a network, and what it must never keep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.servers import EnrouteServer, enroute_server
from web.languages import LANGUAGES, translator
from web.offline import worker_script
from web.pages import assets


def shell_of(script: str) -> dict[str, object]:
    shell: dict[str, object] = json.loads(script.partition("= ")[2].partition(";\n")[0])
    return shell


async def test_the_worker_keeps_one_page_in_every_language_and_the_files_it_needs(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        worker = await stranger.get("/service_worker.js")
        shell = shell_of(worker.text)
        kept = [await stranger.get(path) for path in [*shell["pages"].values(), *shell["files"]]]

    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "no-cache"
    assert list(shell["pages"]) == list(LANGUAGES)
    assert [answer.status_code for answer in kept] == [200] * len(kept)
    assert any("/css/page.css" in path for path in shell["files"])
    assert any("/js/backoff.js" in path for path in shell["files"])
    assert {path.split("/")[1] for path in shell["files"]} == {"static"}
    assert sum(len(answer.content) for answer in kept) < 100_000


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_kept_page_is_nobody_s_and_says_so_in_its_language(server: EnrouteServer, language: str) -> None:
    async with server.signed_in("rui@acme.example") as customer:
        page = await customer.get(f"/offline/{language}", headers={"Accept-Language": "de"})

    assert f'lang="{language}"' in page.text
    assert translator(language)("You are offline") in page.text
    assert "/profile" not in page.text
    assert "set-cookie" not in page.headers


async def test_a_language_that_is_not_spoken_has_no_such_page(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        assert (await stranger.get("/offline/fr")).status_code == 404


async def test_the_worker_is_sent_again_only_when_it_changed(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        first = await stranger.get("/service_worker.js")
        again = await stranger.get("/service_worker.js", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304


def test_a_changed_page_or_language_makes_another_version() -> None:
    def version(text: str, language: str = "en") -> str:
        return worker_script({"en": text}, assets=assets(), language=language).version

    assert len({version("one"), version("two"), version("one", "de")}) == 3
    assert version("one") == version("one")


async def test_colour_and_logo_of_the_company_are_kept_too(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>')
    look = {"ENROUTE_ACCENT": "#7a1fa2", "ENROUTE_LOGO_FILE": str(logo)}

    async with enroute_server(tmp_path, environ=look) as server, server.client() as stranger:
        shell = shell_of((await stranger.get("/service_worker.js")).text)

    kept = [path.split("?")[0] for path in shell["files"] if path.startswith("/brand/")]
    assert sorted(kept) == ["/brand/colours.css", "/brand/icons/icon-180.png", "/brand/logo"]
