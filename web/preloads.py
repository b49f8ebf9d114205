"""What a page will need, named in a header before the page itself: style sheets first, they hold up the first paint;
then the scripts with all they import, which a browser would else find one after the other, a round trip each. Pure.
"""

from __future__ import annotations

import re

from web.assets import Assets

_SHEET = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_SCRIPT = re.compile(r'<script type="module" src="([^"]+)">')


def preloads(page: str, assets: Assets) -> str:
    """The `Link` header of a rendered page; empty for one without sheets and scripts of ours."""
    sheets = dict.fromkeys(_SHEET.findall(page))
    named = [f"<{address}>; rel=preload; as=style" for address in sheets]
    named += [f"<{address}>; rel=modulepreload" for address in modules_of(page, assets)]
    return ", ".join(named)


def modules_of(page: str, assets: Assets) -> list[str]:
    """The addresses of a page's script modules and of all they import."""
    graphs = [assets.modules(address.removeprefix(f"{assets.root}/")) for address in _SCRIPT.findall(page)]
    return [*dict.fromkeys(address for graph in graphs for address in graph)]
