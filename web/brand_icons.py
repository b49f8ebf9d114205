"""The icon of the pages in the colour of a company. Pure: bytes in, bytes out.

The PNG files are indexed: their palette runs from our green to white, so another colour is another palette.
"""

from __future__ import annotations

import struct
import zlib

Colour = tuple[int, int, int]

OURS: Colour = (0x0A, 0x6B, 0x5D)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREEN = 1


def recoloured_png(png: bytes, colour: Colour) -> bytes:
    """The same picture with this colour for ours. ValueError for a file without a palette."""
    if not png.startswith(_SIGNATURE):
        raise ValueError("this is no PNG file")
    parts, at, changed = [_SIGNATURE], len(_SIGNATURE), False
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        if kind == b"PLTE":
            data, changed = _palette(data, colour), True
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
        at += 12 + size
    if not changed:
        raise ValueError("only an indexed PNG file can be given another colour")
    return b"".join(parts)


def recoloured_svg(svg: bytes, colour: Colour) -> bytes:
    """The same picture with this colour for ours."""
    return svg.replace(b"#" + bytes(OURS).hex().encode(), b"#" + bytes(colour).hex().encode())


def _palette(data: bytes, colour: Colour) -> bytes:
    new = bytearray()
    for entry in range(0, len(data), 3):
        # How far this entry is on the way from our colour to white.
        white = (data[entry + _GREEN] - OURS[_GREEN]) / (255 - OURS[_GREEN])
        new += bytes(round(part + (255 - part) * white) for part in colour)
    return bytes(new)
