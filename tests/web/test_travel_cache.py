"""What is remembered of travel times, and what a booking accepts of them."""

from __future__ import annotations

from slots.travel import StraightTravel, known_point
from slots.travel_table import Figure
from web.travel_cache import ACCEPTED_S, FRESH_S, STAND_IN_S, TravelCache

HERE = known_point(lat=41.15, lon=-8.61)
THERE = known_point(lat=41.16, lon=-8.62)
LEG = (HERE, THERE)
NEIGHBOURS = [known_point(lat=41.2 + number / 1000, lon=-8.5) for number in range(10)]
LINE = Figure(StraightTravel().seconds(*LEG), True)


def driven(seconds: int) -> Figure:
    return Figure(seconds, False)


def test_a_figure_is_offered_while_it_is_fresh_and_accepted_some_minutes_longer():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)

    assert cache.offered(LEG, version=1, now_s=FRESH_S - 1) == driven(600)
    assert cache.offered(LEG, version=1, now_s=FRESH_S) is None
    assert cache.accepted(LEG, now_s=FRESH_S + ACCEPTED_S - 1) == driven(600)
    assert cache.accepted(LEG, now_s=FRESH_S + ACCEPTED_S) is None


def test_a_way_back_is_another_leg():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)

    assert cache.offered((THERE, HERE), version=1, now_s=0) is None


def test_places_within_a_metre_are_one():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)

    beside = known_point(lat=41.150001, lon=-8.610001)

    assert cache.offered((beside, THERE), version=1, now_s=0) == driven(600)


def test_another_version_of_the_engine_is_asked_again_but_what_was_offered_is_accepted():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)

    assert cache.offered(LEG, version=2, now_s=1) is None
    assert cache.accepted(LEG, now_s=1) == driven(600)


def test_a_slot_offered_on_the_lesser_time_is_accepted_after_the_greater_one_took_its_place():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)
    cache.put({LEG: driven(900)}, version=2, now_s=100)

    assert cache.offered(LEG, version=2, now_s=101) == driven(900)
    assert cache.accepted(LEG, now_s=100 + ACCEPTED_S - 1).seconds == 600
    assert cache.accepted(LEG, now_s=100 + ACCEPTED_S).seconds == 900


def test_what_was_offered_long_ago_is_not_accepted_any_more():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)
    long_after_s = FRESH_S + ACCEPTED_S

    cache.put({LEG: driven(900)}, version=1, now_s=long_after_s)

    assert cache.accepted(LEG, now_s=long_after_s) == driven(900)


def test_a_stand_in_is_the_straight_line_for_a_minute_and_accepted_after_the_engine_says_more():
    cache = TravelCache()

    assert cache.stand_in([LEG], version=1, now_s=0) == {LEG: LINE}
    assert cache.offered(LEG, version=1, now_s=STAND_IN_S - 1) == LINE
    assert cache.offered(LEG, version=1, now_s=STAND_IN_S) is None

    cache.put({LEG: driven(LINE.seconds + 500)}, version=1, now_s=30)

    assert cache.accepted(LEG, now_s=31).seconds == LINE.seconds


def test_what_the_engine_said_last_stands_in_before_a_straight_line():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)

    assert cache.stand_in([LEG], version=2, now_s=FRESH_S * 3) == {LEG: driven(600)}
    assert cache.offered(LEG, version=2, now_s=FRESH_S * 3) == driven(600)


def test_the_place_that_was_asked_from_longest_ago_is_forgotten_first():
    cache = TravelCache(most=40)
    sites = [known_point(lat=41.0 + number / 100, lon=-8.6) for number in range(4)]
    for site in sites[1:]:
        put_neighbours(cache, site, there=driven(100), back=driven(200))

    found = [cache.offered((site, NEIGHBOURS[0]), version=1, now_s=1) for site in sites[1:]]

    assert found == [None, driven(200), driven(200)]
    assert len(cache) == 40


def test_a_place_and_its_neighbours_are_at_hand_in_both_directions():
    cache = TravelCache()
    put_neighbours(cache, HERE, there=driven(100), back=driven(200))

    there = {cache.offered((place, HERE), version=1, now_s=1) for place in NEIGHBOURS}
    back = {cache.offered((HERE, place), version=1, now_s=1) for place in NEIGHBOURS}

    assert (there, back, len(cache)) == ({driven(100)}, {driven(200)}, 2 * len(NEIGHBOURS))


def test_one_more_neighbour_joins_the_others_and_is_fresh_no_longer_than_they():
    cache = TravelCache()
    put_neighbours(cache, HERE, there=driven(100), back=driven(200))
    cache.put({LEG: driven(300), (HERE, NEIGHBOURS[0]): driven(200)}, version=1, now_s=FRESH_S / 5)

    assert len(cache) == 2 * len(NEIGHBOURS) + 1
    assert cache.offered(LEG, version=1, now_s=FRESH_S - 1) == driven(300)
    assert cache.offered(LEG, version=1, now_s=FRESH_S) is None


def test_what_the_engine_says_goes_before_what_stood_in_for_it():
    cache = TravelCache()
    cache.stand_in([LEG], version=1, now_s=0)
    cache.put({LEG: driven(5)}, version=1, now_s=1)
    cache.put({(HERE, place): driven(7) for place in NEIGHBOURS}, version=1, now_s=2)

    assert cache.offered(LEG, version=1, now_s=3) == driven(5)


def test_an_answer_that_was_reckoned_before_the_engine_learned_is_not_offered():
    cache = TravelCache()
    cache.put({(HERE, place): driven(7) for place in NEIGHBOURS}, version=2, now_s=0)

    cache.put({LEG: driven(600)}, version=1, now_s=1)

    assert cache.offered(LEG, version=2, now_s=2) is None
    assert cache.offered((HERE, NEIGHBOURS[0]), version=2, now_s=2) == driven(7)


def test_an_engine_that_is_away_for_a_day_leaves_no_pile_of_stand_ins():
    cache = TravelCache()
    cache.put({LEG: driven(600)}, version=1, now_s=0)
    for minute in range(24 * 60):
        cache.stand_in([LEG], version=1, now_s=FRESH_S + 60.0 * minute)

    assert cache.stand_in([LEG], version=1, now_s=FRESH_S + 86_400.0) == {LEG: driven(600)}
    assert len(cache) < 100


def put_neighbours(cache: TravelCache, site, *, there: Figure, back: Figure) -> None:
    cache.put({(place, site): there for place in NEIGHBOURS}, version=1, now_s=0)
    cache.put({(site, place): back for place in NEIGHBOURS}, version=1, now_s=0)
