import base64

import pytest

from tracker.devices import DeviceDataError, DeviceRequest, owntracks
from tracker.messages import Fix

# The iOS location of the OwnTracks booklet's poster, with coordinates filled in.
BOOKLET_LOCATION = (
    b'{"_type":"location","batt":81,"cog":270,"lat":48.85833,"lon":2.29513,"acc":75,"rad":30,"t":"u",'
    b'"tid":"JJ","tst":1376715317,"alt":13,"vac":10,"vel":54,"p":101.3,"topic":"owntracks/jane/phone"}'
)


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_location_is_converted_from_its_own_units():
    report = owntracks.read(DeviceRequest(body=BOOKLET_LOCATION))

    assert report.fixes == [
        Fix(
            fixed_at=1376715317000,
            lat=48.85833,
            lon=2.29513,
            accuracy_m=75.0,
            speed_mps=15.0,
            heading_deg=270.0,
            altitude_m=13.0,
            battery=0.81,
        )
    ]


def test_what_a_location_leaves_out_is_unknown():
    report = owntracks.read(DeviceRequest(body=b'{"_type":"location","lat":1,"lon":2,"tst":3}'))

    assert report.fixes == [Fix(3000, 1.0, 2.0)]


def test_minus_one_is_unknown():
    body = b'{"_type":"location","lat":1,"lon":2,"tst":3,"vel":-1,"cog":-1,"batt":-1,"acc":-1}'

    report = owntracks.read(DeviceRequest(body=body))

    assert report.fixes == [Fix(3000, 1.0, 2.0)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"_type":"transition","wtst":1,"lat":12.34,"lon":44.5,"tst":1427634603,"acc":130,"event":"enter"}',
        b'{"_type":"waypoint","desc":"home","lat":1,"lon":2,"rad":30,"tst":3}',
        b'{"_type":"lwt","tst":3}',
        b'{"_type":"card","name":"Jane"}',
        b'{"_type":"encrypted","data":"AAAA"}',
    ],
)
def test_other_kinds_are_taken_and_ignored(body):
    report = owntracks.read(DeviceRequest(body=body))

    assert (report.fixes, report.rejected) == ([], [])


def test_the_answer_is_an_empty_list_of_messages():
    report = owntracks.read(DeviceRequest(body=BOOKLET_LOCATION))

    assert (report.reply, report.reply_type) == (b"[]", "application/json")


def test_a_location_without_coordinates_is_malformed():
    report = owntracks.read(DeviceRequest(body=b'{"_type":"location","tst":3}'))

    assert report.rejected == [(0, "malformed")]


def test_the_password_of_basic_authentication_is_the_token():
    report = owntracks.read(DeviceRequest(headers=basic("jane", "s3cret:x"), body=BOOKLET_LOCATION))

    assert report.token == "s3cret:x"


def test_without_a_password_the_user_name_is_the_token():
    report = owntracks.read(DeviceRequest(headers=basic("s3cret", ""), body=BOOKLET_LOCATION))

    assert report.token == "s3cret"


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic /w==", "Digest x", "Bearer "])
def test_an_unreadable_authorization_is_no_token(header):
    request = DeviceRequest(headers={"authorization": header}, body=BOOKLET_LOCATION)

    assert owntracks.read(request).token is None


@pytest.mark.parametrize("body", [b"", b"{}", b'"location"', b"[1]", b"nope"])
def test_what_is_no_owntracks_message_is_a_device_data_error(body):
    with pytest.raises(DeviceDataError):
        owntracks.read(DeviceRequest(body=body))
