import math

from tests.tracker.journeys import NOW_MS, PLACE
from tracker.grants import Grant, Zone

HOME = Zone(lat=PLACE.lat, lon=PLACE.lon)


def a_grant(**changed) -> Grant:
    return Grant(**({"trip_id": "visit", "technician_id": "ana", "from_ms": NOW_MS} | changed))


def shows(grant: Grant, *, technician_id="ana", fixed_at=NOW_MS, east_m=0.0, now_ms=NOW_MS) -> bool:
    lat, lon = PLACE.lat_lon(east_m=east_m, north_m=0)
    return grant.shows(technician_id=technician_id, fixed_at=fixed_at, lat=lat, lon=lon, now_ms=now_ms)


def test_nothing_fixed_before_setting_off_is_shown():
    grant = a_grant()

    assert not shows(grant, fixed_at=NOW_MS - 1, now_ms=NOW_MS + 60_000)
    assert shows(grant, fixed_at=NOW_MS)


def test_nothing_is_shown_after_the_end():
    grant = a_grant()

    grant.end(NOW_MS + 1000)

    assert shows(grant, now_ms=NOW_MS + 999)
    assert not shows(grant, now_ms=NOW_MS + 1000)
    assert not shows(grant, now_ms=NOW_MS + 10**9)


def test_another_technician_is_never_shown():
    assert not shows(a_grant(), technician_id="rui")


def test_the_technician_is_held_back_until_they_have_left_the_hidden_zone_once():
    grant = a_grant(zones=(HOME,))

    seen = [shows(grant, east_m=east_m) for east_m in (0, 149, 151, 149, 0)]

    assert seen == [False, False, True, True, True]
    assert not grant.held_back


def test_every_hidden_zone_must_have_been_left():
    lat, lon = PLACE.lat_lon(east_m=250, north_m=0)
    grant = a_grant(zones=(HOME, Zone(lat=lat, lon=lon)))

    assert [shows(grant, east_m=east_m) for east_m in (0, 130, 251, 401)] == [False, False, False, True]


def test_a_position_that_may_not_be_shown_does_not_lift_the_veil():
    grant = a_grant(zones=(HOME,))

    shows(grant, technician_id="rui", east_m=9_000)
    shows(grant, fixed_at=NOW_MS - 1, east_m=9_000)

    assert grant.held_back
    assert not shows(grant, east_m=0)


def test_leaving_before_a_restart_counts():
    grant = a_grant(zones=(HOME,))

    grant.reveal()

    assert shows(grant, east_m=0)


def test_a_zone_is_a_circle_in_metres_of_the_earth():
    zone = Zone(lat=-17.0, lon=180.0, radius_m=150)

    assert zone.holds(lat=-17.0, lon=-179.9987)
    assert not zone.holds(lat=-17.0, lon=-179.998)
    assert not zone.holds(lat=math.nan, lon=0)
