"""The tracker's own revisions, as the runner of the server applies them: in order, on both databases."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from tracker import migrations as folder


def revisions() -> list[ModuleType]:
    """From the first to the newest."""
    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    return [importlib.import_module(f"tracker.migrations.{name}") for name in names]


def migrate(url: str, *, after: str = "", upto: str = "~") -> None:
    """Apply the revisions after one (all from the first on) and up to one (the newest)."""
    engine = create_engine(url)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        for revision in revisions():
            if after < revision.revision <= upto:
                revision.upgrade()
    engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Take back this one, the newest that is applied."""
    engine = create_engine(url)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        next(each for each in revisions() if each.revision == revision).downgrade()
    engine.dispose()
