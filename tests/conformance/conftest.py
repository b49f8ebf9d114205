"""The server that all cases are played against: a process of its own, one for the whole folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.servers import ROOT, STOP_WITHIN_S


@pytest.fixture(scope="package")
def echo_port() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.conformance.echo_server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            try:
                code = process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert code == 0
