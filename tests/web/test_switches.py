from tests.web.api.house import House, open_house


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
