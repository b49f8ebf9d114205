"""What one watcher was told about one visit, and whether it kept its promises. Frames in, facts out. [pure]"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulations.observations import Prediction

Frame = dict[str, Any]


@dataclass(slots=True)
class WatchLog:
    """``first_ms`` … are milliseconds since 1970 on the watcher's clock; ``*_at`` are the server's words."""

    positions: int = 0
    backwards: int = 0  # a position older than one already told: must stay 0
    without_eta: int = 0
    first_ms: float | None = None
    last_fixed_at: int = 0
    last_seen: tuple[float, float] | None = None
    status: str | None = None
    ended: str | None = None
    arrived_ms: float | None = None
    statuses: list[str] = field(default_factory=list)
    technicians: list[str] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    epoch: str | None = None
    seq: int = 0
    welcomes: int = 0
    unknown: int = 0

    def receive(self, frame: Frame, now_ms: float) -> None:
        """Take one frame of the server."""
        if "seq" in frame:
            self.seq = frame["seq"]
        match frame.get("type"):
            case "welcome":
                self._welcome(frame, now_ms)
            case "position":
                self._position(frame, now_ms)
            case "eta":
                if frame["reason"] == "arrived":
                    self.arrived_ms = self.arrived_ms or now_ms
                self._predict(frame, now_ms)
            case "status":
                self._status(frame["status"])
                if frame["status"] == "arrived":
                    self.arrived_ms = self.arrived_ms or now_ms
            case "technician":
                self.technicians.append(frame.get("name") or "")
            case "end":
                self.ended = frame["reason"]
            case "route" | "heartbeat":
                pass
            case _:
                self.unknown += 1

    def _welcome(self, frame: Frame, now_ms: float) -> None:
        self.welcomes += 1
        self.epoch = frame["epoch"]
        snapshot = frame["snapshot"]
        self._status(snapshot["status"])
        position, eta = snapshot.get("position"), snapshot.get("eta")
        if position is not None and position["fixed_at"] > self.last_fixed_at:
            self._position(position, now_ms)
        if eta is not None and eta.get("reason") == "arrived":
            self.arrived_ms = self.arrived_ms or now_ms

    def _position(self, frame: Frame, now_ms: float) -> None:
        self.positions += 1
        if self.first_ms is None:
            self.first_ms = now_ms
        if frame["fixed_at"] < self.last_fixed_at:
            self.backwards += 1
        self.last_fixed_at = max(self.last_fixed_at, frame["fixed_at"])
        self.last_seen = (frame["lat_e6"] / 1e6, frame["lon_e6"] / 1e6)
        if frame.get("eta_at") is None:
            self.without_eta += 1
        else:
            self._predict(frame, now_ms)

    def _predict(self, frame: Frame, now_ms: float) -> None:
        # Of a fix the prediction belongs to its time, so that replayed days are judged like live ones.
        at_ms = frame.get("fixed_at", self.last_fixed_at) or round(now_ms)
        self.predictions.append(Prediction(at_ms, frame["eta_at"], frame.get("eta_low_at"), frame.get("eta_high_at")))

    def _status(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self.statuses.append(status)
