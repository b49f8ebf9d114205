"""The memory of a serving process in large pages: by processes that do it to themselves, see gathering.py."""

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT, enroute_server, run_enroute
from web import large_pages
from web.large_pages import large_page_bytes
from web.mappings import mappings_in

ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HAS_LARGE_PAGES = ENABLED.exists() and "[never]" not in ENABLED.read_text()
# Before Linux 6.1 nobody can be told to gather it now.
GATHERS_HEAP = HAS_LARGE_PAGES and tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 1)
MOVES_CODE = HAS_LARGE_PAGES and platform.machine() == "x86_64"
LIBRARIES = ["msgspec", "sqlite3", "uvloop"]
# What a process finds that is left alone.
NOTHING = {"code": 0, "heap": 0, "files": LIBRARIES, "works": True}


def found_by(name):
    command = [sys.executable, "-W", "error", "-m", "tests.web.gathering", name]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    return json.loads(ended.stdout)


def test_a_process_goes_on_while_its_code_is_moved_and_its_heap_gathered():
    first, last = found_by("whole")

    assert (first["works"], last["works"]) == (True, True)
    assert first["files"] == last["files"] == ([] if MOVES_CODE else LIBRARIES)
    assert (first["code"] > 0, last["code"]) == (MOVES_CODE, first["code"])
    if GATHERS_HEAP:
        # The reserve is 48 MB, in which the modules of this process lie loosely.
        assert 0 < first["heap"] <= first["huge"]
        assert last["grown"] > first["heap"]
        assert 0 < last["heap"] <= last["grown"]
    else:
        assert (first["heap"], last["grown"], last["heap"]) == (0, 0, 0)


@pytest.mark.parametrize("name", ["without_large_pages", "elsewhere"])
def test_where_there_are_no_large_pages_nothing_happens(name):
    assert found_by(name) == NOTHING | {"threads": 1}


def test_a_process_that_may_not_run_what_it_wrote_keeps_its_code_where_it_was():
    found = found_by("under_mdwe")

    # Linux before 6.3 cannot be told so: EINVAL.
    confined = found["error"] == 0
    assert (found["works"], found["error"] in (0, 22)) == (True, True)
    assert found["files"] == (LIBRARIES if confined or not MOVES_CODE else [])


def test_a_service_that_systemd_confines_lives_and_keeps_its_code_where_it_was():
    found = found_by("under_systemd")

    assert (found["files"], found["works"]) == (LIBRARIES, True)


def test_a_process_that_may_not_be_looked_into_stays_as_it_was():
    assert found_by("not_to_be_looked_into") == NOTHING


def test_code_with_a_breakpoint_stays_where_it_was():
    found = found_by("with_a_breakpoint")

    assert (found["files"], found["works"]) == (["msgspec"] if MOVES_CODE else LIBRARIES, True)


def test_before_linux_6_1_the_system_is_asked_to_gather_the_heap_by_itself():
    found = found_by("before_linux_6_1")

    assert (found["heap"], "hg" in found["flags"]) == (0, HAS_LARGE_PAGES)


def test_what_was_given_back_is_passed_over_and_all_behind_it_touched():
    found = found_by("given_back")

    assert found["first"]
    assert (found["pages"] > 1, found["touched"] > 0) == (GATHERS_HEAP, GATHERS_HEAP)


def test_a_heap_that_grows_is_gathered_again_also_after_files_ran_out():
    found = found_by("kept")

    assert (found["lost"], found["ended"]) == (0, True)
    assert found["threads"] == (1 if HAS_LARGE_PAGES else 0)
    assert (found["grown"] >= 16 << 20) == GATHERS_HEAP


@pytest.mark.parametrize(
    ("enabled", "status", "size"),
    [
        ("[always] madvise never\n", "THP_enabled:\t1\n", 2097152),
        ("always [madvise] never\n", "Name:\tolder than Linux 5.0\n", 2097152),
        ("always madvise [never]\n", "THP_enabled:\t1\n", 0),
        ("always [madvise] never\n", "THP_enabled:\t0\n", 0),
        ("always [madvise] never\n", None, 0),
        (None, "THP_enabled:\t1\n", 0),
    ],
)
def test_large_pages_are_there_if_neither_system_nor_administrator_is_against(
    tmp_path, monkeypatch, enabled, status, size
):
    monkeypatch.setattr(large_pages, "SYSTEM", tmp_path)
    monkeypatch.setattr(large_pages, "PROCESS", tmp_path)
    (tmp_path / "hpage_pmd_size").write_text("2097152\n")
    for name, text in (("enabled", enabled), ("status", status)):
        if text is not None:
            (tmp_path / name).write_text(text)

    assert large_page_bytes() == size


def code_of(pid):
    """The files that a server's processes run code from."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    texts = [Path(f"/proc/{each}/maps").read_text() for each in (pid, *children)]
    return " ".join(each.path for text in texts for each in mappings_in(text) if each.rights == "r-xp")


async def test_a_server_moves_its_code_answers_and_says_so(tmp_path):
    async with enroute_server(tmp_path / "data", seed=None) as server, server.client() as client:
        answer = await client.get("/readyz")
        code = code_of(server.process.pid)
        await server.terminate()

    assert answer.status_code == 200
    assert ("uvloop" in code) == (not MOVES_CODE)
    line = next(line for line in server.errors.splitlines() if "memory: " in line)
    assert ("memory: 0.0 MB of code" in line) == (not MOVES_CODE)
    assert (" 0 MB of heap" in line) == (not HAS_LARGE_PAGES)


async def test_a_server_told_so_leaves_its_memory_alone(tmp_path):
    environ = {"ENROUTE_LARGE_PAGES": "off"}

    async with enroute_server(tmp_path / "data", seed=None, environ=environ) as server, server.client() as client:
        answer = await client.get("/readyz")
        code = code_of(server.process.pid)
        await server.terminate()

    assert answer.status_code == 200
    assert "uvloop" in code
    assert "memory: " not in server.errors


async def test_a_choice_of_large_pages_that_is_none_stops_the_server():
    code, text = await run_enroute("serve", environ={"ENROUTE_LARGE_PAGES": "always"})

    assert code == 2
    assert "ENROUTE_LARGE_PAGES: " in text
