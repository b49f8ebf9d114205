import pytest

from tracker.recordings import RecordingError, read_recordings

HEADER = "trip_id,t,lat,lon\n"
# A hundredth of a degree north is 1112 m.
ROWS = "a,100,41.00,-8.6\na,200,41.01,-8.6\nb,50,41.00,-8.6\na,300,41.02,-8.6\nb,60,41.00,-8.7\nc,1,41.0,-8.6\n"


def read(text: str):
    return read_recordings("some.csv", text.splitlines(keepends=True))


def test_rows_of_a_trip_stand_together_or_apart_and_the_earliest_trip_is_first():
    recordings = read(HEADER + ROWS)

    assert [(trip.trip_id, len(trip.fixes)) for trip in recordings] == [("b", 2), ("a", 3)]
    assert recordings[1].started_at == 100_000


def test_the_truth_is_the_last_entry_into_the_circle_round_the_end():
    trip = read(HEADER + ROWS)[1]

    assert trip.arrived_at(75.0) == pytest.approx(300_000 - 100_000 * 75 / 1112, abs=100)


def test_a_trip_that_never_leaves_the_circle_has_arrived_when_it_starts():
    trip = read(HEADER + "a,100,41,-8\na,200,41,-8\n")[0]

    assert trip.arrived_at() == trip.started_at


def test_columns_may_stand_in_any_order_with_others_between():
    trip = read("lon,x,t,trip_id,lat\n-8.6,1,100,a,41\n-8.6,1,200,a,41\n")[0]

    assert (trip.destination.lat, trip.destination.lon) == (41, -8.6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks trip_id, t, lat, lon"),
        ("trip_id,t,lat\n", "lacks lon"),
        (HEADER + "a,now,41,-8\n", "line 2"),
        (HEADER + "a,100,41\n", "line 2"),
        (HEADER + "a,inf,41,-8\n", "line 2"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text, message):
    with pytest.raises(RecordingError, match=message):
        read(text)


def test_rows_without_a_place_on_earth_are_left_out():
    places = ["41.0,-8.0", ",", "nan,nan", "0,0", "41.1,-8.0", "141.0,-8.0"]
    text = "trip_id,t,lat,lon\n" + "".join(f"a,{60 * number},{place}\n" for number, place in enumerate(places))

    (trip,) = read_recordings("x.csv", text.splitlines(keepends=True))

    assert [(fix.fixed_at, fix.lat) for fix in trip.fixes] == [(0, 41.0), (240_000, 41.1)]


def test_what_a_spreadsheet_saved_is_read_too():
    text = "\ufeffTrip_ID,T,Lat,Lon\r\n" + '"a","0","41.0","-8.0"\r\n' + "a,15,41.1,-8.0\r\n"

    (trip,) = read_recordings("x.csv", text.splitlines(keepends=True))

    assert (trip.trip_id, len(trip.fixes)) == ("a", 2)
