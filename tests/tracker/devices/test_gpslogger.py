from urllib.parse import parse_qsl

import pytest

from tracker.devices import DeviceDataError, DeviceRequest, gpslogger
from tracker.messages import Fix

# What %ALL becomes, by the list of parameters in the app's documentation.
ALL_PARAMETERS = (
    "lat=41.15001&lon=-8.64912&sat=12&desc=&alt=80.0&acc=6.5&dir=273.0&prov=gps&spd=11.2"
    "&timestamp=1764000000&time=2025-11-24T16:00:00.000Z&starttimestamp=1763990000&date=2025-11-24"
    "&batt=81.0&aid=0123456789abcdef&ser=unknown&act=&filename=20251124&profile=Default&hdop=0.8"
)
SAME_FIX = Fix(1764000000000, 41.15001, -8.64912, 6.5, 11.2, 273.0, 80.0, 0.81)


def ask(query: str, **parts) -> DeviceRequest:
    return DeviceRequest(query=dict(parse_qsl(query)), **parts)


def test_all_parameters_in_the_query_are_a_fix():
    assert gpslogger.read(ask(ALL_PARAMETERS)).fixes == [SAME_FIX]


def test_all_parameters_as_a_form_are_the_same_fix():
    assert gpslogger.read(DeviceRequest(body=ALL_PARAMETERS.encode())).fixes == [SAME_FIX]


def test_a_json_body_may_write_numbers_as_text():
    body = b'{"lat":41.15001,"lon":"-8.64912","time":"2025-11-24T16:00:00.000Z","spd":"11.2","acc":6.5}'

    (fix,) = gpslogger.read(DeviceRequest(body=body)).fixes

    assert fix == Fix(1764000000000, 41.15001, -8.64912, accuracy_m=6.5, speed_mps=11.2)


def test_the_names_of_the_documented_example_url_are_read():
    (fix,) = gpslogger.read(ask("lat=1.5&long=2.5&time=2025-11-24T16:00:00Z")).fixes

    assert fix == Fix(1764000000000, 1.5, 2.5)


def test_the_zeros_of_a_network_position_are_unknown():
    (fix,) = gpslogger.read(ask("lat=1&lon=2&timestamp=3&spd=0.0&dir=0.0&acc=0.0&prov=network")).fixes

    assert fix == Fix(3000, 1.0, 2.0)


def test_a_receiver_that_stands_still_says_so():
    (fix,) = gpslogger.read(ask("lat=1&lon=2&timestamp=3&spd=0.0&dir=0.0&prov=gps")).fixes

    assert (fix.speed_mps, fix.heading_deg) == (0.0, None)


def test_a_placeholder_that_was_not_filled_in_is_unknown():
    (fix,) = gpslogger.read(ask("lat=1&lon=2&timestamp=3&batt=%25BATT")).fixes

    assert fix.battery is None


def test_a_report_without_a_time_is_malformed():
    assert gpslogger.read(ask("lat=1&lon=2")).rejected == [(0, "malformed")]


def test_the_token_may_stand_in_the_query():
    assert gpslogger.read(ask("lat=1&lon=2&timestamp=3&token=abc")).token == "abc"


def test_the_token_may_stand_in_the_header():
    request = ask("lat=1&lon=2&timestamp=3&token=abc", headers={"authorization": "Bearer xyz"})

    assert gpslogger.read(request).token == "xyz"


@pytest.mark.parametrize("body", [b"", b"{", b"&&"])
def test_an_empty_report_is_a_device_data_error(body):
    with pytest.raises(DeviceDataError):
        gpslogger.read(DeviceRequest(body=body))
