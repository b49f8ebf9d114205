"""What ./run and ./test do on a machine that lacks something: its programs only write down how they were called."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
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

    def has_python(
        self, name: str, *, usable: bool = True, optimised: bool = True, new: bool = True, headers: bool = True
    ) -> None:
        """An interpreter that answers what the scripts ask it. `distribution/...` is the distribution's own."""
        asked = {"ensurepip": usable, "base_prefix": optimised, "Python.h": headers, "version_info <": new}
        answers = " ".join(f'*"{word}"*) exit {int(not answer)} ;;' for word, answer in asked.items())
        (self.folder / name).parent.mkdir(exist_ok=True)
        self.has(name, body=f'case $2 in {answers} *"%d.%d"*) echo 3.12 ;; esac')

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-euc", f". {ROOT}/.ci/prepare.sh\ndistribution_bin={self.folder}/distribution\n{script}"],
            cwd=self.folder,
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
    machine.has_python("python3", usable=False, new=False)
    machine.has_python("python3.12")

    done = machine.run('need_python; echo "$python"')

    assert done.stdout == "python3.12\n"


def test_a_python_without_profile_guided_optimisation_is_passed_over_for_the_distributions_own(
    machine: Machine,
) -> None:
    machine.has_python("python3", optimised=False)
    machine.has_python("distribution/python3")

    done = machine.run('need_python; echo "$python"')

    assert done.stdout == f"{machine.folder}/distribution/python3\n"


def test_an_optimised_python_that_comes_first_on_path_stays(machine: Machine) -> None:
    machine.has_python("python3")
    machine.has_python("distribution/python3")

    done = machine.run('need_python; echo "$python"')

    assert done.stdout == "python3\n"


def test_a_distribution_that_is_too_old_has_a_newer_python_beside_its_own(machine: Machine) -> None:
    machine.has_python("python3", optimised=False)
    machine.has_python("distribution/python3", usable=False, new=False)
    machine.has_python("distribution/python3.12")

    done = machine.run('need_python; echo "$python"')

    assert done.stdout == f"{machine.folder}/distribution/python3.12\n"


@pytest.mark.parametrize("distribution", [{"usable": False, "new": False}, {"optimised": False}], ids=str)
def test_without_a_better_one_the_first_python_on_path_is_taken(
    machine: Machine, distribution: dict[str, bool]
) -> None:
    machine.has_python("python3", optimised=False)
    machine.has_python("distribution/python3", **distribution)

    done = machine.run('need_python; echo "$python"')

    assert done.stdout == "python3\n"


def test_root_adds_venv_where_it_is_all_that_the_faster_python_lacks(machine: Machine) -> None:
    machine.has("id", body="echo 0")
    machine.has("apt-get")
    machine.has_python("python3", optimised=False)
    machine.has_python("distribution/python3", usable=False)

    machine.run("need_python")

    assert "apt-get install -y -qq --no-install-recommends python3-venv" in machine.called


def test_when_venv_cannot_be_had_the_slower_python_will_do(machine: Machine) -> None:
    machine.has("id", body="echo 0")
    machine.has("apt-get", body="exit 100")
    machine.has_python("python3", optimised=False)
    machine.has_python("distribution/python3", usable=False)

    done = machine.run('need_python; echo "$python"')

    assert (done.returncode, done.stdout) == (0, "python3\n")


@pytest.mark.parametrize("reason", ["somebody else", "there is an environment"])
def test_for_speed_alone_nothing_is_installed_again_or_by_somebody_else(machine: Machine, reason: str) -> None:
    machine.has("id", body=f"echo {1000 if reason == 'somebody else' else 0}")
    machine.has("apt-get")
    machine.has_python("python3", optimised=False)
    machine.has_python("distribution/python3", usable=False)
    if reason == "there is an environment":
        (machine.folder / ".venv").mkdir()

    done = machine.run('need_python; echo "$python"')

    assert done.stdout == "python3\n"
    assert [call for call in machine.called if call.startswith("apt-get")] == []


def test_the_interpreter_of_these_tests_is_told_apart_by_how_it_was_built(machine: Machine) -> None:
    built = f"{sysconfig.get_config_var('CONFIG_ARGS')} {sysconfig.get_config_var('PY_CORE_CFLAGS')}"
    optimised = sys.base_prefix == "/usr" or "--enable-optimizations" in built or "-fprofile-use" in built

    done = machine.run(f"python_is_optimised {sys.executable}")

    assert (done.returncode == 0) is optimised


def test_the_core_is_compiled_when_the_environment_is_there(machine: Machine) -> None:
    (machine.folder / ".venv/bin").mkdir(parents=True)
    machine.has(".venv/bin/enroute")

    done = machine.run("make_environment() { :; }; need_environment a.lock")

    assert (done.returncode, machine.called) == (0, [".venv/bin/enroute compile --where-possible"])


def test_a_core_that_cannot_be_compiled_stops_nothing(machine: Machine) -> None:
    (machine.folder / ".venv/bin").mkdir(parents=True)
    machine.has(".venv/bin/enroute", body="exit 1")

    done = machine.run("make_environment() { :; }; need_environment a.lock; echo on")

    assert (done.returncode, done.stdout) == (0, "on\n")


@pytest.mark.parametrize(
    ("headers", "installed"),
    [(True, []), (False, ["apt-get install -y -qq --no-install-recommends python3.12-dev"])],
)
def test_the_headers_of_the_python_at_hand_are_installed(machine: Machine, headers: bool, installed: list[str]) -> None:
    machine.has("id", body="echo 0")
    machine.has("apt-get")
    machine.has_python("python3", headers=headers)

    machine.run("need_python_headers")

    assert [call for call in machine.called if call.startswith("apt-get install")] == installed
