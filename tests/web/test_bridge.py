"""Events of scheduling become trips and page updates, in the breath of the change. Through the real app."""

import json
from pathlib import Path
from typing import Any

import pytest

from slots import booking
from tests.tracker.sockets import until
from tests.web.api.house import WEDNESDAY, House, open_house
from tracker.ledger import area_of
from tracker.messages import Fix
from tracker.watchers import Watcher
from web.auth import Principal


class Listener(Watcher):
    """A watcher without a socket: what it is told, it keeps."""

    __slots__ = ("closed", "told")

    def __init__(self, house: House, topic: str) -> None:
        super().__init__(write=self._hear, principal=None, until_ms=2**60)
        self.told: list[dict[str, Any]] = []
        self.closed: int | None = None
        house.state.hub.subscribe(topic, self, heartbeat=False)

    def _hear(self, frame: bytes) -> None:
        # Server frames are unmasked; the header has 2, 4 or 10 bytes.
        header = {126: 4, 127: 10}.get(frame[1], 2)
        self.told.append(json.loads(frame[header:]))

    def cut(self, code: int, reason: str) -> None:
        self.closed = int(code)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]


def report(house: House, technician_id: str, *, lat: float, lon: float = -8.61) -> None:
    house.pass_s(60)
    fix = Fix(fixed_at=house.clock_ms[0], lat=lat, lon=lon, accuracy_m=5.0, speed_mps=10.0)
    house.state.node.ingest(technician_id, [fix], house.clock_ms[0])


async def watch(house: House, visit: dict[str, Any]) -> Listener:
    """Follow the visit's stream as its customer does: the facts first, then every change."""
    house.state.node.pin(visit["id"])
    assert (await house.rui.get(f"/api/appointments/{visit['id']}/live")).status_code == 200
    return Listener(house, house.state.node.topic(visit["id"]))


async def live(house: House, visit: dict[str, Any]) -> dict[str, Any]:
    return (await house.rui.get(f"/api/appointments/{visit['id']}/live")).json()


async def change(house: House, visit: dict[str, Any], action: str) -> None:
    house.pass_s(60)
    answer = await house.technician_of(visit).post(
        f"/api/appointments/{visit['id']}/{action}",
        json={"reason": "nobody home"} if action == "cancel" else {},
    )
    assert answer.status_code == 200, answer.text


async def test_nothing_is_shown_before_the_technician_sets_off(house: House):
    visit = await house.read(await house.book())
    stream = await watch(house, visit)

    report(house, visit["technician"]["id"], lat=41.17)

    assert stream.told == []
    assert "position" not in await live(house, visit)


async def test_setting_off_opens_the_trip_and_positions_flow(house: House):
    visit = await house.read(await house.book())
    stream = await watch(house, visit)

    await change(house, visit, "travel")
    report(house, visit["technician"]["id"], lat=41.17)

    assert [message["status"] for message in stream.of("status")] == ["traveling"]
    assert stream.of("position")[-1]["lat_e6"] == 41_170_000
    assert (await live(house, visit))["position"]["lat_e6"] == 41_170_000


async def test_a_position_from_before_setting_off_is_never_shown(house: House):
    visit = await house.read(await house.book())
    report(house, visit["technician"]["id"], lat=41.17)
    stream = await watch(house, visit)

    await change(house, visit, "travel")

    assert stream.of("position") == []
    assert "position" not in await live(house, visit)


async def test_beginning_the_work_cuts_the_stream(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    stream = await watch(house, visit)
    report(house, visit["technician"]["id"], lat=41.17)

    await change(house, visit, "start")
    before = len(stream.of("position"))
    report(house, visit["technician"]["id"], lat=41.16)

    assert len(stream.of("position")) == before == 1
    assert [message["status"] for message in stream.of("status")] == ["in_progress"]
    assert stream.closed is None
    assert "position" not in await live(house, visit)


async def test_completing_and_canceling_end_the_stream_for_good(house: House):
    first = await house.bring_to(await house.book(), "in_progress")
    second = await house.bring_to(await house.book(clock="14:00"), "traveling")
    streams = [await watch(house, first), await watch(house, second)]

    await change(house, first, "complete")
    await house.rui.post(f"/api/appointments/{second['id']}/cancel", json={"reason": "ill"})

    assert [stream.of("end")[0]["reason"] for stream in streams] == ["completed", "canceled"]
    assert [stream.closed for stream in streams] == [4510, 4510]


async def test_a_finished_visit_fills_the_ledger_with_the_area_it_was_in(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    technician_id = visit["technician"]["id"]
    for minute in range(25, 0, -1):
        report(house, technician_id, lat=41.15 + 0.004 * minute)

    await change(house, visit, "start")
    await house.state.node.recorder.committed()
    store = house.state.node.store
    await until(lambda: store.ledger(0, house.clock_ms[0] + 1))

    rows = store.ledger(0, house.clock_ms[0] + 1)
    assert [(row.trip_id, row.minutes_before, row.technician_id) for row in rows] == [
        (visit["id"], 15, technician_id),
        (visit["id"], 5, technician_id),
    ]
    assert {row.area for row in rows} == {area_of(lat=41.15, lon=-8.61)}


async def test_a_canceled_visit_leaves_the_ledger_as_it_was(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    for minute in range(25, 0, -1):
        report(house, visit["technician"]["id"], lat=41.15 + 0.004 * minute)

    await change(house, visit, "cancel")
    await house.state.node.recorder.committed()

    assert house.state.node.store.ledger(0, house.clock_ms[0] + 1) == []


async def test_undoing_hides_the_technician_again(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    stream = await watch(house, visit)

    await change(house, visit, "undo")
    report(house, visit["technician"]["id"], lat=41.17)

    assert [message["status"] for message in stream.of("status")] == ["scheduled"]
    assert stream.of("position") == []


async def test_reassigning_ends_the_old_stream_before_the_new_one_starts(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    old = visit["technician"]["id"]
    new = "bo" if old == "ana" else "ana"
    stream = await watch(house, visit)
    report(house, old, lat=41.17)

    await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": new})
    report(house, old, lat=41.16)
    report(house, new, lat=41.18)

    kinds = [message["type"] for message in stream.told]
    assert [message["lat_e6"] for message in stream.of("position")] == [41_170_000, 41_180_000]
    assert stream.of("technician")[0]["name"] == {"ana": "Ana Alves", "bo": "Bo Borges"}[new]
    assert kinds.index("technician") < len(kinds) - 1 - kinds[::-1].index("position")


async def test_a_reassignment_is_one_frame_that_names_who_comes_now_and_leaves_nothing_of_who_came(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    stream = await watch(house, visit)
    report(house, visit["technician"]["id"], lat=41.17)
    told_before = len(stream.told)
    new = "bo" if visit["technician"]["id"] == "ana" else "ana"

    await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": new})

    frame, status = stream.told[told_before:]
    assert (frame["type"], frame["name"]) == ("technician", {"ana": "Ana Alves", "bo": "Bo Borges"}[new])
    assert (status["type"], status["status"]) == ("status", "traveling")
    snapshot = await live(house, visit)
    assert not {"position", "eta", "route"} & snapshot.keys()
    assert stream.closed is None


async def test_the_technician_is_held_back_near_their_home(house: House):
    visit = await house.read(await house.book())
    if visit["technician"]["id"] != "ana":
        answer = await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": "ana"})
        visit = answer.json()
    stream = await watch(house, visit)

    await change(house, visit, "travel")
    report(house, "ana", lat=41.1401, lon=-8.6)
    hidden = list(stream.of("position"))
    report(house, "ana", lat=41.145, lon=-8.6)

    assert hidden == []
    assert [message["lat_e6"] for message in stream.of("position")] == [41_145_000]


async def test_the_technician_is_held_back_at_the_previous_customers_door(house: House):
    house.turn_to("2026-11-24T07:30")
    # Booked for the workshop, done, and on to the address of the account.
    first = await house.book(clock="10:00", asset="oven")
    first = await house.bring_to(first, "completed")
    second = await house.read(await house.book(clock="15:00"))
    technician_id = first["technician"]["id"]
    if second["technician"]["id"] != technician_id:
        answer = await house.dora.post(
            f"/api/dispatch/appointments/{second['id']}/reassign", json={"technician": technician_id}
        )
        second = answer.json()
    stream = await watch(house, second)

    await change(house, second, "travel")
    report(house, technician_id, lat=41.16, lon=-8.62)
    hidden = list(stream.of("position"))
    report(house, technician_id, lat=41.155, lon=-8.62)

    assert hidden == []
    assert len(stream.of("position")) == 1


async def test_switching_tracking_off_hides_the_technician_at_once(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    stream = await watch(house, visit)

    await house.switch(technician_tracking=False)
    report(house, visit["technician"]["id"], lat=41.17)

    assert stream.of("status")[-1]["tracking"] is False
    assert stream.of("position") == []
    assert "position" not in await live(house, visit)


async def test_switching_tracking_off_hides_the_technician_also_when_the_database_is_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    visit = await house.bring_to(await house.book(), "traveling")
    stream = await watch(house, visit)

    async def gone(_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(booking, "traveling", gone)
        answer = await house.dora.put("/api/dispatch/switches", json={"technician_tracking": False})
    assert answer.status_code == 500
    report(house, visit["technician"]["id"], lat=41.17)

    assert stream.of("status")[-1]["tracking"] is False
    assert stream.of("position") == []
    assert "position" not in await live(house, visit)


async def test_home_page_technician_and_board_hear_of_every_change(house: House):
    visit = await house.read(await house.book())
    technician_id = visit["technician"]["id"]
    topics = ("account:acme", f"technician:{technician_id}", "dispatch")
    listeners = [Listener(house, topic) for topic in topics]

    await change(house, visit, "travel")

    after = await house.read(visit)
    for listener in listeners:
        assert listener.of("appointment") == [
            {
                "type": "appointment",
                "id": visit["id"],
                "status": "traveling",
                "version": after["version"],
                "section": "active",
            }
        ]


async def test_another_account_hears_nothing(house: House):
    stranger = Listener(house, "account:other")

    visit = await house.book()
    await house.bring_to(visit, "completed")

    assert stranger.told == []


async def test_a_home_page_never_gets_a_coordinate(house: House):
    home = Listener(house, "account:acme")
    visit = await house.bring_to(await house.book(), "traveling")

    report(house, visit["technician"]["id"], lat=41.17)

    assert home.told
    assert all(set(message) == {"type", "id", "status", "version", "section"} for message in home.told)


async def test_when_the_active_visit_ends_the_page_hears_who_is_promoted(house: House):
    first = await house.bring_to(await house.book(), "traveling")
    second = await house.bring_to(await house.book(), "traveling")
    home = Listener(house, "account:acme")

    await change(house, first, "start")

    assert [(message["id"], message["section"]) for message in home.told] == [
        (first["id"], "upcoming"),
        (second["id"], "active"),
    ]


async def test_when_another_visit_becomes_much_sooner_the_page_hears_of_both(house: House):
    first = await house.bring_to(await house.book(), "traveling")
    second = await house.bring_to(await house.book(), "traveling")
    report(house, first["technician"]["id"], lat=41.3)
    home = Listener(house, "account:acme")
    report(house, second["technician"]["id"], lat=41.155)

    await house.state.bridge.choose_again()
    await house.state.bridge.choose_again()

    assert {(message["id"], message["section"]) for message in home.told} == {
        (first["id"], "upcoming"),
        (second["id"], "active"),
    }
    assert len(home.told) == 2


async def test_a_refused_change_is_told_to_nobody(house: House):
    visit = await house.book()
    board = Listener(house, "dispatch")

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": ""})

    assert answer.status_code == 422
    assert board.of("appointment") == []


async def test_a_move_while_somebody_looks_tells_them_the_new_window(house: House):
    visit = await house.book()
    stream = await watch(house, visit)
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"])

    await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})

    (status,) = stream.of("status")
    assert status["window_start"] == 1_795_532_400_000


async def test_after_a_restart_the_trip_goes_on(template: Path, tmp_path: Path):
    async with open_house(template, tmp_path / "house") as house:
        visit = await house.bring_to(await house.book(), "traveling")
    async with open_house(None, tmp_path / "house") as again:
        again.clock_ms[0] = house.clock_ms[0]
        stream = await watch(again, visit)

        report(again, visit["technician"]["id"], lat=41.17)

        assert [message["lat_e6"] for message in stream.of("position")] == [41_170_000]
        assert again.state.bridge.home.active("acme") == visit["id"]


async def test_the_technician_who_lost_the_visit_no_longer_follows_who_comes(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    old = visit["technician"]["id"]
    new = "bo" if old == "ana" else "ana"
    customer = await watch(house, visit)
    theirs = Listener(house, house.state.node.topic(visit["id"]))
    theirs.principal = Principal(
        role="technician", person_id=old, technician_id=old, session_id="s", expires_at_ms=2**60
    )

    await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": new})
    report(house, new, lat=41.18)

    assert (theirs.closed, theirs.of("position")) == (4503, [])
    assert [message["lat_e6"] for message in customer.of("position")] == [41_180_000]


async def test_the_technician_is_held_back_at_the_door_where_nobody_was_home(house: House):
    house.turn_to("2026-11-24T07:30")
    first = await house.bring_to(await house.book(clock="10:00", asset="oven"), "traveling")
    technician_id = first["technician"]["id"]
    await change(house, first, "cancel")
    second = await given_to(house, await house.book(clock="15:00"), technician_id)
    stream = await watch(house, second)

    await change(house, second, "travel")
    report(house, technician_id, lat=41.16, lon=-8.62)
    hidden = list(stream.of("position"))
    report(house, technician_id, lat=41.155, lon=-8.62)

    assert hidden == []
    assert len(stream.of("position")) == 1


async def test_the_technician_is_held_back_at_the_previous_customers_door_after_midnight(house: House):
    first = await house.bring_to(await house.book(clock="16:00", asset="oven"), "completed")
    technician_id = first["technician"]["id"]
    house.turn_to("2026-11-25T00:10")
    second = await given_to(
        house, await house.book(clock="15:00", **{"from": WEDNESDAY, "to": WEDNESDAY}), technician_id
    )
    stream = await watch(house, second)

    await change(house, second, "travel")
    report(house, technician_id, lat=41.16, lon=-8.62)

    assert stream.of("status")
    assert stream.of("position") == []


async def test_after_a_restart_nothing_from_before_the_reassignment_is_shown(template: Path, tmp_path: Path):
    async with open_house(template, tmp_path / "house") as house:
        visit = await house.bring_to(await house.book(), "traveling")
        new = "bo" if visit["technician"]["id"] == "ana" else "ana"
        report(house, new, lat=41.17)
        house.pass_s(60)
        await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": new})
        before = await live(house, visit)
    async with open_house(None, tmp_path / "house") as again:
        again.clock_ms[0] = house.clock_ms[0]

        after = await live(again, visit)

    assert "position" not in before
    assert "position" not in after


async def given_to(house: House, visit: dict[str, Any], technician_id: str) -> dict[str, Any]:
    visit = await house.read(visit)
    if visit["technician"]["id"] != technician_id:
        path = f"/api/dispatch/appointments/{visit['id']}/reassign"
        visit = (await house.dora.post(path, json={"technician": technician_id})).json()
    return visit
