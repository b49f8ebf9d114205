"""How fast the classes of roads are driven where nothing was learned yet, and what turns and lights cost.

Speeds, the 0.8 of a signed limit and the turn function are those of OSRM's car profile
(https://github.com/Project-OSRM/osrm-backend/blob/master/profiles/car.lua); they are a start, every trip corrects them.
"""

from __future__ import annotations

from math import exp

CLASS_KMH = {
    "motorway": 90.0,
    "motorway_link": 45.0,
    "trunk": 85.0,
    "trunk_link": 40.0,
    "primary": 65.0,
    "primary_link": 30.0,
    "secondary": 55.0,
    "secondary_link": 25.0,
    "tertiary": 40.0,
    "tertiary_link": 20.0,
    "unclassified": 25.0,
    "residential": 25.0,
    "living_street": 10.0,
    "service": 15.0,
    "road": 20.0,
}
ROAD_CLASSES = tuple(CLASS_KMH)
"""A road's class is kept as its place in here."""

LIMIT_DRIVEN = 0.8
"""Share of a signed limit that is driven on average."""
PRIVATE_DRIVEN = 0.6
"""Private ways are no short cuts."""
SLOW_CLASSES = frozenset({"living_street", "service"})
"""Their limit, if signed, is seldom reached."""

TURN_S = 7.5
TURN_BIAS = 1.075
"""Driving on the right: turning right is easier than turning left."""
U_TURN_S = 20.0
SIGNAL_S = 8.0
"""Half of the lights are red for about half a minute, less the green waves."""
PEDESTRIAN_SIGNAL_S = 3.0


def free_kmh(road_class: str, *, maxspeed_kmh: float | None, private: bool = False) -> float:
    """Driven speed on an empty road in km/h."""
    kmh = CLASS_KMH[road_class]
    if maxspeed_kmh:
        driven = maxspeed_kmh * LIMIT_DRIVEN
        kmh = min(kmh, driven) if road_class in SLOW_CLASSES else driven
    if private:
        kmh *= PRIVATE_DRIVEN
    return max(kmh, 4.0)


def turn_s(angle_deg: float) -> float:
    """Seconds for a change of direction at a junction; 0 is straight on, clockwise (right) is positive."""
    side, bias = (angle_deg, TURN_BIAS) if angle_deg >= 0 else (-angle_deg, 1 / TURN_BIAS)
    return TURN_S / (1.0 + exp(-((13.0 / bias) * side / 180.0 - 6.5 * bias)))
