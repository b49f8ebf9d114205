"""Frames between processes: the port, and the in-process default that has nobody to tell."""

from __future__ import annotations

from typing import Protocol

from tracker.watchers import Message


class Bus(Protocol):
    """Carries a message that was told locally to the other processes that watch the topic. Never waits."""

    def ship(self, topic: str, message: Message) -> None: ...


class LocalBus:
    """One process: everything was told already."""

    def ship(self, topic: str, message: Message) -> None:
        return None
