"""Octets that are UTF-8 (RFC 3629) and octets that only look like it, by Autobahn's numbers 6.5 to 6.23.

They are those of Markus Kuhn's "UTF-8 decoder capability and stress test", section by section.
"""

from __future__ import annotations

GREEK = "κ\u1f79σμε".encode()
"""Characters of two and three octets."""
_CUT_WITHIN_GREEK = {1, 3, 4, 6, 8, 10}

_INCOMPLETE = [
    *("c0", "e080", "f08080", "f8808080", "fc80808080"),
    *("df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"),
]
_SURROGATES = ["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"]


def _lonely(first: int, stop: int) -> str:
    return b"".join(bytes((lead, 0x20)) for lead in range(first, stop)).hex()


def _noncharacters() -> list[str]:
    """U+FFFE and U+FFFF, U+nFFFE and U+nFFFF of the higher planes."""
    return [chr(plane << 16 | last).encode().hex() for plane in range(17) for last in (0xFFFE, 0xFFFF)]


# Group: what it holds, whether it is UTF-8, the sequences.
_GROUPS: list[tuple[int, bool, list[str]]] = [
    # Some correct text.
    (5, True, [f"hello{middle}world".encode().hex() for middle in "$¢€𤭢"] + [GREEK.hex()]),
    # First possible sequence of each length; those of five and six octets are none any more.
    (7, True, ["00", "c280", "e0a080", "f0908080"]),
    (8, False, ["f888808080", "fc8480808080"]),
    # Last possible sequence of each length.
    (9, True, ["7f", "dfbf", "efbfbf", "f48fbfbf"]),
    (10, False, ["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]),
    # Unexpected continuation octets, at last all of them but one in a row.
    (12, False, ["80", "bf", *("80bf80bf80bf"[: 2 * count] for count in range(2, 7)), bytes(range(0x80, 0xBF)).hex()]),
    # Lonely leads, each before a space.
    (13, False, [_lonely(*leads) for leads in ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))]),
    # The last octet is missing; then all of them joined.
    (14, False, _INCOMPLETE),
    (15, False, ["".join(_INCOMPLETE)]),
    # Impossible octets.
    (16, False, ["fe", "ff", "fefeffff"]),
    # Overlong: a slash, the largest of each length, NUL.
    (17, False, ["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"]),
    (18, False, ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"]),
    (19, False, ["c080", "e08080", "f0808080", "f880808080", "fc8080808080"]),
    # Surrogates, single and in pairs.
    (20, False, _SURROGATES),
    (21, False, [high + low for high in _SURROGATES[:4] for low in ("edb080", "edbfbf")]),
    # Noncharacters and specials are characters enough.
    (22, True, _noncharacters()),
    (23, True, ["efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf"]),
]  # fmt: skip

SEQUENCES: list[tuple[str, bytes, bool]] = sorted(
    [
        (f"6.{group}.{number}", bytes.fromhex(octets), is_utf8)
        for group, is_utf8, sequences in _GROUPS
        for number, octets in enumerate(sequences, 1)
    ]
    # All beginnings of a text.
    + [(f"6.6.{size}", GREEK[:size], size not in _CUT_WITHIN_GREEK) for size in range(1, len(GREEK) + 1)]
    # Other boundaries; the last is beyond U+10FFFF.
    + [
        (f"6.11.{number}", bytes.fromhex(octets), octets != "f4908080")
        for number, octets in enumerate(["ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080"], 1)
    ],
    key=lambda sequence: [int(part) for part in sequence[0].split(".")],
)
"""(number, octets, whether they are UTF-8)."""
