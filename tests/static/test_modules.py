"""The browser's pure modules, tested where they run without a browser: `node --test`, one file of tests each."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda file: file.name)
async def test_a_javascript_module_keeps_its_promises(file: Path) -> None:
    assert NODE is not None, "node is needed for the tests of static/js (Debian package: nodejs)"

    process = await asyncio.create_subprocess_exec(
        NODE, "--test", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
