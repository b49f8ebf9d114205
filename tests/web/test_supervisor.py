"""`enroute serve --workers N` as operators run it: processes, signals, connections."""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import socket
import time
from pathlib import Path

import pytest
import pytest_asyncio

from tests.servers import EnrouteServer, enroute_server, run_enroute
from web.listeners import listen, listen_together
from web.worker_process import RUNS_EVERY_S

WORKERS = ("--workers", "2", "--redis", "redis://127.0.0.1:1")
WITHIN_S = 90.0


def workers_of(server: EnrouteServer) -> list[int]:
    """The process ids of the living workers, oldest first."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(each) for each in children.split() if alive(int(each))]


def _command(pid: int) -> bytes:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _runs(pid: int) -> bool:
    """It is a worker already, no longer a copy of its parent."""
    return b"web.worker" in _command(pid)


def alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def until(is_so, what: str) -> None:
    """Asks again and again: the system tells nobody but the parent how its processes fare."""
    for _ in range(int(WITHIN_S / 0.02)):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {WITHIN_S:.0f} s: {what}")


async def said(server: EnrouteServer, pattern: str, times: int = 1) -> list[str]:
    """What the log says of this, once it has said it so often."""
    await until(lambda: len(re.findall(pattern, server.errors)) >= times, pattern)
    return re.findall(pattern, server.errors)


@pytest_asyncio.fixture(scope="module")
async def two(tmp_path_factory):
    """Two workers for all tests that leave two behind."""
    async with enroute_server(tmp_path_factory.mktemp("two"), seed=None, arguments=WORKERS) as server:
        yield server


@pytest_asyncio.fixture
async def mortal(tmp_path):
    """Two workers for one test, which ends them."""
    async with enroute_server(tmp_path / "data", seed=None, arguments=WORKERS) as server:
        yield server


async def get(server: EnrouteServer, path: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body; over a connection of its own, which any of the workers may take."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    async with asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    status, *lines = head.split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


async def answers_all(server: EnrouteServer, times: int) -> bool:
    return [(await get(server, "/healthz"))[0] for _ in range(times)] == [200] * times


async def test_workers_share_one_address_and_a_stop_drains_them_all(mortal):
    workers = workers_of(mortal)
    answered = await answers_all(mortal, 20)

    code = await mortal.terminate()

    assert (len(workers), answered, code) == (2, True, 0)
    assert not any(alive(pid) for pid in workers)


async def test_a_worker_that_dies_is_started_again_and_nobody_is_turned_away_meanwhile(two):
    first, _ = workers_of(two)
    async with asyncio.TaskGroup() as group:
        os.kill(first, signal.SIGKILL)
        asked = [group.create_task(answers_all(two, 10)) for _ in range(4)]
        await said(two, rf"worker 1 \(pid {first}\) was ended by SIGKILL; another starts in 0\.\d s")

    assert all(task.result() for task in asked)
    await until(lambda: len(workers_of(two)) == 2, "two again")
    assert first not in workers_of(two)


async def test_a_parent_that_cannot_start_a_worker_tries_again_until_it_can(two):
    first, _ = workers_of(two)
    allowed = resource.prlimit(two.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(two.process.pid, resource.RLIMIT_NOFILE, (3, allowed[1]))
    os.kill(first, signal.SIGKILL)
    await said(two, r"worker \d cannot be started \(.*Too many open files\); tried again in")
    resource.prlimit(two.process.pid, resource.RLIMIT_NOFILE, allowed)

    await until(lambda: len(workers_of(two)) == 2, "two again")
    assert await answers_all(two, 10)


async def test_who_connects_to_a_dead_workers_socket_is_served_by_the_other_one(two):
    first, second = workers_of(two)
    os.kill(first, signal.SIGKILL)
    await until(lambda: [pid for pid in workers_of(two) if pid not in (first, second) and _runs(pid)], "its successor")
    # It stops before it can serve.
    successor = next(pid for pid in workers_of(two) if pid != second)
    os.kill(successor, signal.SIGSTOP)

    answered = await answers_all(two, 20)

    os.kill(successor, signal.SIGCONT)
    assert answered


async def test_sighup_replaces_the_workers_one_by_one_without_a_refused_connection(two):
    before = workers_of(two)
    asking = asyncio.Event()

    async def ask() -> bool:
        while not asking.is_set():
            if not await answers_all(two, 5):
                return False
        return True

    asked = asyncio.create_task(ask())
    two.process.send_signal(signal.SIGHUP)
    taken_over = await said(two, r"worker (\d) \(pid \d+\) has taken over", times=2)
    await until(lambda: not any(alive(pid) for pid in before), "the old ones are gone")
    asking.set()

    assert await asked
    assert taken_over == ["1", "2"]
    assert len(workers_of(two)) == 2


async def test_without_their_parent_the_workers_end(mortal):
    workers = workers_of(mortal)

    mortal.process.kill()

    await until(lambda: not any(alive(pid) for pid in workers), "the workers end")


async def test_the_workers_of_a_parent_that_died_with_words_unread_end_too(mortal):
    workers = workers_of(mortal)
    mortal.process.send_signal(signal.SIGSTOP)
    # Each worker says now and then that it runs: nobody reads that any more.
    await asyncio.sleep(1.5 * RUNS_EVERY_S)

    mortal.process.kill()

    await until(lambda: not any(alive(pid) for pid in workers), "the workers end")


async def test_a_second_signal_does_not_wait_for_the_drain(mortal):
    host, port = mortal.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half_asked:
        half_asked.sendall(b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        mortal.process.send_signal(signal.SIGTERM)
        await until(lambda: not _connects(host, int(port)), "it takes no more")
        mortal.process.send_signal(signal.SIGTERM)

        code = await asyncio.wait_for(mortal.process.wait(), WITHIN_S)

    assert code == 0


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


async def test_the_parent_loads_nothing_of_the_application_and_waits_without_work(two):
    maps = _maps(two.process.pid)
    before_s, woken_before = time.monotonic(), _wakings(two.process.pid)
    await answers_all(two, 20)
    woken, took_s = _wakings(two.process.pid) - woken_before, time.monotonic() - before_s

    assert not re.search("uvloop|sqlalchemy|_psycopg|shapely|numpy", maps)
    # Nothing wakes it but the workers, who say now and then that they run.
    assert woken <= 2 * (took_s // RUNS_EVERY_S + 1)


def _maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def _wakings(pid: int) -> int:
    """How often it has waited for something."""
    return int(re.findall(r"\nvoluntary_ctxt_switches:\t(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


async def test_each_line_of_the_log_names_its_worker(two):
    await until(lambda: len(re.findall("core: ", two.errors)) >= 2, "both say how they run")
    lines = [json.loads(line) for line in two.errors.splitlines()]

    assert {line["worker"] for line in lines if line["message"].startswith("core: ")} == {1, 2}


async def test_health_says_which_worker_answered_and_a_scrape_brings_the_numbers_of_all(two):
    named = {(await get(two, "/healthz"))[1]["enroute-worker"] for _ in range(40)}
    _, _, text = await get(two, "/metrics")
    numbers = dict(re.findall(r'^enroute_http_requests_total{.*"/healthz".*worker="(\d)"} (\S+)$', text, re.MULTILINE))

    assert named == {"1", "2"}
    assert set(re.findall(r'^enroute_worker_up{worker="(\d)"} 1.0$', text, re.MULTILINE)) == {"1", "2"}
    assert sum(map(float, numbers.values())) >= 40
    assert len(set(re.findall(r"^process_start_time_seconds{.*} (\S+)$", text, re.MULTILINE))) == 2


async def test_a_worker_that_is_held_up_is_missing_in_a_scrape_and_holds_up_nobody(two):
    held_up = next(pid for pid in workers_of(two) if b"web.worker\x002\x00" in _command(pid))
    os.kill(held_up, signal.SIGSTOP)
    # About half of them wait for the one that is held up; the other one answers the rest.
    asked = [asyncio.create_task(get(two, "/metrics")) for _ in range(20)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    os.kill(held_up, signal.SIGCONT)
    await asyncio.gather(*asked)
    _, _, text = next(iter(done)).result()

    assert re.findall(r"^enroute_worker_up{.*$", text, re.MULTILINE) == [
        'enroute_worker_up{worker="1"} 1.0',
        'enroute_worker_up{worker="2"} 0.0',
    ]


async def test_a_second_installation_on_the_same_address_is_refused(two, tmp_path):
    environ = {"ENROUTE_DATABASE": f"sqlite:///{tmp_path / 'other.db'}", "ENROUTE_PORT": two.url.rpartition(":")[2]}

    code, text = await run_enroute("serve", *WORKERS, environ=environ)

    assert code == 1
    assert "Address already in use" in text


async def test_workers_that_cannot_start_end_the_whole_server_with_the_reason(tmp_path):
    environ = {"ENROUTE_DATABASE": f"sqlite:///{tmp_path / 'e.db'}", "ENROUTE_PORT": "0"}
    await run_enroute("migrate", environ=environ)
    broken = environ | {"PYTHONPATH": str(_broken_interpreter(tmp_path))}

    code, text = await run_enroute("serve", *WORKERS, environ=broken)

    assert code == 1
    assert re.search(r"worker \d \(pid \d+\) ended with exit code 1 before all were ready", text)


async def test_a_worker_that_hangs_is_replaced_and_one_that_runs_is_not(tmp_path):
    environ = {"PYTHONPATH": str(_hasty_supervisor(tmp_path / "hasty"))}
    async with enroute_server(tmp_path / "data", seed=None, arguments=WORKERS, environ=environ) as server:
        hanging, other = workers_of(server)

        os.kill(hanging, signal.SIGSTOP)
        await said(server, rf"worker \d \(pid {hanging}\) took too long to say that it runs; it is killed")
        await until(lambda: len(workers_of(server)) == 2 and not alive(hanging), "another takes its place")

        assert other in workers_of(server)
        assert "took too long" not in server.errors.replace(f"(pid {hanging}) took too long", "")


def _hasty_supervisor(folder: Path) -> Path:
    """Put on the path, it lets the clock of a supervisor, and only its, go four times as fast; that no worker which is
    merely slow is taken for one that hangs, they say five times as often that they run."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys, time\n"
        "if '-m' in sys.orig_argv and 'web.supervisor' in sys.orig_argv:\n"
        "    clock = time.monotonic\n"
        "    time.monotonic = lambda: 4 * clock()\n"
        "if '-m' in sys.orig_argv and 'web.worker' in sys.orig_argv:\n"
        "    from web import worker_process\n"
        "    worker_process.RUNS_EVERY_S /= 5\n"
    )
    return folder


def _broken_interpreter(folder: Path) -> Path:
    """Put on the path, it keeps workers, and only them, from loading their event loop."""
    (folder / "sitecustomize.py").write_text(
        "import sys\nif '-m' in sys.orig_argv and 'web.worker' in sys.orig_argv:\n    sys.modules['uvloop'] = None\n"
    )
    return folder


@pytest.mark.parametrize("count", [2, 4])
def test_connections_spread_over_the_sockets_of_one_address(count):
    listeners = listen_together("127.0.0.1", 0, count=count)
    address = listeners[0].getsockname()
    clients = [socket.create_connection(address) for _ in range(200)]
    taken = []
    for listener in listeners:
        number = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                listener.accept()[0].close()
                number += 1
        taken.append(number)
    for each in (*listeners, *clients):
        each.close()

    assert sum(taken) == 200
    # Even chances: less than half of the fair share is a matter of one in a hundred thousand.
    assert min(taken) > 200 / count / 2


def test_an_address_that_another_server_shares_cannot_be_had():
    listeners = listen_together("127.0.0.1", 0, count=2)
    port = listeners[0].getsockname()[1]

    with pytest.raises(OSError, match="in use"):
        listen_together("127.0.0.1", port, count=2)
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", port)

    for listener in listeners:
        listener.close()
