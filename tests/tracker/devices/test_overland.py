import msgspec
import pytest

from tracker.devices import DeviceDataError, DeviceRequest, overland
from tracker.messages import Fix


def feature(*, lat: float = 37.3318, lon: float = -122.030581, **properties) -> dict:
    """The documented example of https://github.com/aaronpk/Overland-iOS, some properties overridden."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {
            "timestamp": "2015-10-01T08:00:00-0700",
            "altitude": 0,
            "speed": 4,
            "horizontal_accuracy": 30,
            "vertical_accuracy": -1,
            "motion": ["driving", "stationary"],
            "battery_state": "charging",
            "battery_level": 0.89,
            "device_id": "",
            "wifi": "",
        }
        | properties,
    }


def ask(*features: object, **rest: object) -> DeviceRequest:
    return DeviceRequest(
        body=msgspec.json.encode({"locations": features, **rest}),
        headers={"authorization": "Bearer xxxxxx"},
    )


def test_the_documented_example_is_a_fix():
    report = overland.read(ask(feature()))

    assert report.fixes == [
        Fix(1443711600000, 37.3318, -122.030581, 30.0, 4.0, altitude_m=0.0, battery=0.89),
    ]
    assert report.token == "xxxxxx"


def test_the_answer_lets_the_app_delete_its_batch():
    report = overland.read(ask(feature()))

    assert (report.reply, report.reply_type) == (b'{"result":"ok"}', "application/json")


def test_minus_one_is_unknown():
    report = overland.read(ask(feature(speed=-1, course=-1, horizontal_accuracy=-1, battery_level=-1)))

    assert report.fixes == [Fix(1443711600000, 37.3318, -122.030581, altitude_m=0.0)]


def test_the_course_is_the_heading():
    (fix,) = overland.read(ask(feature(course=92.5))).fixes

    assert fix.heading_deg == 92.5


def test_a_batch_keeps_its_good_fixes():
    report = overland.read(ask(feature(lat=1.0), {"geometry": None}, "x", feature(lat=2.0)))

    assert [fix.lat for fix in report.fixes] == [1.0, 2.0]
    assert report.rejected == [(1, "malformed"), (2, "malformed")]


def test_the_newest_position_comes_behind_an_old_batch():
    report = overland.read(ask(feature(lat=1.0), current=feature(lat=2.0)))

    assert [fix.lat for fix in report.fixes] == [1.0, 2.0]
    assert report.fix_places == [0, 1]


def test_visits_and_trips_are_ignored():
    report = overland.read(ask(feature(action="visit"), feature(type="trip"), feature(lat=2.0)))

    assert [fix.lat for fix in report.fixes] == [2.0]
    assert report.rejected == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"locations":{}}', b"null", b"["])
def test_what_is_no_batch_is_a_device_data_error(body):
    with pytest.raises(DeviceDataError):
        overland.read(DeviceRequest(body=body))
