"""What the README promises is there: its commands, its options, its files."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import click
import pytest

from web.cli import enroute
from web.config import OPTION_NAMES

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ("README.md", "benchmarks/README.md")
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\[[^\]]+\]\((?!https?:|#|mailto:)([^)#\s]+)")
COMMAND = re.compile(r"`enroute ([a-z][a-z-]*(?: [a-z][a-z-]*)*)")


def commands() -> set[tuple[str, ...]]:
    """Every `enroute …` of the texts, as words."""
    return {tuple(match.split()) for text in TEXTS for match in COMMAND.findall((ROOT / text).read_text())}


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_a_command_of_the_readme_exists(words: tuple[str, ...]) -> None:
    command: click.Command | None = enroute
    context = click.Context(command, info_name="enroute")

    for word in words:
        assert isinstance(command, click.Group), f"enroute {' '.join(words)}: {word!r} is given to {command.name!r}"
        command = command.get_command(context, word)
        assert command is not None, f"enroute has no {word!r} as in {' '.join(words)!r}"

    assert command is not None


@pytest.mark.parametrize("name", ["run", "test", ".ci/run"])
def test_a_script_of_the_readme_can_be_started(name: str) -> None:
    script = ROOT / name

    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("name", ["run", "test", ".ci/prepare.sh"])
def test_a_script_is_plain_posix_shell(name: str) -> None:
    checked = subprocess.run(["sh", "-n", str(ROOT / name)], capture_output=True, text=True)

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "target"), [(text, target) for text in TEXTS for target in LINK.findall((ROOT / text).read_text())]
)
def test_a_relative_link_leads_somewhere(text: str, target: str) -> None:
    assert ((ROOT / text).parent / target).exists()


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"`ENROUTE_([A-Z_]+)`", README))))
def test_an_option_of_the_readme_exists(variable: str) -> None:
    assert variable.lower() in OPTION_NAMES


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`(tests/test_\w+\.py|static/\w+|tracker/\w+|slots/\w+)`", README)))
)
def test_a_file_of_the_readme_exists(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists()


def test_the_locks_name_no_registry_and_no_folder_of_anybody() -> None:
    locks = [path.read_text() for path in sorted((ROOT / ".ci").glob("*.lock"))]

    assert [re.findall(r"https?://|file:|--(?:extra-)?index-url|--find-links", lock) for lock in locks] == [[], []]


def test_every_locked_requirement_carries_a_hash() -> None:
    for lock in sorted((ROOT / ".ci").glob("*.lock")):
        entries = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text().replace("\\\n", " "))[1:]

        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_tests_run_with_the_versions_that_run() -> None:
    runtime, tests = (
        set(re.findall(r"^([\w.-]+(?:\[[\w,-]+\])?==\S+)", (ROOT / ".ci" / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock")
    )

    assert runtime <= tests
