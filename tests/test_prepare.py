"""What ./run and ./test do on a machine that lacks something: its programs only write down how they were called."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Machine:
    """A PATH of its own. `called` is what its pretended programs were asked to do, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "called.log"
        for name in ("env", "mktemp", "rm", "cat", "sh"):
            self.lacks_nothing_of(name)

    def lacks_nothing_of(self, name: str) -> None:
        real = next(path for path in (Path("/usr/bin"), Path("/bin")) if (path / name).exists())
        (self.folder / name).symlink_to(real / name)

    def has(self, name: str, *, body: str = "") -> None:
        program = self.folder / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.log}\n{body}\n')
        program.chmod(0o755)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-euc", f". {ROOT}/.ci/prepare.sh\n{script}"],
            env={"PATH": str(self.folder), "TMPDIR": str(self.folder)},
            capture_output=True,
            text=True,
        )

    @property
    def called(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_root_installs_by_apt_after_one_update(machine: Machine) -> None:
    machine.has("id", body="echo 0")
    machine.has("apt-get")

    done = machine.run('install_packages "a browser" chromium; install_packages Redis redis-server')

    assert done.returncode == 0
    assert [call for call in machine.called if call.startswith("apt-get")] == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
        "apt-get install -y -qq --no-install-recommends redis-server",
    ]


def test_somebody_else_installs_by_sudo(machine: Machine) -> None:
    machine.has("id", body="echo 1000")
    machine.has("apt-get")
    machine.has("sudo", body='exec "$@"')

    done = machine.run('install_packages "a browser" chromium')

    assert done.returncode == 0
    assert machine.called[1] == "sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq"
    assert machine.called[-1] == "apt-get install -y -qq --no-install-recommends chromium"


def test_without_root_and_sudo_the_missing_package_is_named(machine: Machine) -> None:
    machine.has("id", body="echo 1000")
    machine.has("apt-get")

    done = machine.run('install_packages "a browser" chromium')

    assert done.returncode == 1
    assert (
        done.stderr == "enroute: a browser is missing and needs root to install. Please run: apt-get install chromium\n"
    )


def test_without_apt_the_missing_thing_is_named(machine: Machine) -> None:
    done = machine.run('install_packages "a browser" chromium')

    assert done.returncode == 1
    assert done.stderr == ("enroute: a browser is missing. Please install it (on Debian: chromium) and start again.\n")


def test_a_failed_installation_shows_what_apt_said(machine: Machine) -> None:
    machine.has("id", body="echo 0")
    machine.has("apt-get", body='[ "$1" = update ] || { echo "no space left"; exit 100; }')

    done = machine.run('install_packages "a browser" chromium')

    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert done.stderr.endswith("enroute: apt-get could not install a browser (chromium).\n")


def test_an_old_python_is_passed_over_for_a_newer_one_beside_it(machine: Machine) -> None:
    machine.has("python3", body="exit 1")
    machine.has("python3.12")

    done = machine.run('need_python; echo "$python"')

    assert done.stdout == "python3.12\n"
