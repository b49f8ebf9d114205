from __future__ import annotations

from simulations.company import make_company
from simulations.plane import distance_m
from tests.simulations.cities import small_city


def company(**changes):
    return make_company(
        small_city(), **{"seed": 3, "technicians": 4, "customers": 5, "password": "eight letters"} | changes
    )


def test_the_same_seed_gives_the_same_company():
    assert company() == company()


def test_every_technician_can_do_every_service_at_any_hour():
    file = company().file

    for technician in file["technicians"]:
        assert {service["skill"] for service in file["services"]} == set(technician["skills"])
        assert [(s["weekday"], s["start"], s["end"]) for s in technician["shifts"]] == [
            (day, "00:00", "24:00") for day in range(7)
        ]


def test_names_are_used_once_so_that_a_booking_tells_who_comes():
    names = [technician["name"] for technician in company(technicians=300).file["technicians"]]

    assert len(set(names)) == 300


def test_customers_live_at_a_door_near_a_street():
    city = small_city()

    for site in company().file["sites"]:
        lat, lon = city.place(city.nearest_node(lat=site["lat"], lon=site["lon"]))
        assert distance_m(lat_a=site["lat"], lon_a=site["lon"], lat_b=lat, lon_b=lon) < 15


def test_a_prefix_keeps_two_companies_apart():
    one, other = company(prefix="a-").file, company(prefix="b-").file

    for kind in ("technicians", "services", "accounts", "sites", "assets"):
        assert not {row["id"] for row in one[kind]} & {row["id"] for row in other[kind]}
    assert not {row["email"] for row in one["contacts"]} & {row["email"] for row in other["contacts"]}


def test_without_technicians_there_are_no_services_that_nobody_could_do():
    assert company(technicians=0).file["services"] == []
