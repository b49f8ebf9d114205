"""What dispatchers do: product.md §12 through HTTP."""

import pytest

from tests.web.api.house import SET_UP, House
from tracker.messages import Fix
from tracker.watchers import Watcher
from web import accounts_store
from web.auth import principal_of


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/dispatch/board"),
        ("GET", "/api/dispatch/customers"),
        ("GET", "/api/dispatch/switches"),
        ("PUT", "/api/dispatch/switches"),
        ("POST", "/api/dispatch/appointments"),
        ("POST", "/api/dispatch/import"),
        ("GET", "/api/dispatch/setup"),
        ("POST", "/api/dispatch/appointments/x/reassign"),
    ],
)
async def test_the_dispatchers_desk_is_for_dispatchers(house: House, method: str, path: str):
    body = {} if method != "GET" else None
    for client, status in ((house.rui, 403), (house.ana, 403), (house.nobody, 401)):
        assert (await client.request(method, path, json=body)).status_code == status


async def test_an_admin_may_do_what_a_dispatcher_may(house: House):
    assert (await house.ada.get("/api/dispatch/board")).status_code == 200


async def test_the_board_shows_every_technician_and_the_visits_of_the_day(house: House):
    visit = await house.book()
    house.turn_to("2026-11-24T07:30")

    board = (await house.dora.get("/api/dispatch/board")).json()

    assert [technician["id"] for technician in board["technicians"]] == ["ana", "bo"]
    (shown,) = board["visits"]
    assert shown["appointment"]["id"] == visit["id"]
    assert (shown["account"], shown["contact"]["name"]) == ("Acme", "Rui")
    assert (shown["overdue"], shown["late_risk"], shown["low_rating"]) == (False, False, False)


async def test_the_board_shows_where_a_technician_was_last_seen(house: House):
    house.state.node.ingest("ana", [Fix(fixed_at=house.clock_ms[0], lat=41.15, lon=-8.61)], house.clock_ms[0])

    board = (await house.dora.get("/api/dispatch/board")).json()

    ana = board["technicians"][0]
    assert (ana["lat_e6"], ana["lon_e6"], ana["silent"]) == (41_150_000, -8_610_000, False)
    assert board["technicians"][1]["lat_e6"] is None


async def test_a_traveling_technician_whose_phone_says_nothing_is_silent(house: House):
    visit = await house.bring_to(await house.book(), "traveling")

    board = (await house.dora.get("/api/dispatch/board")).json()

    silent = {technician["id"]: technician["silent"] for technician in board["technicians"]}
    assert silent[visit["technician"]["id"]] is True


async def test_a_visit_nobody_set_off_to_stays_on_the_board_as_overdue(house: House):
    visit = await house.book()
    house.turn_to("2026-11-30T08:00")

    (shown,) = (await house.dora.get("/api/dispatch/board")).json()["visits"]

    assert (shown["appointment"]["id"], shown["overdue"], shown["late_risk"]) == (visit["id"], True, True)


async def test_a_low_rating_is_flagged_on_the_board(house: House):
    visit = await house.bring_to(await house.book(), "completed")
    await house.rui.post(f"/api/appointments/{visit['id']}/feedback", json={"rating": 1})

    board = await house.dora.get("/api/dispatch/board", params={"date": "2026-11-24"})

    assert [shown["low_rating"] for shown in board.json()["visits"]] == [True]


async def test_a_rating_that_comes_later_is_on_the_board_for_seven_days(house: House):
    visit = await house.bring_to(await house.book(), "completed")
    house.turn_to("2026-12-01T12:00")
    await house.rui.post(f"/api/appointments/{visit['id']}/feedback", json={"rating": 2, "comment": "Muddy boots"})
    house.turn_to("2026-12-08T11:59")

    board = (await house.dora.get("/api/dispatch/board")).json()

    (shown,) = board["unhappy"]
    assert (shown["appointment"]["id"], shown["contact"]["name"], board["visits"]) == (visit["id"], "Rui", [])
    rating = shown["appointment"]["rating"]
    assert (rating["rating"], rating["comment"]) == (2, "Muddy boots")
    assert rating["rated_at"] == "2026-12-01T12:00:00+00:00"
    house.turn_to("2026-12-08T12:01")
    assert (await house.dora.get("/api/dispatch/board")).json()["unhappy"] == []


async def test_a_good_rating_is_no_news_on_the_board(house: House):
    visit = await house.bring_to(await house.book(), "completed")
    await house.rui.post(f"/api/appointments/{visit['id']}/feedback", json={"rating": 3})

    assert (await house.dora.get("/api/dispatch/board")).json()["unhappy"] == []


async def test_reassigning_gives_the_visit_to_the_other_technician(house: House):
    visit = await house.read(await house.book())
    other = "bo" if visit["technician"]["id"] == "ana" else "ana"

    answer = await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": other})

    assert (answer.status_code, answer.json()["technician"]["id"]) == (200, other)
    assert (await house.technician_of(visit).get(f"/api/appointments/{visit['id']}")).status_code == 404
    assert (await house.clients[other].get(f"/api/appointments/{visit['id']}")).status_code == 200


async def test_a_visit_cannot_be_given_to_somebody_who_is_busy_then(house: House):
    first = await house.read(await house.book())
    second = await house.read(await house.book())
    assert first["technician"]["id"] != second["technician"]["id"]

    answer = await house.dora.post(
        f"/api/dispatch/appointments/{first['id']}/reassign",
        json={"technician": second["technician"]["id"]},
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "slot_taken")
    assert await house.read(first) == first


@pytest.mark.parametrize("state", ["in_progress", "completed", "canceled"])
async def test_a_visit_that_has_begun_or_is_over_is_not_reassigned(house: House, state: str):
    visit = await house.bring_to(await house.book(), state)
    other = "bo" if visit["technician"]["id"] == "ana" else "ana"

    answer = await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": other})

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")


async def test_reassigning_to_nobody_or_on_a_stale_version_is_refused(house: House):
    visit = await house.read(await house.book())
    path = f"/api/dispatch/appointments/{visit['id']}/reassign"

    nobody = await house.dora.post(path, json={"technician": "zoe"})
    stale = await house.dora.post(path, json={"technician": "bo"}, headers={"If-Match": '"0"'})

    assert (nobody.status_code, stale.status_code) == (404, 412)
    assert await house.read(visit) == visit


async def test_a_dispatcher_books_on_a_customers_behalf(house: House):
    slot = await house.slot_at(house.dora, "10:00", contact="olga@other.example")

    answer = await house.dora.post("/api/dispatch/appointments", json={"slot": slot, "contact": "olga@other.example"})

    assert answer.status_code == 201
    shown = (await house.olga.get("/api/appointments")).json()["appointments"]
    assert [visit["id"] for visit in shown] == [answer.json()["id"]]


async def test_a_dispatcher_books_even_with_self_scheduling_off(house: House):
    await house.switch(self_scheduling=False)
    slot = await house.slot_at(house.dora, "10:00", contact="rui@acme.example")
    held = await house.dora.post("/api/holds", json={"slot": slot, "contact": "rui@acme.example"})

    answer = await house.dora.post(
        "/api/dispatch/appointments", json={"hold": held.json()["hold"], "contact": "rui@acme.example"}
    )

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("contact", "status", "code"),
    [
        (None, 422, "invalid"),
        ("x@y.example", 404, "contact_unknown"),
        ("ana@enroute.example", 404, "contact_unknown"),
        ("gil@gone.example", 409, "account_inactive"),
    ],
)
async def test_booking_on_behalf_needs_a_contact_of_an_active_account(
    house: House, contact: str | None, status: int, code: str
):
    slot = await house.slot_at(house.dora, "10:00", contact="rui@acme.example")

    answer = await house.dora.post("/api/dispatch/appointments", json={"slot": slot, "contact": contact})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_a_customer_writes_as_contact_is_ignored(house: House):
    visit = await house.book(house.rui, contact="olga@other.example")

    assert (await house.read(visit, house.rui))["id"] == visit["id"]
    assert (await house.olga.get("/api/appointments")).json()["appointments"] == []


async def test_switches_change_one_by_one(house: House):
    answer = await house.dora.put("/api/dispatch/switches", json={"surveys": False})

    assert answer.json() == {"self_scheduling": True, "technician_tracking": True, "surveys": False}
    assert (await house.dora.get("/api/dispatch/switches")).json() == answer.json()


async def test_customers_are_listed_with_their_contacts(house: House):
    accounts = (await house.dora.get("/api/dispatch/customers")).json()["accounts"]

    assert [account["id"] for account in accounts] == ["acme", "gone", "other"]
    assert {contact["email"] for contact in accounts[0]["contacts"]} == {
        "rui@acme.example",
        "eva@acme.example",
    }


async def test_an_import_is_checked_first_and_written_then(house: House):
    data = {"services": [{"id": "tune", "name": "Tune-up", "duration_min": 30}]}

    tried = await house.dora.post("/api/dispatch/import?dry_run=true", json=data)
    before = {service["id"] for service in (await house.rui.get("/api/services")).json()["services"]}
    written = await house.dora.post("/api/dispatch/import", json=data)
    after = {service["id"] for service in (await house.rui.get("/api/services")).json()["services"]}

    said = {"rows": {"services": 1}, "changes": {"services": {"new": 1, "changed": 0, "unchanged": 0, "removed": 0}}}
    assert (tried.status_code, tried.json()) == (200, {"dry_run": True} | said)
    assert (written.status_code, written.json()) == (200, {"dry_run": False} | said)
    assert after - before == {"tune"}


async def test_an_import_with_a_wrong_row_changes_nothing(house: House):
    data = {
        "services": [
            {"id": "tune", "name": "Tune-up", "duration_min": 30},
            {"id": "bad", "name": "", "duration_min": 0},
        ]
    }

    answer = await house.dora.post("/api/dispatch/import", json=data)

    assert (answer.status_code, answer.json()["code"]) == (422, "import_refused")
    assert [error["at"] for error in answer.json()["errors"]] == ["services[1].name"]
    services = (await house.rui.get("/api/services")).json()["services"]
    assert "tune" not in {service["id"] for service in services}


@pytest.mark.parametrize(
    ("name", "content", "at"),
    [
        ("my holidays.csv", "date,name\n2026-12-25,Natal\n2026-13-01,x\n", "my holidays.csv:3: date"),
        ("set-up.json", '{"holidays": [{"date": "2026-13-01", "name": "x"}]}', "set-up.json: holidays[0].date"),
        ("set-up.json", '{"holidays":\n [}', "set-up.json:2"),
        ("zones.geojson", '{"type": "Feature"}', "zones.geojson: features[0]"),
        ("photo.csv", "x", "photo.csv"),
        ("holidays.csv", "\udcff", "holidays.csv:1"),
    ],
)
async def test_a_file_is_imported_as_it_is_and_problems_name_their_place_in_it(
    house: House, name: str, content: str, at: str
):
    raw = content.encode("utf-8", "surrogateescape")

    answer = await house.dora.post("/api/dispatch/import", params={"file": name}, content=raw)

    assert (answer.status_code, answer.json()["code"]) == (422, "import_refused")
    assert [error["at"] for error in answer.json()["errors"]] == [at]
    assert (await house.dora.get("/api/dispatch/setup?lists=holidays")).json() == {}


async def test_a_csv_file_says_what_it_changes(house: House):
    content = "date,name\n2026-12-25,Natal\n"

    first, second = [
        await house.dora.post("/api/dispatch/import", params={"file": "holidays.csv"}, content=content.encode())
        for _ in range(2)
    ]

    assert first.json()["changes"] == {"holidays": {"new": 1, "changed": 0, "unchanged": 0, "removed": 0}}
    assert second.json()["changes"] == {"holidays": {"new": 0, "changed": 0, "unchanged": 1, "removed": 0}}


async def test_only_an_admin_imports_staff_and_passwords(house: House):
    data = {"staff": [{"email": "eve@enroute.example", "name": "Eve", "role": "admin"}]}

    assert (await house.dora.post("/api/dispatch/import", json=data)).status_code == 403
    assert (await house.ada.post("/api/dispatch/import", json=data)).status_code == 200


async def test_importing_the_same_set_up_again_keeps_visits_as_they_are(house: House):
    visit = await house.read(await house.book())

    answer = await house.ada.post("/api/dispatch/import", json=SET_UP)

    assert answer.status_code == 200
    assert await house.read(visit) == visit


async def test_an_import_that_takes_rights_away_cuts_the_views_of_those_people_only(house: House):
    class View(Watcher):
        closed = None

        def cut(self, code: int, reason: str) -> None:
            self.closed = code

    async def view_of(email: str) -> View:
        async with house.state.database.read() as conn:
            person = await accounts_store.person_by_email(conn, email)
        principal = principal_of(person, session_id=email, expires_s=2**40, proved_at_ms=0)
        view = View(write=lambda data: None, principal=principal, until_ms=2**60)
        house.state.hub.subscribe("anything", view)
        return view

    names = ("rui@acme.example", "olga@other.example", "dora@enroute.example", "ada@enroute.example")
    rui, olga, dora, ada = [await view_of(email) for email in names]
    closing = {
        "accounts": [{"id": "other", "name": "Other", "site": "other-home", "status": "inactive"}],
        "staff": [{"email": "dora@enroute.example", "name": "Dora", "role": "technician", "technician": "bo"}],
    }

    answer = await house.ada.post("/api/dispatch/import", json=closing)

    assert answer.status_code == 200, answer.text
    assert [view.closed for view in (rui, olga, dora, ada)] == [None, 1013, 1013, None]
