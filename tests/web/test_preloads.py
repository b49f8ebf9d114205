"""What a page names ahead, and the sheets that are put together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.servers import EnrouteServer
from web.assets import FOLDER, Assets
from web.pages import assets
from web.preloads import preloads


@pytest.fixture
def small(tmp_path: Path) -> Assets:
    """A page script that imports two modules, one of which imports a third; a fourth is imported only later."""
    js, css = tmp_path / "js", tmp_path / "css"
    js.mkdir()
    css.mkdir()
    (js / "page.js").write_text('import { a } from "./a.js";\nimport "./b.js";\nawait import("./later.js");\n')
    (js / "a.js").write_text('import {\n  c,\n} from "./deep/../c.js";\nexport const a = c;\n')
    (js / "b.js").write_text('// import { x } from "./never.js";\n')
    (js / "c.js").write_text('export const c = "./never.js";\n')
    (js / "later.js").write_text('import { a } from "./a.js";\n')
    (js / "never.js").write_text("")
    (css / "all.css").write_text('@import url("one.css");\nb { top: 0 }\n')
    (css / "one.css").write_text("a { top: 0 }\n")
    return Assets(tmp_path)


def test_a_script_names_all_it_imports_and_last_what_it_imports_later(small: Assets) -> None:
    found = [address.rpartition("/")[2] for address in small.modules("js/page.js")]

    assert found == ["page.js", "a.js", "b.js", "c.js", "later.js"]


def test_a_script_that_is_not_there_names_nothing(small: Assets) -> None:
    assert small.modules("js/none.js") == ()


def test_sheets_come_first_and_nothing_twice(small: Assets) -> None:
    root = small.root
    page = f'<link rel="stylesheet" href="{root}/css/all.css"><script type="module" src="{root}/js/a.js"></script>'

    header = preloads(page + f'<script type="module" src="{root}/js/c.js"></script>', small)

    assert header == (
        f"<{root}/css/all.css>; rel=preload; as=style, <{root}/js/a.js>; rel=modulepreload,"
        f" <{root}/js/c.js>; rel=modulepreload"
    )


async def test_a_page_names_everything_that_it_loads_to_begin_with(server: EnrouteServer) -> None:
    async with server.signed_in("rui@acme.example") as customer:
        answer = await customer.get("/")

    named = answer.headers["link"]
    written = re.findall(r'(?:rel="stylesheet" href|type="module" src)="([^"]+)"', answer.text)
    assert written
    assert [address for address in written if f"<{address}>" not in named] == []
    assert f"<{assets().root}/js/returning_socket.js>; rel=modulepreload" in named
    assert "maplibre" not in named


async def test_a_sheet_comes_with_those_it_imports(server: EnrouteServer) -> None:
    async with server.client() as stranger:
        page = (await stranger.get(f"{assets().root}/css/page.css")).text

    assert "@import" not in page
    assert (FOLDER / "css/tokens.css").read_text() in page
    assert page.index("/* The visual language") < page.index((FOLDER / "css/fields.css").read_text())
