"""The frame of the pages: who may open which, the headers that guard them, the files they load."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.servers import EnrouteServer
from web.assets import FOLDER, Assets
from web.pages import assets

PAGES = sorted(path.name for path in (FOLDER / "pages").glob("*.html"))
OF_CUSTOMERS = ("/", "/book", "/profile", "/appointments/x", "/appointments/x/modify", "/appointments/x/feedback")
OF_DISPATCHERS = (
    "/dispatch",
    "/dispatch/arrivals",
    "/dispatch/customers",
    "/dispatch/book",
    "/dispatch/visits/x",
    "/dispatch/setup",
)
OF_STAFF = ("/technician", *OF_DISPATCHERS)


@pytest.mark.parametrize("path", [*OF_CUSTOMERS, *OF_STAFF, "/appointments/x/live"])
async def test_a_page_of_somebody_sends_strangers_to_the_sign_in(server: EnrouteServer, path: str) -> None:
    async with server.client() as stranger:
        answer = await stranger.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"] == ("/sign-in" if path == "/" else f"/sign-in?next={path}")


@pytest.mark.parametrize("path", ["/sign-in", "/invitation", "/forgot", "/reset", "/t"])
async def test_the_doors_are_open_to_everybody(server: EnrouteServer, path: str) -> None:
    async with server.client() as stranger:
        answer = await stranger.get(path)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", OF_CUSTOMERS)
async def test_every_page_of_a_signed_in_person_has_a_home_link(server: EnrouteServer, path: str) -> None:
    async with server.signed_in("rui@acme.example") as customer:
        answer = await customer.get(path)

    assert answer.status_code == 200
    assert 'href="/" aria-label="Home"' in answer.text


@pytest.mark.parametrize(
    ("email", "home"), [("ana@enroute.example", "/technician"), ("dora@enroute.example", "/dispatch")]
)
async def test_staff_have_homes_of_their_own(server: EnrouteServer, email: str, home: str) -> None:
    async with server.signed_in(email) as person:
        answer = await person.get("/")
        page = await person.get(home)

    assert (answer.status_code, answer.headers["location"]) == (303, home)
    assert page.status_code == 200


@pytest.mark.parametrize("path", OF_STAFF)
async def test_a_customer_is_sent_home_from_a_page_of_staff(server: EnrouteServer, path: str) -> None:
    async with server.signed_in("rui@acme.example") as customer:
        answer = await customer.get(path)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_the_content_policy_allows_nothing_inline_and_nothing_foreign(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        policy = (await stranger.get("/sign-in")).headers["content-security-policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", PAGES)
def test_no_template_holds_an_inline_script_or_style(name: str) -> None:
    text = (FOLDER / "pages" / name).read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", text) == []
    assert re.findall(r"\|\s*safe|autoescape", text) == []


async def test_what_comes_from_outside_is_escaped(server: EnrouteServer) -> None:
    async with server.signed_in("rui@acme.example") as customer:
        answer = await customer.get("/appointments/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E".replace("%2F", "%252F"))

    assert "<script>alert" not in answer.text


async def test_an_address_that_means_nothing_gets_a_page_for_people(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        answer = await stranger.get("/nowhere", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert "<h1>There is nothing here</h1>" in answer.text


async def test_a_file_is_compressed_and_may_be_kept_for_a_year(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        answer = await stranger.get(f"{assets().root}/js/api.js", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.text == (FOLDER / "js/api.js").read_text()


async def test_a_file_under_an_old_version_is_not_kept(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        answer = await stranger.get("/static/0123/js/api.js")

    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["pages/home.html", "js/../../web/app.py", "js/none.js", "js", ""])
async def test_only_the_files_of_the_front_end_are_served(server: EnrouteServer, path: str) -> None:
    async with server.client() as stranger:
        answer = await stranger.get(f"{assets().root}/{path}")

    assert answer.status_code == 404


def test_a_changed_file_has_another_address(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "a.js").write_text("one")
    before = Assets(tmp_path).root

    (tmp_path / "js" / "a.js").write_text("two")

    assert Assets(tmp_path).root != before


async def test_the_first_visit_of_the_homepage_fits_into_fifty_kilobytes(server: EnrouteServer) -> None:
    async with server.signed_in("rui@acme.example") as rui:
        page = await rui.get("/")
        worker = await rui.get("/service_worker.js")
        shell = json.loads(worker.text.partition("const SHELL = ")[2].partition(";\n")[0])
        named = {
            *re.findall(r"<([^>]+)>", page.headers["Link"]),
            *re.findall(r'<link [^>]*href="([^"]+)"', page.text),
            *(address.partition("#")[0] for address in re.findall(r'<use href="([^"]+)"', page.text)),
            # What the worker keeps for days without a network, it fetches now.
            *shell["pages"].values(),
            *shell["files"],
        }
        answers = [page, worker, *[await rui.get(address) for address in sorted(named)]]

    assert {answer.status_code for answer in answers} == {200}
    assert {"css", "js", "svg"} <= {address.partition("?")[0].rpartition(".")[2] for address in named}
    assert sum(answer.num_bytes_downloaded for answer in answers) < 50_000


@pytest.mark.parametrize("library", ["maplibre-gl", "pmtiles"])
def test_vendored_files_are_those_that_were_checked(library: str) -> None:
    folder = FOLDER / "vendor" / library
    told = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", (folder / "VENDORED.md").read_text(), re.MULTILINE))

    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in told}

    assert found == told
    assert {path.name for path in folder.iterdir()} == {*told, "VENDORED.md", "LICENSE.txt"}


def test_no_module_imports_a_bare_name_or_another_host() -> None:
    targets = [
        target
        for path in (FOLDER / "js").rglob("*.js")
        for target in re.findall(r'(?:from|import)\s+"([^"]+)"', path.read_text())
    ]

    assert [target for target in targets if not target.startswith(("./", "../"))] == []
