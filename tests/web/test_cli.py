"""The one program, as a process."""

import sqlite3

import pytest

from tests.servers import run_enroute


@pytest.fixture
def environ(tmp_path):
    return {"ENROUTE_DATABASE": f"sqlite:///{tmp_path / 'enroute.db'}"}


async def test_help_names_every_command():
    code, text = await run_enroute("--help")

    assert code == 0
    for command in (
        "serve",
        "demo",
        "migrate",
        "import",
        "export",
        "invite",
        "device-token",
        "map",
        "simulate",
        "compile",
        "benchmark",
    ):
        assert f"\n  {command} " in text


async def test_migrate_makes_the_database_and_may_be_repeated(environ, tmp_path):
    missing = await run_enroute("migrate", "--check", environ=environ)
    first = await run_enroute("migrate", environ=environ)
    second = await run_enroute("migrate", environ=environ)
    checked = await run_enroute("migrate", "--check", environ=environ)

    assert (missing[0], first[0], second[0], checked[0]) == (1, 0, 0, 0)
    assert second[1] == "Up to date.\n"
    assert (tmp_path / "enroute.db").exists()


async def test_the_first_admin_is_invited_from_the_command_line(environ):
    code, text = await run_enroute("invite", "boss@acme.example", "--staff", "admin", "--name", "Boss", environ=environ)

    assert code == 0
    assert text.startswith("http://127.0.0.1:8000/invitation#")


async def test_inviting_a_stranger_is_refused(environ):
    code, text = await run_enroute("invite", "stranger@example.com", environ=environ)

    assert code == 1
    assert "Only a contact of an account can be invited" in text


async def test_a_device_token_for_nobody_is_refused(environ):
    code, text = await run_enroute("device-token", "zoe", environ=environ)

    assert code == 1
    assert "There is no technician 'zoe'" in text


async def test_a_misspelt_option_stops_every_command(environ):
    code, text = await run_enroute("migrate", environ=environ | {"ENROUTE_PROT": "80"})

    assert code == 2
    assert "Did you mean ENROUTE_PORT?" in text


async def test_more_than_one_worker_without_redis_is_refused_with_the_reason(environ, tmp_path):
    code, text = await run_enroute("serve", "--workers", "2", environ=environ)

    assert code == 2
    assert "2 workers need ENROUTE_REDIS" in text
    assert not (tmp_path / "enroute.db").exists()


async def test_a_port_in_use_is_said_in_one_sentence(environ, server):
    port = server.url.rpartition(":")[2]

    code, text = await run_enroute("serve", "--port", port, environ=environ)

    assert code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in text
    assert "Traceback" not in text


async def test_a_database_whose_guard_is_gone_is_not_served(environ, tmp_path):
    await run_enroute("migrate", environ=environ)
    with sqlite3.connect(tmp_path / "enroute.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
    connection.close()

    code, text = await run_enroute("serve", "--port", "0", environ=environ)

    assert code != 0
    assert "overlap guard is incomplete" in text


async def test_a_choice_of_the_core_that_is_none_stops_the_server(environ):
    code, text = await run_enroute("serve", environ=environ | {"ENROUTE_COMPILED": "yes"})

    assert code == 2
    assert "ENROUTE_COMPILED: 'yes' is neither 'auto' nor 'off'." in text


async def test_where_everything_is_done_or_nothing_can_be_compiling_says_nothing():
    """./test has compiled the core before, where that is possible."""
    code, text = await run_enroute("compile", "--where-possible", environ={})

    assert (code, text) == (0, "")


async def test_a_database_that_cannot_be_reached_is_said_in_a_sentence():
    code, text = await run_enroute("migrate", environ={"ENROUTE_DATABASE": "postgresql://x@/x?host=/nonexistent"})

    assert code == 1
    assert text.startswith("Error: The database cannot be reached: ")
    assert "Traceback" not in text
