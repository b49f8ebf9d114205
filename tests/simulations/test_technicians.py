from __future__ import annotations

import asyncio

from simulations.crews import Stage, call_technician, import_company
from simulations.customers import Wishes
from simulations.gps_noise import PERFECT
from simulations.plane import distance_m
from simulations.technicians import Habits
from simulations.towns import MadeUpTown, Place
from simulations.watchers import Watcher
from tests.simulations.cities import small_city
from tests.simulations.test_company import company

HABITS = Habits(fix_interval_s=0.2, stand_s=2.0, work_s=(0.0, 0.0), faults=PERFECT, roam=False)


async def until(log, wanted, heard: asyncio.Event) -> None:
    async with asyncio.timeout(30):
        while not wanted(log):
            heard.clear()
            await heard.wait()


async def test_a_technicians_fixes_reach_the_customer_who_watches(playground, admin):
    people = company(prefix="watch-", technicians=1, customers=1)
    await import_company(admin, people)
    stage = Stage(base_url=playground.url, town=MadeUpTown(small_city()), company=people, seed="1")
    (technician,) = crew = stage.technicians(HABITS)
    (customer,) = stage.customers(Wishes(), lambda visit: None)
    await technician.sign_in()
    await customer.sign_in()
    visit = await customer.book(people.services[0])
    watcher = Watcher(
        url=customer.api.websocket_url(f"/ws/appointments/{visit['id']}"),
        token=customer.api.token,
        visit=visit["id"],
        seed="1",
        observations=stage.observations,
        clock=stage.clock,
        departures=stage.departures,
    )
    tasks = [asyncio.create_task(watcher.run()), asyncio.create_task(technician.run())]

    assert call_technician(crew, visit) is technician
    await until(watcher.log, lambda log: log.positions >= 8, watcher.heard)
    lat, lon = watcher.log.last_seen
    await watcher.drop()
    shown = watcher.log.positions
    await until(watcher.log, lambda log: log.welcomes == 2 and log.positions > shown, watcher.heard)

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await customer.api.close()
    start = technician.place
    assert distance_m(lat_a=lat, lon_a=lon, lat_b=start.lat, lon_b=start.lon) < 200
    assert (watcher.log.backwards, watcher.log.without_eta) == (0, 0)
    assert watcher.log.statuses[-1] == "traveling"
    assert stage.observations.latency_ms.percentile(50) < 1000
    assert not stage.observations.rejections


async def test_a_visit_is_worked_from_booking_to_completion(playground, admin):
    people = company(prefix="whole-", technicians=1, customers=1)
    await import_company(admin, people)
    stage = Stage(base_url=playground.url, town=MadeUpTown(small_city()), company=people, seed="1")
    home = people.file["sites"][0]
    (technician,) = crew = stage.technicians(HABITS)
    # Next door already: the drive takes no time, the bell rings after a while
    technician.place = Place(home["lat"], home["lon"])
    (customer,) = stage.customers(
        Wishes(move_share=0, cancel_share=0, feedback_share=1, drops_per_hour=0),
        lambda visit: call_technician(crew, visit),
    )
    day = asyncio.create_task(technician.run())
    await customer.sign_in()

    async with asyncio.timeout(30):
        await customer.one_visit()

    day.cancel()
    await asyncio.gather(day, return_exceptions=True)
    await customer.api.close()
    counts = stage.observations.counts
    assert {name: counts[name] for name in ("booked", "set off", "arrived", "completed", "rated")} == {
        "booked": 1,
        "set off": 1,
        "arrived": 1,
        "completed": 1,
        "rated": 1,
    }
    assert counts["arrivals announced"] == 1
    assert not stage.observations.errors
