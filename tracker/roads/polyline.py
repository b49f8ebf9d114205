"""Lines as text, as road servers write them: Google's encoded polyline with six decimals. [pure]

The other direction is ``Route.polyline6``. The format: https://developers.google.com/maps/documentation/utilities/polylinealgorithm
"""

from __future__ import annotations

UNITS_PER_DEG = 1e6
OFFSET = 63
MORE = 0x20
LONGEST_BITS = 32
"""Half the world is 1.8e8 units, in zigzag 29 bits."""


def decode_polyline6(text: str) -> list[tuple[float, float]]:
    """(lat, lon) pairs. Raises ValueError for a text that is no polyline or leaves the earth."""
    numbers: list[int] = []
    value = bits = 0
    for char in text:
        part = ord(char) - OFFSET
        if not 0 <= part < 2 * MORE:
            raise ValueError(f"{char!r} does not occur in a polyline")
        value |= (part & (MORE - 1)) << bits
        if part & MORE:
            bits += 5
            if bits > LONGEST_BITS:
                raise ValueError("a step of the polyline leaves the earth")
        else:
            numbers.append(~(value >> 1) if value & 1 else value >> 1)
            value = bits = 0
    if bits or len(numbers) % 2:
        raise ValueError("the polyline ends within a point")
    points = []
    lat = lon = 0
    for i in range(0, len(numbers), 2):
        lat += numbers[i]
        lon += numbers[i + 1]
        if abs(lat) > 90 * UNITS_PER_DEG or abs(lon) > 180 * UNITS_PER_DEG:
            raise ValueError("the polyline leaves the earth")
        points.append((lat / UNITS_PER_DEG, lon / UNITS_PER_DEG))
    return points
