"""Structured logs: one JSON object per line on standard error. No request line, no header, no secret."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec


class JsonLines(logging.Formatter):
    """`at`, `level`, `logger`, `message`, `worker` where there are several, and `trace` where there is an exception."""

    def __init__(self, *, worker: int | None = None) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | int] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._worker is not None:
            line["worker"] = self._worker
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure_logs(level: str, *, worker: int | None = None) -> None:
    """`worker`: the number of this process among several, for every line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(worker=worker))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Uvicorn tells every start and stop of every part; what people wait for we print ourselves.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("alembic").setLevel(logging.WARNING)
