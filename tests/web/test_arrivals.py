"""The report of arrival times: names and clocks."""

import pytest

from slots.model import Resource, Site
from tests.web.ledgers import GAIA, PORTO
from web.arrivals import area_names, zone_of
from web.languages import translator


def technician(number: int, zone: str, **changed) -> Resource:
    return Resource(id=str(number), name="Ana", time_zone=zone, **changed)


def site(number: int, address: str, *, lat: float | None = 41.151, lon: float | None = -8.618) -> Site:
    return Site(id=str(number), account_id="a", name="Home", address=address, lat=lat, lon=lon, time_zone="UTC")


def test_days_are_those_of_the_clock_that_most_technicians_live_by():
    berlin, lisbon = "Europe/Berlin", "Europe/Lisbon"

    assert zone_of([technician(1, lisbon), technician(2, berlin), technician(3, berlin)]) == berlin
    assert zone_of([technician(1, lisbon), technician(2, berlin, active=False)]) == lisbon
    assert zone_of([technician(1, lisbon), technician(2, berlin)]) == zone_of(
        [technician(2, berlin), technician(1, lisbon)]
    )
    assert zone_of([]) == "UTC"


def test_an_area_is_called_by_the_street_nearest_to_its_centre():
    sites = [site(1, "Rua do Forno 9, Porto", lat=41.157), site(2, "Rua das Flores 1, Porto"), site(3, "")]

    assert area_names([PORTO, None], sites) == {PORTO: "Around Rua das Flores", None: "Unknown place"}


def test_an_area_without_a_known_street_is_called_by_its_centre():
    names = area_names([PORTO, "-33.870,151.200"], [site(1, "Rua do Forno 9", lat=None, lon=None)])

    assert names[PORTO] == "41.15° N, 8.62° W"
    assert names["-33.870,151.200"] == "33.87° S, 151.20° E"


def test_two_areas_on_one_street_are_told_apart():
    sites = [site(1, "Avenida da Boavista 3"), site(2, "Avenida da Boavista 900", lat=41.131)]

    names = area_names([PORTO, GAIA], sites)

    assert names[PORTO] == "Around Avenida da Boavista (41.15° N, 8.62° W)"
    assert names[GAIA] == "Around Avenida da Boavista (41.13° N, 8.62° W)"


@pytest.mark.parametrize(
    "address", ["Rua das Flores 1, Porto", "Rua das Flores 1A", "12 Rua das Flores", " Rua das Flores"]
)
def test_an_area_never_names_a_house(address: str):
    assert area_names([PORTO], [site(1, address)])[PORTO] == "Around Rua das Flores"


def test_an_area_is_called_in_the_reader_s_language():
    sites = [site(1, "Rua das Flores 1, Porto")]

    names = area_names([PORTO, "-33.870,151.200", None], sites, translator("de"))

    assert list(names.values()) == ["Unbekannter Ort", "Umgebung Rua das Flores", "33,87° S, 151,20° O"]
