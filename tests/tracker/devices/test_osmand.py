from urllib.parse import parse_qsl

import pytest

from tracker.devices import DeviceDataError, DeviceRequest, osmand
from tracker.messages import Fix

# The documented body of Traccar Client 9, as https://www.traccar.org/osmand/ shows it, moved to a real place.
TRACCAR_CLIENT_JSON = (
    b'{"location":{"timestamp":"2021-07-21T08:06:34.444Z","coords":{"latitude":-6.1148096,'
    b'"longitude":106.6837015,"accuracy":3.8,"speed":18.67,"heading":63,"altitude":35.7},"is_moving":false,'
    b'"odometer":0,"event":"motionchange","battery":{"level":0.79,"is_charging":false},'
    b'"activity":{"type":"still"},"extras":{}},"device_id":"48241179"}'
)


def ask(query: str, **parts) -> DeviceRequest:
    return DeviceRequest(query=dict(parse_qsl(query)), **parts)


def test_the_basic_documented_request_is_a_fix():
    report = osmand.read(ask("id=12345&lat=48.8566&lon=2.3522&timestamp=1609459200000"))

    assert report.fixes == [Fix(1609459200000, 48.8566, 2.3522)]
    assert report.token == "12345"


def test_the_documented_request_with_everything_is_converted_from_knots_and_percent():
    query = (
        "deviceid=12345&lat=48.8566&lon=2.3522&timestamp=2021-01-01T00:00:00Z"
        "&speed=15&bearing=270&altitude=35&accuracy=10&hdop=0.8&batt=75"
    )

    (fix,) = osmand.read(ask(query)).fixes

    assert fix.speed_mps == pytest.approx(7.7166667)
    assert (fix.fixed_at, fix.heading_deg, fix.altitude_m, fix.accuracy_m, fix.battery) == (
        1609459200000,
        270.0,
        35.0,
        10.0,
        0.75,
    )


@pytest.mark.parametrize(
    "timestamp",
    [
        "1401873011",
        "1401873011000",
        "2014-06-04T09:10:11Z",
        "2014-06-04T11:10:11%2B02:00",
        "2014-06-04+09:10:11",
        "1401873011.0",
    ],
)
def test_every_spelling_of_the_time_is_the_same_instant(timestamp):
    (fix,) = osmand.read(ask(f"id=1&lat=49.60688&lon=6.15788&timestamp={timestamp}")).fixes

    assert fix.fixed_at == 1401873011000


def test_location_holds_latitude_then_longitude():
    report = osmand.read(ask("id=123456&timestamp=1377177267&location=60.0,30.0"))

    assert report.fixes == [Fix(1377177267000, 60.0, 30.0)]


def test_a_form_says_the_same_as_a_query():
    report = osmand.read(
        DeviceRequest(
            body=b"id=1&lat=60.0&lon=30.0&timestamp=1377177267&heading=90",
            content_type="application/x-www-form-urlencoded",
        )
    )

    assert report.fixes == [Fix(1377177267000, 60.0, 30.0, heading_deg=90.0)]
    assert report.token == "1"


def test_the_north_of_a_phone_at_rest_is_unknown():
    query = "id=1&timestamp=1377177267&lat=60.0&lon=30.0&speed=0.0&bearing=0.0&accuracy=0.0"

    (fix,) = osmand.read(ask(query)).fixes

    assert (fix.speed_mps, fix.heading_deg, fix.accuracy_m) == (0.0, None, None)


def test_without_a_timestamp_the_time_is_ours():
    query = "id=1&lat=60.0&lon=30.0"

    assert osmand.read(ask(query, received_at=77)).fixes == [Fix(77, 60.0, 30.0)]
    assert osmand.read(ask(query)).rejected == [(0, "malformed")]


def test_a_position_the_phone_calls_invalid_is_no_fix():
    report = osmand.read(ask("id=1&lat=60&lon=30&timestamp=1377177267&valid=false"))

    assert (report.fixes, report.rejected) == ([], [(0, "no_fix")])


def test_a_report_of_cells_alone_is_ignored():
    report = osmand.read(ask("id=123456&timestamp=1377177267&cell=257,02,16,2224"))

    assert (report.fixes, report.rejected, report.token) == ([], [], "123456")


def test_an_unreadable_coordinate_is_malformed():
    report = osmand.read(ask("id=1&lat=north&lon=30&timestamp=1377177267"))

    assert report.rejected == [(0, "malformed")]


def test_a_bad_battery_does_not_cost_the_fix():
    report = osmand.read(ask("id=1&lat=60&lon=30&timestamp=1377177267&batt=full"))

    assert report.fixes == [Fix(1377177267000, 60.0, 30.0)]


def test_the_json_of_traccar_client_9_is_in_metres_per_second():
    report = osmand.read(DeviceRequest(body=TRACCAR_CLIENT_JSON, content_type="application/json"))

    assert report.fixes == [Fix(1626854794444, -6.1148096, 106.6837015, 3.8, 18.67, 63.0, 35.7, 0.79)]
    assert report.token == "48241179"


def test_minus_one_is_unknown_in_json():
    body = (
        b'{"location":{"timestamp":"2025-05-09T04:11:30.579Z","coords":{"latitude":37.78,"longitude":-122.4,'
        b'"accuracy":5,"speed":-1,"heading":-1,"altitude":0},"battery":{"level":-1}},"device_id":"658765"}'
    )

    report = osmand.read(DeviceRequest(body=body))

    assert report.fixes == [Fix(1746763890579, 37.78, -122.4, accuracy_m=5.0, altitude_m=0.0)]


def test_a_catching_up_client_sends_a_list_of_locations():
    body = (
        b'{"location":[{"timestamp":"2025-05-09T04:11:30Z","coords":{"latitude":1,"longitude":2}},{},'
        b'{"timestamp":"2025-05-09T04:11:31Z","coords":{"latitude":3,"longitude":4}}],"device_id":7}'
    )

    report = osmand.read(DeviceRequest(body=body))

    assert [fix.lat for fix in report.fixes] == [1.0, 3.0]
    assert (report.fix_places, report.rejected, report.token) == ([0, 2], [(1, "malformed")], "7")


def test_an_authorization_header_wins_over_the_identifier():
    request = ask("id=1&lat=60&lon=30&timestamp=1", headers={"authorization": "Bearer secret"})

    assert osmand.read(request).token == "secret"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"{", b"&".join([b"a=1"] * 1000)])
def test_a_request_that_says_nothing_is_a_device_data_error(body):
    with pytest.raises(DeviceDataError):
        osmand.read(DeviceRequest(body=body))
