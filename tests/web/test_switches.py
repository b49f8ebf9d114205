from tests.web.api.house import House, open_house
from web import switches_store


async def test_a_stored_switch_wins_over_the_setting_after_a_restart(template, tmp_path):
    folder = tmp_path / "house"
    async with open_house(template, folder) as house:
        await house.dora.put("/api/dispatch/switches", json={"surveys": False})

    async with open_house(folder, tmp_path / "again", surveys=True, technician_tracking=False) as house:
        values = (await house.dora.get("/api/dispatch/switches")).json()

    assert values == {"self_scheduling": True, "technician_tracking": False, "surveys": False}


async def test_what_is_not_named_stays(house: House):
    await house.dora.put("/api/dispatch/switches", json={"self_scheduling": False})
    await house.dora.put("/api/dispatch/switches", json={"surveys": False})

    assert house.state.switches.self_scheduling is False
    assert house.state.switches.technician_tracking is True


async def test_whoever_listens_is_told_after_the_change(house: House):
    seen = []

    async def listen():
        seen.append(house.state.switches.technician_tracking)

    house.state.switches.listeners.append(listen)

    await house.dora.put("/api/dispatch/switches", json={"technician_tracking": False})

    assert seen == [False]


async def test_the_switches_are_the_same_in_the_words_of_scheduling(house: House):
    await house.dora.put("/api/dispatch/switches", json={"technician_tracking": False})

    words = house.state.switches.for_slots()

    assert (words.self_scheduling, words.tracking, words.surveys) == (True, False, True)


async def test_an_imported_switch_is_in_force_at_once(house: House):
    told: list[bool] = []

    async def tell() -> None:
        told.append(house.state.switches.surveys)

    house.state.switches.listeners.append(tell)
    for on in (False, False, True):
        rows = [{"switch": "surveys", "on": on}]
        answer = await house.dora.post("/api/dispatch/import", json={"switches": rows})
        assert answer.status_code == 200, answer.text

    assert told == [False, True]


async def test_switches_of_a_tried_or_a_refused_import_stay(house: House):
    rows = [{"switch": "surveys", "on": False}]

    tried = await house.dora.post("/api/dispatch/import?dry_run=true", json={"switches": rows})
    wrong = await house.dora.post("/api/dispatch/import", json={"switches": [*rows, {"switch": "maps", "on": True}]})
    twice = await house.dora.post("/api/dispatch/import", json={"switches": rows * 2})

    assert (tried.status_code, wrong.status_code, twice.status_code) == (200, 422, 422)
    assert [error["at"] for error in wrong.json()["errors"]] == ["switches[1].switch"]
    assert house.state.switches.surveys


async def test_what_the_command_line_has_stored_is_taken_over(house: House):
    async with house.state.database.transaction() as conn:
        await switches_store.put_switch(conn, name="technician_tracking", value=False)

    await house.state.switches.follow(house.state.database)

    assert not house.state.switches.technician_tracking
