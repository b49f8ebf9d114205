"""Work that waits in the database is done once, however many processes look for it: two applications, or two real
servers, on one real database."""

import asyncio
import contextlib
import itertools
import shutil
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from slots import outbox_store
from slots.notices import Notice
from tests.servers import START_WITHIN_S, start_enroute
from tests.slots.databases import create_database, postgresql_programs, postgresql_server
from tests.web.api.house import House, open_house, settle
from tracker.records import FixRow
from web import accounts_store
from web.housekeeping import EVERY_S, Housekeeping
from web.sending import BATCH, CLAIM_S

TEMPLATE = "house_template"
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module")
async def postgresql():
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with postgresql_server(programs) as server_url:
        await settle(create_database(server_url, TEMPLATE))
        yield server_url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, template, tmp_path):
    """A database of its own for each test, with the set-up of the house in it."""
    if request.param == "sqlite":
        shutil.copytree(template, tmp_path / "house")
        return f"sqlite:///{tmp_path / 'house' / 'enroute.db'}"
    server_url = request.getfixturevalue("postgresql")
    return create_database(server_url, f"house_{next(_numbers)}", like=TEMPLATE)


@dataclass
class Receiver:
    """The other side of a webhook. `on_post` may wait before it answers."""

    url: str = ""
    ids: list[str] = field(default_factory=list)
    on_post: Callable[[int], Awaitable[None]] | None = None


@pytest_asyncio.fixture
async def receiver():
    holder = Receiver()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            await reader.readexactly(int(headers["content-length"]))
            holder.ids.append(headers["enroute-id"])
            if holder.on_post is not None:
                await holder.on_post(len(holder.ids))
            writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        holder.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
        yield holder


@contextlib.asynccontextmanager
async def two_processes(url, tmp_path, **settings):
    """Their own sending tasks stand still: the tests say who sends when."""
    async with (
        open_house(None, tmp_path, database=url, **settings) as one,
        open_house(None, tmp_path, database=url, **settings) as other,
    ):
        for house in (one, other):
            await house.state.outbox.close()
            house.state.outbox._closing = False
        yield one, other


async def write_invitations(house: House, count: int) -> list[str]:
    keys = [f"invitation:{number}" for number in range(count)]
    now_s = house.now_s
    async with house.state.database.transaction() as conn:
        eva = await accounts_store.person_by_email(conn, "eva@acme.example")
        notices = [
            Notice(key=key, kind="invitation", due_s=now_s, expires_s=now_s + 86_400, contact_id=eva.id) for key in keys
        ]
        await outbox_store.put(conn, tuple(notices), now_s=now_s)
    return keys


async def send_all(house: House) -> int:
    sent = 0
    while number := await house.state.outbox.send_due():
        sent += number
    return sent


async def states(house: House) -> Counter[str]:
    async with house.state.database.read() as conn:
        return Counter(row.state for row in await outbox_store.log(conn, limit=1000))


async def test_two_senders_share_the_work_and_each_message_is_sent_once(url, tmp_path, receiver):
    async with two_processes(url, tmp_path, webhook_url=receiver.url) as (one, other):
        keys = await write_invitations(one, 200)

        shares = await asyncio.gather(send_all(one), send_all(other))

        assert Counter(receiver.ids) == Counter(keys)
        assert await states(one) == {"sent": 200}
    assert sum(shares) == 200
    assert min(shares) >= BATCH


async def test_what_a_killed_sender_had_in_its_hands_is_sent_by_another_when_its_claim_ends(url, tmp_path, receiver):
    hangs, is_over = asyncio.Event(), asyncio.Event()

    async def hang_at_the_sixth(number: int) -> None:
        if number == 6:
            hangs.set()
            await is_over.wait()

    async with open_house(None, tmp_path, database=url, webhook_url=receiver.url) as other:
        await other.state.outbox.close()
        other.state.outbox._closing = False
        other.clock_ms[0] = time.time_ns() // 1_000_000
        keys = await write_invitations(other, 50)
        receiver.on_post = hang_at_the_sixth
        environ = {"ENROUTE_DATABASE": url, "ENROUTE_PORT": "0", "ENROUTE_WEBHOOK_URL": receiver.url}
        process = await start_enroute("serve", environ=environ)
        await asyncio.wait_for(hangs.wait(), START_WITHIN_S)
        process.kill()
        await process.wait()
        is_over.set()

        at_once = await send_all(other)
        after_that = await states(other)
        other.clock_ms[0] = time.time_ns() // 1_000_000 + CLAIM_S * 1000
        later = await send_all(other)

        assert after_that == {"sent": 5 + at_once, "pending": BATCH - 5}
        assert (at_once, later) == (50 - BATCH, BATCH - 5)
        # The one under way went out a second time, and says so by its id.
        assert Counter(receiver.ids) == Counter([*keys, receiver.ids[5]])
        assert await states(other) == {"sent": 50}


async def test_a_sender_that_is_slow_keeps_what_it_has_claimed(url, tmp_path, receiver):
    async with two_processes(url, tmp_path, webhook_url=receiver.url) as (one, other):
        keys = await write_invitations(one, 4)

        async def take_long(_number: int) -> None:
            for house in (one, other):
                house.pass_s(CLAIM_S // 2)
            assert await other.state.outbox.send_due() == 0

        receiver.on_post = take_long
        await one.state.outbox.send_due()

        assert receiver.ids == keys


async def test_a_server_that_stops_leaves_its_messages_to_the_next_one(url, tmp_path, receiver):
    stopping: list[asyncio.Task[None]] = []
    async with two_processes(url, tmp_path, webhook_url=receiver.url) as (one, other):
        keys = await write_invitations(one, BATCH)

        async def stop(number: int) -> None:
            if number == 3:
                stopping.append(asyncio.create_task(one.state.outbox.close()))
                await asyncio.sleep(0)

        receiver.on_post = stop
        one.state.outbox.start()
        one.state.outbox.wake()
        await asyncio.wait_for(_until(lambda: stopping), START_WITHIN_S)
        await stopping[0]
        sent_by_one = len(receiver.ids)
        receiver.on_post = None

        assert await send_all(other) == BATCH - sent_by_one
        assert Counter(receiver.ids) == Counter(keys)


async def _until(is_so: Callable[[], object]) -> None:
    while not is_so():  # noqa: ASYNC110  # what is waited for happens in another task's code
        await asyncio.sleep(0.01)


async def test_a_message_that_two_processes_write_at_once_is_one_message(url, tmp_path):
    async with two_processes(url, tmp_path) as (one, other):
        await asyncio.gather(write_invitations(one, 20), write_invitations(other, 20))

        assert await states(one) == {"pending": 20}


async def test_in_each_hour_one_process_tidies_up(url, tmp_path):
    async with two_processes(url, tmp_path) as (one, other):
        for house in (one, other):
            house.pass_s(EVERY_S)
        looking = [Housekeeping(house.state) for house in (one, other)]
        at_once = await asyncio.gather(*(each.look() for each in looking))
        again = await asyncio.gather(*(each.look() for each in looking))
        for house in (one, other):
            house.pass_s(EVERY_S)
        next_hour = await asyncio.gather(*(each.look() for each in looking))

    assert [sorted(answers) for answers in (at_once, again, next_hour)] == [[False, True], [False] * 2, [False, True]]


async def test_of_processes_that_look_at_the_same_instant_one_takes_the_night(url, tmp_path):
    async with two_processes(url, tmp_path) as (one, other):
        together = threading.Barrier(8)

        def take(house: House) -> bool:
            together.wait()
            return house.state.node.store.take_night(night_ms=1, now_ms=1000)

        with ThreadPoolExecutor(8) as threads:
            asked = [asyncio.wrap_future(threads.submit(take, house)) for house in (one, other) * 4]
            taken = await asyncio.gather(*asked)

    assert sorted(taken) == [False] * 7 + [True]


async def test_fixes_that_two_processes_write_at_once_are_all_kept(url, tmp_path):
    async with two_processes(url, tmp_path) as (one, other):
        # Of today: older days are thrown away meanwhile.
        times_ms = itertools.count(one.state.now_ms())

        def write(house: House) -> None:
            for _ in range(30):
                fixed_at = next(times_ms)
                row = FixRow("ana", fixed_at, fixed_at, "trip", 41.0, -8.0, 5.0, 1.0, 0.0, False)
                house.state.node.store.write([row], [])

        await asyncio.gather(*(asyncio.to_thread(write, house) for house in (one, other)))

        assert len(one.state.node.store.history("trip")) == 60


async def test_a_link_that_is_extended_by_two_processes_at_once_lives_longer_by_both(url, tmp_path):
    async with two_processes(url, tmp_path) as (one, other):
        visit = await one.book()
        link = (await one.dora.post(f"/api/dispatch/appointments/{visit['id']}/links")).json()
        path = f"/api/dispatch/links/{link['id']}/extend"

        extended = [house.dora.post(path, json={"longer_s": 3600}) for house in (one, other) * 4]
        answers = await asyncio.gather(*extended)

        assert [answer.status_code for answer in answers] == [204] * 8
        (line,) = (await other.dora.get(f"/api/dispatch/appointments/{visit['id']}/links")).json()["links"]
        assert line["after_visit_s"] == one.state.settings.link_grace_s + 8 * 3600


async def test_who_watched_by_one_process_is_read_in_another(url, tmp_path):
    async with two_processes(url, tmp_path) as (one, other):
        visit = await one.bring_to(await one.book(), "traveling")
        other.clock_ms[0] = one.clock_ms[0]
        await one.rui.get(f"/api/appointments/{visit['id']}/live")
        await one.dora.get("/api/dispatch/board")
        await one.state.watch_log.write()

        answer = await other.dora.get(f"/api/dispatch/appointments/{visit['id']}/watchers")

    seen = [(line["name"], line["by"], line["technician"]) for line in answer.json()["watchers"]]
    assert sorted(seen, key=str) == [("Dora", "board", None), ("Rui", "page", visit["technician"]["id"])]
