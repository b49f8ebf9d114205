import msgspec

from tests.tracker.journeys import NOW_MS
from tracker.records import LastState


def test_a_last_state_written_by_an_older_version_can_still_be_read():
    old = {
        "technician_id": "ana",
        "trip_id": None,
        "fixed_at": NOW_MS,
        "lat": 41.15,
        "lon": -8.62,
        "speed_mps": 0.0,
        "heading_deg": None,
        "accuracy_m": None,
        "battery": None,
    }

    state = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=LastState)

    assert (state.eta_at, state.arrived_at, state.revealed) == (None, None, True)
