from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.native import NoCompiler, compiled


def test_a_program_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    first = compiled("epoll_limit")
    built_at = first.stat().st_mtime_ns

    assert compiled("epoll_limit").stat().st_mtime_ns == built_at
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_without_a_compiler_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)

    with pytest.raises(NoCompiler, match="install gcc and libc6-dev"):
        compiled("load")
