import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.roads.polyline import decode_polyline6
from tracker.route import Route

units = st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))


@given(st.lists(units, min_size=2, max_size=20))
def test_what_a_route_writes_is_read_again(points):
    points = [(lat / 1e6, lon / 1e6) for lat, lon in points]

    assert decode_polyline6(Route(points).polyline6()) == points


def test_the_line_of_a_real_server_is_read():
    # osrm-routed 26.10 for a way from a place to itself.
    assert decode_polyline6("s_rnmAv{olO??") == [(41.149962, -8.610252)] * 2


@pytest.mark.parametrize("text", ["s_rnmA", "s_rnmAv{olO?", "s_", "s_rnmA é", "~" * 12 + "?", "gntolfD?" * 2])
def test_what_is_no_line_on_the_earth_is_refused(text):
    with pytest.raises(ValueError, match="polyline"):
        decode_polyline6(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        points = decode_polyline6(text)
    except ValueError:
        return

    assert all(abs(lat) <= 90 and abs(lon) <= 180 for lat, lon in points)
