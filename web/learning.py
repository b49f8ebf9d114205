"""Learning by night: `enroute eta learn` as a child, and its result put to use without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from slots import catalog_store
from tracker.calibration import COLD, Calibration, decode_calibration
from tracker.errors import RoadsUnavailable
from tracker.roads import RoadEngine
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.fallback import FallbackRoads
from tracker.traffic import Traffic
from web.arrivals import zone_of
from web.children import answered
from web.commands.eta_learn import FELL_BACK, NOTHING_LEARNED
from web.config import PREFIX

if TYPE_CHECKING:
    from tracker.records import KeptCalibration
    from web.config import Settings
    from web.state import State

log = logging.getLogger("enroute.learning")

NIGHT = datetime.time(3)
CHECK_EVERY_S = 600.0
"""What was learned by hand, or by another process of this installation, is taken up within ten minutes."""
NICE = 15
ROOT = Path(__file__).resolve().parent.parent


class Learning:
    """One per process; `take_up()` before the first trip, then `start()` and `close()`. Without a road graph of our own
    it does nothing."""

    def __init__(self, state: State, roads: RoadEngine) -> None:
        self._state = state
        self._roads = own_roads(roads)
        self._task: asyncio.Task[None] | None = None
        self._learned_at: int | None = None
        self._tried_at: int | None = None

    def start(self) -> None:
        if self._roads is not None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="learning")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def take_up(self) -> None:
        """Reckon with what was learned last; cold when that is nothing, or cannot be read."""
        if self._roads is None:
            return
        kept = await asyncio.to_thread(self._state.node.store.calibration)
        self._learned_at = None if kept is None else kept.learned_at
        await self._use(self._roads, _calibration_of(kept))

    async def check(self) -> None:
        """Take up what others learned; learn when a night has come since and no other process does."""
        if self._roads is None:
            return
        await self._take_up_news()
        times = [at_ms for at_ms in (self._learned_at, self._tried_at) if at_ms is not None]
        now_ms = self._state.now_ms()
        time_zone = await self._time_zone()
        if not is_due(now_ms=now_ms, last_ms=max(times, default=None), time_zone=time_zone):
            return
        night_ms, store = night_began_ms(now_ms=now_ms, time_zone=time_zone), self._state.node.store
        if not await asyncio.to_thread(lambda: store.take_night(night_ms=night_ms, now_ms=now_ms)):
            return
        self._tried_at = now_ms
        # Not in a `finally`: a server that is stopped in the middle leaves the night to another.
        await self.learn()
        await asyncio.to_thread(lambda: store.end_night(night_ms=night_ms, now_ms=self._state.now_ms()))

    async def learn(self) -> None:
        """Run the command to its end and take up the result; what it said is one line of the log."""
        code, text = await answered(
            [sys.executable, "-m", "web", "eta", "learn"],
            learning_environment(self._state.settings, os.environ),
            nice=NICE,
        )
        said = text.strip().rpartition("\n")[2]
        if code == 0 or code == NOTHING_LEARNED:
            log.info("%s", said)
        elif code == FELL_BACK:
            log.warning("%s", said)
        else:
            log.warning("learning from finished trips failed (exit code %d): %s", code, said)
        await self._take_up_news()

    async def _run(self) -> None:
        while True:
            # Not at once: a server that starts has better things to do.
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                await self.check()
            except Exception:
                log.exception("learning failed; trying again later")

    async def _take_up_news(self) -> None:
        kept = await asyncio.to_thread(self._state.node.store.calibration)
        if kept is not None and kept.learned_at != self._learned_at:
            await self.take_up()

    async def _use(self, roads: EmbeddedRoads, calibration: Calibration) -> None:
        # Imported late: numpy is some 20 MB that a server without a map has no use for.
        from tracker.roads.driving import driven_seconds

        edge_s = await asyncio.to_thread(lambda: driven_seconds(roads.graph, calibration).tobytes())
        try:
            await roads.replace_seconds(edge_s)
        except RoadsUnavailable as error:
            # The worker starts anew with them.
            log.warning("the road worker did not take what was learned: %s", error)
        self._state.node.use_calibration(calibration)

    async def _time_zone(self) -> str:
        async with self._state.database.read() as conn:
            return zone_of(await catalog_store.resources(conn))


def own_roads(roads: RoadEngine) -> EmbeddedRoads | None:
    """The engine that reckons on our own road graph, alone or behind a road server."""
    own = roads.other if isinstance(roads, FallbackRoads) else roads
    return own if isinstance(own, EmbeddedRoads) else None


def is_due(*, now_ms: int, last_ms: int | None, time_zone: str) -> bool:
    """Whether it has been three in the morning since the last time; also later in the day, where nobody serves by
    night."""
    return last_ms is None or last_ms < night_began_ms(now_ms=now_ms, time_zone=time_zone)


def night_began_ms(*, now_ms: int, time_zone: str) -> int:
    """When it was last three in the morning."""
    now = datetime.datetime.fromtimestamp(now_ms / 1000, ZoneInfo(time_zone))
    day = now.date() if now.time() >= NIGHT else now.date() - datetime.timedelta(days=1)
    return round(datetime.datetime.combine(day, NIGHT, now.tzinfo).timestamp() * 1000)


def learning_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What the command needs to know of the server's settings, wherever those came from, and no secret beyond."""
    environment = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    path = os.pathsep.join(filter(None, [str(ROOT), environ.get("PYTHONPATH")]))
    return environment | {
        f"{PREFIX}DATABASE": settings.database,
        f"{PREFIX}ROADS_FILE": str(settings.roads_path),
        f"{PREFIX}COMPILED": settings.compiled,
        "PYTHONPATH": path,
        # Arrays are short here: more threads would only take processors from the server.
        "OPENBLAS_NUM_THREADS": "1",
    }


def _calibration_of(kept: KeptCalibration | None) -> Calibration:
    if kept is None:
        return COLD
    try:
        calibration = decode_calibration(kept.data)
        # Refuses a week that has not its hours.
        Traffic(calibration.hours)
    except ValueError as error:
        log.warning("what was learned cannot be read, starting cold: %s", error)
        return COLD
    return calibration
