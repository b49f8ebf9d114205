"""A disk that is full and is given room again."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(*, mib: int) -> Iterator[Path]:
    """A file system of its own; skips without the right to mount one."""
    # Not in pytest's folder: there PostgreSQL, which runs as somebody else, may not look.
    folder = Path(tempfile.mkdtemp(prefix="enroute-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("only root can mount a file system small enough to fill")
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


@contextlib.contextmanager
def no_room_left(disk: Path) -> Iterator[None]:
    """Until the block ends nothing more fits on the disk."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()
