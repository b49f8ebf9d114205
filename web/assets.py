"""The front end's files: read once, compressed once, answered from memory.

They are served under `/static/<version>/…`, where the version is a digest of all of them: a browser may keep each for a
year, because a changed file has another address, and modules import their neighbours by relative paths.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

FOLDER = Path(__file__).resolve().parent.parent / "static"
SERVED = ("css", "js", "words", "icons", "vendor")
YEAR_S = 31_536_000

_KINDS = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_SHEET_IMPORT = re.compile(r'^@import url\("([^"]+)"\);$', re.MULTILINE)
_IMPORT = re.compile(r'^(?:import\s+|(?:import|export)\b[^;"=]*?\bfrom\s+)"(\.{1,2}/[^"]+)";', re.MULTILINE)
_LATER_IMPORT = re.compile(r'\bimport\("(\.{1,2}/[^"]+)"\)')
# Compressing something this small saves no packet.
_WORTH_COMPRESSING_BYTES = 400


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `compressed` is its gzip form, None where that is not worth it."""

    media_type: str
    body: bytes
    compressed: bytes | None


class Assets:
    """Every servable file by its path below `static/`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        digest = hashlib.sha256()
        self._files: dict[str, Asset] = {}
        for path in sorted(path for name in SERVED for path in (folder / name).rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            body = _sheet(path).encode() if path.suffix == ".css" else path.read_bytes()
            digest.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
            self._files[name] = _asset(path, body)
        self.version = digest.hexdigest()[:12]

    @property
    def root(self) -> str:
        """What paths in pages begin with; no slash at the end."""
        return f"/static/{self.version}"

    def modules(self, entry: str) -> tuple[str, ...]:
        """A script module and all it needs, as addresses: itself first, what it imports only later last. Empty where
        there is no such file."""
        first: dict[str, None] = {}
        later: dict[str, None] = {}
        waiting = [(entry, first)]
        while waiting:
            name, found = waiting.pop(0)
            if name in first or name in found or name not in self._files:
                continue
            found[name] = None
            text = self._files[name].body.decode()
            waiting += [(_neighbour(name, path), found) for path in _IMPORT.findall(text)]
            waiting += [(_neighbour(name, path), later) for path in _LATER_IMPORT.findall(text)]
        return tuple(f"{self.root}/{name}" for name in first | later)

    async def serve(self, request: Request) -> Response:
        """The file, immutable under the version of now; under any other version to be asked for again."""
        asset = self._files.get(request.path_params["path"])
        if asset is None:
            return PlainTextResponse("Not found", status_code=404)
        current = request.path_params["version"] == self.version
        headers = {
            "Cache-Control": f"public, max-age={YEAR_S}, immutable" if current else "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        body = asset.body
        if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body = asset.compressed
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)


def _neighbour(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _sheet(path: Path) -> str:
    """A style sheet with the text of those it imports in their places: nobody waits for one to find the next."""
    return _SHEET_IMPORT.sub(lambda found: _sheet(path.parent / found[1]), path.read_text(encoding="utf-8"))


def _asset(path: Path, body: bytes) -> Asset:
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    compressed = gzip.compress(body, compresslevel=6, mtime=0) if len(body) > _WORTH_COMPRESSING_BYTES else b""
    return Asset(kind, body, compressed if 0 < len(compressed) < len(body) else None)
