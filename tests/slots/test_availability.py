"""One rule each, on calendars small enough to see. Home and site are one place unless a test moves one of them."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from slots.availability import Candidate, bookable_starts, find_candidates, lead_problem
from slots.calendar import Busy, build_calendar
from slots.model import Break, Resource, Rules, ServiceType, Shift, Site
from slots.travel import UNKNOWN_TRAVEL_S, Point, StraightTravel, known_point
from tests.slots.factories import MONDAY, NOW_S, a_resource, a_service, a_site, at, lunch, weekly

RULES = Rules(min_lead_s=0, slot_step_s=900)
HERE = known_point(lat=38.72, lon=-9.14)
THERE = known_point(lat=38.75, lon=-9.20)
MINUTES = 60


class MinutesBetween:
    """20 minutes between any two different places."""

    def seconds(self, origin: Point | None, destination: Point | None) -> int:
        return 0 if origin == destination and origin is not None else 20 * MINUTES


def find(
    *resources: Resource,
    busy: dict[int, list[Busy]] | None = None,
    service: ServiceType | None = None,
    site: Site | None = None,
    day: datetime.date = MONDAY,
    territory_ids: frozenset[str] = frozenset(),
    holidays: frozenset[datetime.date] = frozenset(),
    rules: Rules = RULES,
    now_s: int = NOW_S,
    travel: object = None,
) -> list[Candidate]:
    site, service = site or a_site(), service or a_service()
    starts = bookable_starts(day, day, zone=ZoneInfo(site.time_zone), rules=rules, now_s=now_s)
    if not starts:
        return []
    calendar = build_calendar(
        resources=resources or (a_resource(),),
        busy=busy or {},
        holidays=holidays,
        service=service,
        site=site,
        territory_ids=territory_ids,
        from_s=starts[0][0] - 2 * 86_400,
        to_s=starts[-1][0] + 2 * 86_400,
    )
    return find_candidates(
        calendar,
        starts,
        duration_s=service.duration_s,
        travel=travel or MinutesBetween(),
        buffer_s=rules.buffer_s,
    )


def bounds(found: list[Candidate]) -> tuple[int, int]:
    return found[0].start_s, found[-1].start_s


def test_a_visit_lies_inside_the_shift() -> None:
    assert bounds(find()) == (at(8), at(15))


def test_a_visit_does_not_run_into_a_break() -> None:
    starts = [candidate.start_s for candidate in find(a_resource(breaks=lunch()))]

    assert at(11) in starts
    assert at(13) in starts
    assert not [start for start in starts if at(11) < start < at(13)]


def test_nobody_comes_on_a_holiday() -> None:
    assert find(holidays=frozenset({MONDAY})) == []


def test_a_visit_that_exists_is_not_overlapped() -> None:
    starts = [c.start_s for c in find(busy={1: [Busy(at(10), at(11), HERE)]})]

    assert at(9) in starts
    assert at(11) in starts
    assert not [start for start in starts if at(9) < start < at(11)]


def test_travel_after_the_visit_before_fits() -> None:
    found = find(busy={1: [Busy(at(8), at(9), THERE)]})

    assert found[0].start_s == at(9.5)  # 20 minutes from there, on a grid of a quarter of an hour


def test_travel_to_the_visit_after_fits() -> None:
    found = find(busy={1: [Busy(at(15), at(16), THERE)]})

    assert found[-1].start_s == at(13.5)


def test_travel_from_home_and_back_fits_the_shift() -> None:
    found = find(a_resource(home_lat=38.75, home_lon=-9.20))

    assert bounds(found) == (at(8.5), at(14.5))


def test_the_way_from_a_visit_outside_the_shift_counts_too() -> None:
    found = find(busy={1: [Busy(at(7), at(8) - 5 * MINUTES, THERE), Busy(at(16) + 5 * MINUTES, at(17), THERE)]})

    assert bounds(found) == (at(8.25), at(14.75))


def test_nobody_drives_through_a_break() -> None:
    visit_before_lunch = {1: [Busy(at(10), at(12) - 10 * MINUTES, THERE)]}

    found = find(a_resource(breaks=lunch()), busy=visit_before_lunch)

    assert next(c.start_s for c in found if c.start_s > at(10)) == at(13.25)


def test_a_break_while_the_way_is_already_done_costs_nothing() -> None:
    visit_before_lunch = {1: [Busy(at(10), at(12) - 30 * MINUTES, THERE)]}

    found = find(a_resource(breaks=lunch()), busy=visit_before_lunch)

    assert next(c.start_s for c in found if c.start_s > at(10)) == at(13)


def test_a_buffer_is_kept_beside_travel_between_visits_but_not_at_the_edges_of_the_shift() -> None:
    rules = Rules(min_lead_s=0, slot_step_s=900, buffer_s=15 * MINUTES)

    found = find(busy={1: [Busy(at(10), at(11), HERE)]}, rules=rules)

    starts = [candidate.start_s for candidate in found]
    assert (starts[0], starts[-1]) == (at(8), at(15))
    assert [s for s in starts if at(8) < s < at(15)][3:5] == [at(11.25), at(11.5)]


def test_an_unknown_site_costs_the_conservative_travel() -> None:
    found = find(site=a_site(lat=None, lon=None), travel=StraightTravel())

    assert UNKNOWN_TRAVEL_S == 30 * MINUTES
    assert bounds(found) == (at(8.5), at(14.5))


def test_a_site_at_zero_zero_is_unknown_not_far_away() -> None:
    assert bounds(find(site=a_site(lat=0.0, lon=0.0), travel=StraightTravel())) == (at(8.5), at(14.5))


def test_between_two_visits_at_unknown_places_travel_is_not_zero() -> None:
    found = find(busy={1: [Busy(at(8), at(9), None), Busy(at(11), at(12), None)]}, travel=StraightTravel())

    assert [c.start_s for c in found if c.start_s < at(11)] == [at(9.5)]


def test_a_skill_is_needed_where_the_service_names_one() -> None:
    gas = a_service(skill="gas")

    assert find(service=gas) == []
    assert find(a_resource(skills=frozenset({"gas", "power"})), service=gas)


def test_a_technician_with_territories_works_only_inside_them() -> None:
    north = a_resource(territories=frozenset({"north"}))

    assert find(north, territory_ids=frozenset({"south"})) == []
    assert find(north, territory_ids=frozenset({"south", "north"}))


def test_a_technician_without_territories_works_everywhere() -> None:
    assert find(territory_ids=frozenset())


def test_a_site_beyond_the_travel_radius_is_not_served() -> None:
    far = a_site(lat=38.75, lon=-9.20)  # 6.2 km from home

    assert find(a_resource(max_travel_m=6000), site=far) == []
    assert find(a_resource(max_travel_m=6500), site=far)


def test_a_radius_that_cannot_be_measured_is_not_kept() -> None:
    assert find(a_resource(max_travel_m=50_000, home_lat=None, home_lon=None)) == []
    assert find(a_resource(max_travel_m=50_000), site=a_site(lat=0.0, lon=0.0)) == []


def test_a_technician_who_left_takes_no_visits() -> None:
    assert find(a_resource(active=False)) == []


def test_the_technician_with_the_least_added_travel_wins() -> None:
    near = a_resource(id="near", key=2)
    far = a_resource(id="far", key=1, home_lat=38.75, home_lon=-9.20)

    found = find(far, near)

    assert {candidate.technician_key for candidate in found} == {2}


def test_added_travel_counts_the_detour_not_the_distance() -> None:
    # Both visits of the first technician are at the place itself: stopping there once more adds nothing.
    passing_by = a_resource(id="passing", key=2, home_lat=38.75, home_lon=-9.20)
    busy = {2: [Busy(at(9), at(10), HERE), Busy(at(13), at(14), HERE)]}
    starting_here = a_resource(id="here", key=1, shifts=weekly(480, 960), home_lat=38.73, home_lon=-9.15)

    found = {c.start_s: (c.technician_key, c.added_travel_s) for c in find(starting_here, passing_by, busy=busy)}

    assert found[at(11)] == (2, 0)
    assert found[at(8.5)] == (1, 2400)


def test_a_tie_always_goes_to_the_same_technician() -> None:
    twins = [a_resource(id="b", key=2), a_resource(id="a", key=1)]

    assert {c.technician_key for c in find(*twins)} == {1}
    assert find(*twins) == find(*reversed(twins))


def test_a_shift_over_midnight_is_bookable_on_both_days() -> None:
    night = a_resource(shifts=(Shift(weekday=0, start_min=22 * 60, end_min=2 * 60),))

    assert bounds(find(night)) == (at(22), at(23.75))
    assert bounds(find(night, day=MONDAY + datetime.timedelta(days=1))) == (at(24), at(25))


def test_hours_are_the_technicians_and_days_are_the_sites() -> None:
    madrid = a_resource(time_zone="Europe/Madrid")

    assert bounds(find(madrid)) == (at(7), at(14))


def test_a_local_time_that_does_not_exist_yields_no_slot() -> None:
    day = datetime.date(2026, 3, 29)
    found = find(
        a_resource(shifts=weekly(0, 300)),
        day=day,
        now_s=int(datetime.datetime(2026, 3, 27, tzinfo=datetime.UTC).timestamp()),
        rules=Rules(min_lead_s=0, slot_step_s=1800),
    )

    zone = ZoneInfo("Europe/Lisbon")
    walls = [datetime.datetime.fromtimestamp(c.start_s, zone).strftime("%H:%M") for c in found]
    assert walls == ["00:00", "00:30", "02:00", "02:30", "03:00", "03:30", "04:00"]


def test_a_repeated_hour_yields_two_distinct_instants() -> None:
    day = datetime.date(2026, 10, 25)
    found = find(
        a_resource(shifts=weekly(60, 120)),
        day=day,
        now_s=int(datetime.datetime(2026, 10, 23, tzinfo=datetime.UTC).timestamp()),
        rules=Rules(min_lead_s=0, slot_step_s=1800),
    )

    zone = ZoneInfo("Europe/Lisbon")
    shown = [datetime.datetime.fromtimestamp(c.start_s, zone).isoformat()[11:] for c in found]
    assert shown == ["01:00:00+01:00", "01:30:00+01:00", "01:00:00+00:00"]


def test_durations_are_elapsed_time_over_a_change_of_clocks() -> None:
    day = datetime.date(2026, 3, 29)
    midnight = int(datetime.datetime(2026, 3, 29, tzinfo=datetime.UTC).timestamp())

    found = find(
        a_resource(shifts=weekly(0, 180)),  # two elapsed hours that night
        service=a_service(duration_s=2 * 3600),
        day=day,
        now_s=midnight - 86_400,
    )

    assert [c.start_s for c in found] == [midnight]


def test_the_shortest_lead_is_elapsed_time() -> None:
    found = find(now_s=at(9) + 60, rules=Rules(min_lead_s=3600, slot_step_s=900))

    assert found[0].start_s == at(10.25)


def test_lead_in_days_counts_the_sites_calendar_days() -> None:
    # 00:30 on Monday in Lisbon is still Sunday in New York, where the site is.
    rules = Rules(min_lead_s=0, min_lead_days=1, max_lead_days=1)
    new_york, lisbon = ZoneInfo("America/New_York"), ZoneInfo("Europe/Lisbon")

    assert lead_problem(at(15), zone=new_york, rules=rules, now_s=at(0.5)) is None
    assert lead_problem(at(15), zone=lisbon, rules=rules, now_s=at(0.5)) == "too_soon"
    assert lead_problem(at(15, day=1), zone=lisbon, rules=rules, now_s=at(0.5)) is None
    assert lead_problem(at(15, day=1), zone=new_york, rules=rules, now_s=at(0.5)) == "too_far_ahead"


def test_starts_outside_the_lead_are_not_offered() -> None:
    rules = Rules(min_lead_s=0, min_lead_days=2, max_lead_days=3)
    first, last = MONDAY, MONDAY + datetime.timedelta(days=9)

    starts = bookable_starts(first, last, zone=ZoneInfo("Europe/Lisbon"), rules=rules, now_s=at(12))

    assert {day for _, day in starts} == {MONDAY + datetime.timedelta(days=n) for n in (2, 3)}


def test_an_overrun_visit_keeps_its_technician_until_it_ends() -> None:
    found = find(busy={1: [Busy(at(9), at(11.5), HERE), Busy(at(10), at(11), HERE)]})

    assert next(c.start_s for c in found if c.start_s >= at(9)) == at(11.5)


def test_breaks_of_another_weekday_do_not_count() -> None:
    tuesday_lunch = (Break(weekday=1, start_min=720, end_min=780),)

    assert at(12) in [c.start_s for c in find(a_resource(breaks=tuesday_lunch))]


def test_a_technician_takes_no_more_visits_on_a_day_than_they_take() -> None:
    limited = a_resource(max_visits_a_day=2)
    one = {1: [Busy(at(9), at(10), HERE)]}
    two = {1: [Busy(at(9), at(10), HERE), Busy(at(13), at(14), HERE)]}

    assert find(limited, busy=one)
    assert find(limited, busy=two) == []
    assert find(limited, busy=two, day=MONDAY + datetime.timedelta(days=1))


def test_visits_of_a_day_are_counted_by_the_technicians_own_midnight() -> None:
    # In Lisbon it is still Monday when a new day begins in Madrid.
    night = a_resource(time_zone="Europe/Madrid", shifts=weekly(0, 1440), max_visits_a_day=1)

    found = {candidate.start_s for candidate in find(night, busy={1: [Busy(at(9), at(10), HERE)]})}

    assert found == {at(hour) for hour in (23, 23.25, 23.5, 23.75)}


def test_a_visit_that_starts_before_midnight_does_not_count_on_the_next_day() -> None:
    night = a_resource(shifts=weekly(0, 1440), max_visits_a_day=1)
    late = {1: [Busy(at(23, day=-1), at(1), HERE)]}

    assert find(night, busy=late)


def test_the_technician_who_takes_no_more_gives_way_to_another() -> None:
    limited, other = a_resource(max_visits_a_day=1), a_resource(id="other", key=2, home_lat=38.75)

    found = find(limited, other, busy={1: [Busy(at(9), at(10), HERE)]})

    assert {candidate.technician_key for candidate in found} == {2}
