import msgspec
import pytest

from tracker.devices import PROTOCOLS, DeviceDataError, DeviceRequest, native
from tracker.devices.report import MAX_REFUSED
from tracker.messages import Fix

WIRE_EXAMPLE = (
    b'{"fixed_at":1764000000123,"lat":41.15001,"lon":-8.64912,"accuracy_m":6.5,'
    b'"speed_mps":11.2,"heading_deg":273,"altitude_m":80,"battery":0.81}'
)
SAME_FIX = Fix(1764000000123, 41.15001, -8.64912, 6.5, 11.2, 273.0, 80.0, 0.81)


def as_msgpack(json: bytes) -> bytes:
    return msgspec.msgpack.encode(msgspec.json.decode(json))


def test_the_example_of_the_wire_document_is_one_fix():
    fixes = native.decode_json(WIRE_EXAMPLE)

    assert fixes == [SAME_FIX]


def test_messagepack_says_the_same_as_json():
    fixes = native.decode_msgpack(as_msgpack(WIRE_EXAMPLE))

    assert fixes == [SAME_FIX]


def test_a_list_keeps_its_order_in_both_encodings():
    body = b'[{"fixed_at":2,"lat":1,"lon":2},{"fixed_at":1,"lat":3,"lon":4}]'

    fixes = native.decode_json(body)

    assert fixes == [Fix(2, 1.0, 2.0), Fix(1, 3.0, 4.0)]
    assert native.decode_msgpack(as_msgpack(body)) == fixes


def test_leading_white_space_does_not_matter():
    assert native.decode_json(b' \n{"fixed_at":1,"lat":2,"lon":3}') == [Fix(1, 2.0, 3.0)]


def test_absent_and_null_are_unknown_and_never_zero():
    (fix,) = native.decode_json(b'{"fixed_at":1,"lat":2,"lon":3,"speed_mps":null}')

    assert (fix.accuracy_m, fix.speed_mps, fix.heading_deg, fix.altitude_m, fix.battery) == (None,) * 5


def test_unknown_fields_are_ignored():
    assert native.decode_json(b'{"fixed_at":1,"lat":2,"lon":3,"steps":[9]}') == [Fix(1, 2.0, 3.0)]


@pytest.mark.parametrize("time", [b"1764000000123.0", b"1.764000000123e12"])
def test_a_time_may_be_a_float_with_an_integral_value(time):
    (fix,) = native.decode_json(b'{"fixed_at":' + time + b',"lat":2,"lon":3,"battery":0.5}')

    assert fix == Fix(1764000000123, 2.0, 3.0, battery=0.5)
    assert isinstance(fix.fixed_at, int)


@pytest.mark.parametrize("time", [1.5, float("nan"), float("inf")])
def test_a_time_that_is_no_whole_number_is_an_error(time):
    body = msgspec.msgpack.encode({"fixed_at": time, "lat": 2, "lon": 3})

    with pytest.raises(DeviceDataError, match="fixed_at"):
        native.decode_msgpack(body)


def test_a_messagepack_map_with_many_fields_is_read():
    body = {"fixed_at": 1, "lat": 2, "lon": 3} | {f"extra{number}": number for number in range(20)}

    assert native.decode_msgpack(msgspec.msgpack.encode(body)) == [Fix(1, 2.0, 3.0)]


def test_an_error_names_the_field_and_the_fix():
    with pytest.raises(DeviceDataError) as caught:
        native.decode_json(b'[{"fixed_at":1,"lat":2,"lon":3},{"fixed_at":1,"lat":"north","lon":3}]')

    assert str(caught.value) == "Expected `float`, got `str` - at `fix[1].lat`"
    assert caught.value.code == "malformed"


def test_an_error_of_a_single_fix_names_the_field():
    with pytest.raises(DeviceDataError) as caught:
        native.decode_json(b'{"fixed_at":1,"lat":true,"lon":3}')

    assert str(caught.value) == "Expected `float`, got `bool` - at `fix.lat`"


@pytest.mark.parametrize("body", [b"", b"{", b"[", b"7", b"null", b'{"lat":1}', b"[" * 100_000, b"\xff\xfe"])
def test_nonsense_is_a_device_data_error_in_both_encodings(body):
    with pytest.raises(DeviceDataError):
        native.decode_json(body)
    with pytest.raises(DeviceDataError):
        native.decode_msgpack(body)


def test_over_http_the_readable_fixes_of_a_list_are_kept():
    body = b'[{"fixed_at":1,"lat":1,"lon":1},{"fixed_at":2},"x",{"fixed_at":4.0,"lat":4,"lon":4}]'

    report = native.read(DeviceRequest(body=body, content_type="application/json"))

    assert report.fixes == [Fix(1, 1.0, 1.0), Fix(4, 4.0, 4.0)]
    assert report.fix_places == [0, 3]
    assert report.rejected == [(1, "malformed"), (2, "malformed")]


def test_over_http_the_content_type_chooses_messagepack():
    body = as_msgpack(b'[{"fixed_at":1,"lat":1,"lon":1},{"fixed_at":2}]')

    report = native.read(DeviceRequest(body=body, content_type="application/vnd.msgpack"))

    assert report.fixes == [Fix(1, 1.0, 1.0)]
    assert report.rejected == [(1, "malformed")]


def test_over_http_a_lone_unreadable_object_is_an_error():
    with pytest.raises(DeviceDataError, match="missing required field `lat`"):
        native.read(DeviceRequest(body=b'{"fixed_at":1}'))


def test_an_empty_list_reports_nothing():
    report = native.read(DeviceRequest(body=b"[]"))

    assert (report.fixes, report.rejected) == ([], [])


def test_the_token_is_a_bearer_header():
    request = DeviceRequest(headers={"authorization": "Bearer abc"}, body=WIRE_EXAMPLE)

    assert PROTOCOLS["fix"](request).token == "abc"


def test_the_reply_counts_and_names_what_was_refused():
    reply = native.reply(accepted=2, rejected=[(0, "stale")])

    assert reply == b'{"accepted":2,"rejected":[{"index":0,"reason":"stale"}]}'


def test_a_report_of_nothing_but_unreadable_fixes_is_an_error():
    with pytest.raises(DeviceDataError, match="more than 10000"):
        native.read(DeviceRequest(body=b"[" + b"0," * MAX_REFUSED + b"0]"))
