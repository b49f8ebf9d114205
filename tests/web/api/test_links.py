"""Tracking links: product.md §6 through HTTP."""

import datetime

import pytest_asyncio

from tests.web.api.house import House
from web import links, links_store

DAY_S = 86_400


@pytest_asyncio.fixture
async def visit(house: House):
    return await house.book()


async def make_link(house: House, visit):
    answer = await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/links")
    assert answer.status_code == 201, answer.text
    return answer.json()


async def open_link(house: House, token):
    return await house.nobody.post("/api/links/redeem", json={"token": token})


async def sees(house: House, visit) -> int:
    return (await house.nobody.get(f"/api/appointments/{visit['id']}/live")).status_code


def instant(at_s: int) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).isoformat()


async def test_a_link_shows_its_visit_without_a_sign_in(house: House, visit):
    link = await make_link(house, visit)

    opened = await open_link(house, link["token"])

    assert opened.status_code == 200
    assert opened.json()["appointment"] == visit["id"]
    assert await sees(house, visit) == 200


async def test_a_link_shows_one_visit_and_nothing_else(house: House, visit):
    other = await house.book(house.olga, "14:00")
    link = await make_link(house, visit)

    await open_link(house, link["token"])

    assert await sees(house, other) == 404
    assert (await house.nobody.get("/api/profile")).status_code == 401
    assert (await house.nobody.get("/api/appointments")).status_code in (401, 403)


async def test_a_person_with_two_links_keeps_both(house: House, visit):
    other = await house.book(house.olga, "14:00")

    for one in (visit, other):
        await open_link(house, (await make_link(house, one))["token"])

    assert [await sees(house, visit), await sees(house, other)] == [200, 200]


async def test_the_token_is_in_the_fragment_has_256_bits_and_is_hashed_at_rest(house: House, visit):
    link = await make_link(house, visit)

    assert link["url"] == f"http://visits.example/t#{link['token']}"
    assert len(link["token"]) == 43
    files = b"".join(path.read_bytes() for path in house.state.settings.sqlite_path.parent.glob("enroute.db*"))
    assert link["token"].encode() not in files


async def test_a_link_is_opened_into_a_cookie_that_no_script_reads_and_no_cache_keeps(house: House, visit):
    answer = await open_link(house, (await make_link(house, visit))["token"])

    assert "httponly" in answer.headers["set-cookie"].lower()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]


async def test_the_page_of_a_link_is_not_stored_not_indexed_and_tells_nobody(house: House):
    page = await house.nobody.get("/t")

    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in page.headers["x-robots-tag"]


async def test_a_link_dies_at_completion_plus_the_grace_period(house: House, visit):
    link = await make_link(house, visit)
    await house.bring_to(visit, "completed")
    house.pass_s(house.state.settings.link_grace_s - 1)
    within = await open_link(house, link["token"])

    house.pass_s(1)
    after = await open_link(house, link["token"])

    assert within.status_code == 200
    assert (after.status_code, after.json()["code"]) == (410, "link_dead")
    assert await sees(house, visit) == 401


async def test_a_link_whose_end_is_set_by_hand_outlives_the_visit(house: House, visit):
    link = await make_link(house, visit)
    await house.bring_to(visit, "completed")

    extended = await house.dora.put(
        f"/api/dispatch/links/{link['id']}", json={"expires_at": instant(house.now_s + 86_400)}
    )

    house.pass_s(86_000)
    assert extended.status_code == 204
    assert (await open_link(house, link["token"])).status_code == 200


async def extend(house: House, link, days: int = 1):
    answer = await house.dora.post(f"/api/dispatch/links/{link['id']}/extend", json={"longer_s": days * DAY_S})
    assert answer.status_code == 204, answer.text


async def line_of(house: House, visit, link):
    listed = (await house.dora.get(f"/api/dispatch/appointments/{visit['id']}/links")).json()["links"]
    return next(line for line in listed if line["id"] == link["id"])


async def lives_until(house: House, visit, link, end_s: int) -> None:
    """Lives until then, and not a second longer."""
    line = await line_of(house, visit, link)
    assert datetime.datetime.fromisoformat(line["expires_at"]).timestamp() == end_s
    house.pass_s(end_s - 1 - house.now_s)
    assert (await open_link(house, link["token"])).status_code == 200
    house.pass_s(1)
    assert (await open_link(house, link["token"])).status_code == 410


async def test_a_link_extended_before_the_visit_ends_lives_a_day_longer_after_it(house: House, visit):
    link = await make_link(house, visit)
    await extend(house, link)

    line = await line_of(house, visit, link)
    assert line["after_visit_s"] == house.state.settings.link_grace_s + DAY_S
    assert line["expires_at"] == link["expires_at"]
    await house.bring_to(visit, "completed")
    await lives_until(house, visit, link, house.now_s + house.state.settings.link_grace_s + DAY_S)


async def test_a_link_extended_after_the_visit_lives_a_day_longer_than_it_would_have(house: House, visit):
    link = await make_link(house, visit)
    await house.bring_to(visit, "completed")
    end_s = house.now_s + house.state.settings.link_grace_s
    house.pass_s(60)

    await extend(house, link)

    await lives_until(house, visit, link, end_s + DAY_S)


async def test_a_link_that_died_after_its_visit_is_extended_from_now(house: House, visit):
    link = await make_link(house, visit)
    await house.bring_to(visit, "completed")
    house.pass_s(5 * DAY_S)

    await extend(house, link)

    await lives_until(house, visit, link, house.now_s + DAY_S)


async def test_each_extension_adds_to_the_one_before(house: House, visit):
    link = await make_link(house, visit)
    await extend(house, link)
    await extend(house, link)
    await house.bring_to(visit, "completed")
    end_s = house.now_s + house.state.settings.link_grace_s + 2 * DAY_S
    await extend(house, link)

    await extend(house, link)

    await lives_until(house, visit, link, end_s + 2 * DAY_S)


async def test_an_extended_link_of_a_visit_without_an_end_lives_no_longer_than_any(house: House, visit):
    link = await make_link(house, visit)

    await extend(house, link, days=300)

    await lives_until(house, visit, link, house.now_s + links.LIFETIME_S)


async def test_an_end_set_by_hand_is_extended_as_it_is(house: House, visit):
    link = await make_link(house, visit)
    end_s = house.now_s + 7200
    await house.dora.put(f"/api/dispatch/links/{link['id']}", json={"expires_at": instant(end_s)})

    await extend(house, link)

    await lives_until(house, visit, link, end_s + DAY_S)


async def test_a_link_is_not_extended_beyond_a_year_nor_by_less_than_nothing_nor_when_unknown(house: House, visit):
    link = await make_link(house, visit)
    await extend(house, link, days=200)
    path = f"/api/dispatch/links/{link['id']}/extend"

    answers = [await house.dora.post(path, json={"longer_s": longer_s}) for longer_s in (200 * DAY_S, -60, "a day")]
    unknown = await house.dora.post("/api/dispatch/links/nothing/extend", json={"longer_s": DAY_S})
    foreign = await house.rui.post(path, json={"longer_s": DAY_S})

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert (unknown.status_code, foreign.status_code) == (404, 403)
    async with house.state.database.read() as conn:
        assert (await links_store.link_by_id(conn, link["id"])).longer_s == 200 * DAY_S


async def test_a_link_can_be_ended_at_an_instant(house: House, visit):
    link = await make_link(house, visit)

    await house.dora.put(f"/api/dispatch/links/{link['id']}", json={"expires_at": instant(house.now_s)})

    assert (await open_link(house, link["token"])).status_code == 410


async def test_an_end_without_an_offset_is_refused(house: House, visit):
    link = await make_link(house, visit)

    answer = await house.dora.put(f"/api/dispatch/links/{link['id']}", json={"expires_at": "2026-12-01T10:00:00"})

    assert answer.status_code == 422


async def test_a_blocked_link_is_dead_at_once_and_for_good(house: House, visit):
    link = await make_link(house, visit)
    await open_link(house, link["token"])

    await house.dora.delete(f"/api/dispatch/links/{link['id']}")
    await house.dora.put(f"/api/dispatch/links/{link['id']}", json={"expires_at": instant(house.now_s + 86_400)})

    assert (await open_link(house, link["token"])).status_code == 410
    assert await sees(house, visit) == 401


async def test_unknown_expired_and_blocked_links_look_alike(house: House, visit):
    blocked, ended = await make_link(house, visit), await make_link(house, visit)
    await house.dora.delete(f"/api/dispatch/links/{blocked['id']}")
    await house.dora.put(f"/api/dispatch/links/{ended['id']}", json={"expires_at": instant(house.now_s)})

    answers = [await open_link(house, token) for token in (blocked["token"], ended["token"], "a" * 43)]

    assert len({answer.content for answer in answers}) == 1


async def test_the_dispatcher_sees_the_links_of_a_visit_and_never_their_tokens(house: House, visit):
    link = await make_link(house, visit)
    await open_link(house, link["token"])

    listed = await house.dora.get(f"/api/dispatch/appointments/{visit['id']}/links")

    line = listed.json()["links"][0]
    assert (line["id"], line["recipient"], line["alive"]) == (link["id"], "rui@acme.example", True)
    assert line["opened_at"] is not None
    assert link["token"] not in listed.text


async def test_only_dispatchers_make_extend_and_block_links(house: House, visit):
    link = await make_link(house, visit)

    for client in (house.rui, house.ana):
        made = await client.post(f"/api/dispatch/appointments/{visit['id']}/links")
        blocked = await client.delete(f"/api/dispatch/links/{link['id']}")
        assert (made.status_code, blocked.status_code) == (403, 403)
    assert (await open_link(house, link["token"])).status_code == 200


async def test_a_link_of_an_unknown_visit_is_not_made(house: House):
    answer = await house.dora.post("/api/dispatch/appointments/nothing/links")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_link_that_is_not_there_cannot_be_changed(house: House):
    assert (await house.dora.delete("/api/dispatch/links/nothing")).status_code == 404


async def test_a_link_cannot_live_for_ever(house: House, visit):
    link = await make_link(house, visit)

    answer = await house.dora.put(
        f"/api/dispatch/links/{link['id']}", json={"expires_at": instant(house.now_s + 400 * 86_400)}
    )

    assert answer.status_code == 422
    async with house.state.database.read() as conn:
        assert (await links_store.link_by_id(conn, link["id"])).extended is False


async def test_an_end_before_all_time_ends_the_link_and_can_be_listed(house: House, visit):
    link = await make_link(house, visit)

    changed = await house.dora.put(
        f"/api/dispatch/links/{link['id']}", json={"expires_at": "0001-01-01T00:00:00+14:00"}
    )
    listed = await house.dora.get(f"/api/dispatch/appointments/{visit['id']}/links")

    assert (changed.status_code, listed.status_code) == (204, 200)
    assert listed.json()["links"][0]["alive"] is False


async def test_the_link_just_opened_works_in_a_browser_full_of_old_ones(house: House, visit):
    for number in range(12):
        house.nobody.cookies.set(f"enroute_link_{number:012}", "x" * 43)

    await open_link(house, (await make_link(house, visit))["token"])

    assert await sees(house, visit) == 200
