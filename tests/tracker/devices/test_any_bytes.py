"""Whatever arrives, a reader answers with a report or with DeviceDataError."""

import contextlib
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.devices import PROTOCOLS, REPLIES, DeviceDataError, DeviceRequest, native

# fmt: off
NAMES = st.sampled_from([
    "id", "deviceid", "lat", "lon", "location", "timestamp", "time", "speed", "spd", "bearing", "heading",
    "dir", "accuracy", "acc", "altitude", "batt", "valid", "_type", "tst", "vel", "cog", "coords",
    "latitude", "longitude", "battery", "level", "device_id", "locations", "current", "geometry",
    "coordinates", "properties", "horizontal_accuracy", "course", "fixed_at", "accuracy_m", "speed_mps",
    "type", "action", "token", "prov",
])
# fmt: on
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["location", "1e400", "nan", "2025-11-24T16:00:00Z", "0001-01-01T00:00:00+14:00", "9" * 5000])
)
BODIES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=8),
    max_leaves=20,
)
QUERIES = st.dictionaries(
    NAMES | st.text(max_size=8),
    st.text(max_size=30) | st.integers().map(str) | st.floats().map(str),
    max_size=8,
)
EVERY_PROTOCOL = pytest.mark.parametrize("protocol", sorted(PROTOCOLS))


def assert_readable(protocol: str, request: DeviceRequest) -> None:
    try:
        report = PROTOCOLS[protocol](request)
    except DeviceDataError:
        return
    assert len(report.fixes) == len(report.fix_places)
    for fix in report.fixes:
        assert type(fix.fixed_at) is int
        if protocol != "fix":
            known = (fix.lat, fix.lon, fix.accuracy_m, fix.speed_mps, fix.heading_deg, fix.battery)
            assert all(math.isfinite(value) for value in known if value is not None)


@EVERY_PROTOCOL
@given(body=st.binary(max_size=300), content_type=st.sampled_from(["", "application/msgpack"]))
def test_any_bytes_are_a_report_or_a_device_data_error(protocol, body, content_type):
    assert_readable(protocol, DeviceRequest(body=body, content_type=content_type))


@EVERY_PROTOCOL
@given(body=BODIES)
def test_any_json_is_a_report_or_a_device_data_error(protocol, body):
    assert_readable(protocol, DeviceRequest(body=msgspec.json.encode(body)))


@given(body=BODIES)
def test_any_messagepack_is_a_report_or_a_device_data_error(body):
    try:
        encoded = msgspec.msgpack.encode(body)
    except OverflowError:  # MessagePack has no larger integers
        return

    assert_readable("fix", DeviceRequest(body=encoded, content_type="application/msgpack"))


@EVERY_PROTOCOL
@given(query=QUERIES, header=st.text(max_size=30))
def test_any_query_is_a_report_or_a_device_data_error(protocol, query, header):
    assert_readable(protocol, DeviceRequest(query=query, headers={"authorization": header}))


@given(body=st.binary(max_size=300))
def test_the_websocket_readers_raise_nothing_else(body):
    for decode in (native.decode_json, native.decode_msgpack):
        with contextlib.suppress(DeviceDataError):
            decode(body)


@EVERY_PROTOCOL
def test_deep_nesting_is_a_device_data_error(protocol):
    for body in (b"[" * 100_000, b'{"locations":' * 100_000):
        with pytest.raises(DeviceDataError):
            PROTOCOLS[protocol](DeviceRequest(body=body))


def test_every_protocol_has_an_answer_that_ends_the_matter():
    assert REPLIES.keys() == PROTOCOLS.keys()
