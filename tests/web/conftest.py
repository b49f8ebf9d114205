"""What the tests of several folders beside this file ask for: the installation of `tests.web.api.house`, the programs
of PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slots.databases import postgresql_programs
from tests.web.api.conftest import house, template

__all__ = ["house", "programs", "template"]


@pytest.fixture(scope="session")
def programs() -> Path:
    found = postgresql_programs()
    if found is None:
        pytest.skip("PostgreSQL's programs are not installed")
    return found
