"""The core as machine code: it does the same as the sources, and never hides them."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.beside import ROOT, Beside, begin
from web import compiled
from web.compiled import BUILDS, MODULES, digest, library_files
from web.compiler import BuildFailed, CannotCompile, build, check_tools

OLD = "0123456789abcdef0123"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a build of today's sources, where an older one was. Made now, unless this installation has one."""
    try:
        check_tools()
    except CannotCompile as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("builds")
    (folder / OLD).mkdir()
    if (BUILDS / digest()).is_dir():
        shutil.copytree(BUILDS / digest(), folder / digest())
    build(builds=folder)
    return folder


def run(builds: Path, *arguments: str, root: Path = ROOT, choice: str = "auto") -> tuple[str, str]:
    """What the core was, and what else was printed."""
    return read(begin(builds, *arguments, root=root, choice=choice))


def read(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The same of a process that was begun before; it has to end well."""
    said, _ = process.communicate()
    first, _, rest = said.partition("\n")
    assert process.returncode == 0, said[-8000:]
    return first, rest


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A copy of the program in which a straight line became a longer way."""
    for room in ("tracker", "web"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "tracker/roads/straight.py"
    source.write_text(source.read_text().replace("DETOUR: Final = 1.35", "DETOUR: Final = 100.0"))
    (tmp_path / "detour.py").write_text("from tracker.roads import straight\nprint(straight.straight_left_m(1.0))\n")
    return tmp_path


def test_a_build_holds_every_module_and_replaces_the_older_ones(builds: Path) -> None:
    assert [path.name for path in builds.iterdir()] == [digest()]
    assert all(file.is_file() for file in library_files(builds / digest()).values())


def test_what_is_there_is_not_built_again(builds: Path) -> None:
    before = (builds / digest()).stat().st_mtime_ns

    build(builds=builds)

    assert (builds / digest()).stat().st_mtime_ns == before


def test_the_tests_of_the_tracker_hold_for_the_compiled_core(builds: Path, tracker_tests_beside: Beside) -> None:
    core, _ = read(tracker_tests_beside.begin(builds))

    assert core == "core: compiled"


@pytest.mark.parametrize("seed", ["1", "2"])
def test_compiled_and_interpreted_agree_bit_for_bit(builds: Path, seed: str) -> None:
    compiled_core, compiled_lines = run(builds, "tests.tracker.random_walks", seed)
    interpreted_core, interpreted_lines = run(builds, "tests.tracker.random_walks", seed, choice="off")

    assert (compiled_core, interpreted_core) == ("core: compiled", "core: interpreted")
    assert compiled_lines.splitlines() == interpreted_lines.splitlines()
    assert "Kept.CURRENT" in compiled_lines


def test_an_edited_source_is_not_hidden_by_an_older_build(builds: Path, edited: Path) -> None:
    assert run(builds, "detour", root=edited) == ("core: interpreted", "100.0\n")


def test_a_build_is_for_one_python_and_one_translator(monkeypatch: pytest.MonkeyPatch) -> None:
    here = digest()

    monkeypatch.setattr(sys, "version", "3.99.0 (another one)")

    assert digest() != here


def test_a_build_that_cannot_be_loaded_leaves_the_sources_in_charge(tmp_path: Path) -> None:
    for file in library_files(tmp_path / digest()).values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"of another system")

    core, said = run(tmp_path, "tests.tracker.random_walks", "1")

    assert "the compiled core cannot be loaded" in core + said
    assert "core: interpreted" in core + said


def test_whoever_edits_badly_gets_the_reason_and_nothing_half_built(builds: Path, edited: Path, tmp_path: Path) -> None:
    (edited / "tracker/geo.py").write_text("EARTH_RADIUS_M: int = 'round'\n")
    target = tmp_path / "elsewhere"

    with pytest.raises(BuildFailed, match=r"geo\.py:1: error: Incompatible types"):
        build(builds=target, sources=edited)

    assert list(target.iterdir()) == []


def test_without_a_c_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -pthread")

    with pytest.raises(CannotCompile) as refusal:
        check_tools()

    assert str(refusal.value) == "There is no C compiler (no-such-compiler). On Debian: apt-get install gcc libc6-dev"


def test_without_pythons_headers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", sys.executable)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))

    with pytest.raises(CannotCompile, match=r"Python\.h\)\. On Debian: apt-get install python3\.\d+-dev"):
        check_tools()


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'of' is neither 'auto' nor 'off'"):
        compiled.take_up({"ENROUTE_COMPILED": "of"}, builds=BUILDS)


def test_no_compiled_module_defines_a_struct() -> None:
    # Compiled, `class X(Struct, frozen=True)` would not be frozen: mypyc drops the keywords.
    bases = {
        f"{module}.{node.name}": ast.unparse(base)
        for module in MODULES
        for node in ast.walk(ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }

    assert [name for name, base in bases.items() if "Struct" in base] == []
