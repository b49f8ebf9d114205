from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.peer_servers import PEERS
from benchmarks.peer_setup import PYPI, NotInstalled, cache, find_python


def test_the_folder_of_the_peers_lies_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache() == tmp_path / "enroute" / "peers"


def test_what_enroute_itself_depends_on_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    python, version = find_python("websockets", "uvloop")

    assert python == sys.executable
    assert version.startswith("websockets ")


def test_a_package_that_is_missing_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(NotInstalled, match="picows, uvloop: not all are here: enroute benchmark peers --install"):
        find_python("picows", "uvloop")


def test_every_package_has_one_exact_version() -> None:
    assert all(requirement.count("==") == 1 for requirement in PYPI)


def test_no_two_peers_share_a_key_or_a_name() -> None:
    assert len({peer.key for peer in PEERS}) == len({peer.name for peer in PEERS}) == len(PEERS)
