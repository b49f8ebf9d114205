"""Plays recorded trips through one phone that exists already, without touching anything else on the server.

With a visit and a token that may watch it, the same promises are checked as in a staged replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from simulations.api import Api
from simulations.departures import Departures
from simulations.devices import Phone, StayAwayError
from simulations.replay import SETTLED_WITHIN_S, Replay, all_shown, first_of, send_track
from simulations.replay_verdict import ReplayResult, judge_trip
from simulations.tracks import Track
from simulations.watch_log import WatchLog
from simulations.watchers import Watcher


async def replay_phone(
    tracks: Sequence[Track],
    replay: Replay,
    *,
    device_token: str,
    watch: tuple[str, str] | None,
    done: Callable[[str], None],
) -> ReplayResult:
    """Play ``tracks`` one after the other. ``watch``: the visit's id and a token that may watch it."""
    api = Api(replay.base_url)
    departures = Departures()
    phone = Phone(
        url=api.websocket_url("/ws/device"),
        token=device_token,
        seed="replay",
        observations=replay.observations,
        clock=replay.clock,
        departures=departures,
    )
    watcher: Watcher | None = None
    tasks = [asyncio.create_task(phone.run())]
    if watch is not None:
        phone.visit = watch[0]
        watcher = Watcher(
            url=api.websocket_url(f"/ws/appointments/{watch[0]}"),
            token=watch[1],
            visit=watch[0],
            seed="replay",
            observations=replay.observations,
            clock=replay.clock,
            departures=departures,
        )
        tasks.append(asyncio.create_task(watcher.run()))
    result = ReplayResult(watched=watcher is not None)
    try:
        for track in tracks:
            timed = replay.timed(track)
            phone.rejected = {}
            try:
                async with asyncio.timeout(SETTLED_WITHIN_S):
                    await first_of(phone.connected.wait(), tasks[0])
                    if watcher is not None:
                        await first_of(watcher.welcomed.wait(), tasks[1])
                await first_of(send_track(timed, replay, phone), tasks[0])
                async with asyncio.timeout(SETTLED_WITHIN_S):
                    await first_of(phone.settled(), tasks[0])
                if watcher is not None:
                    await all_shown(timed, watcher)
            except TimeoutError:
                result.failed[track.name] = "the server did not answer on a socket in time"
            except StayAwayError as error:
                result.failed[track.name] = str(error)
                break
            else:
                result.trips.append(
                    judge_trip(
                        timed,
                        watcher.log if watcher is not None else WatchLog(),
                        rejected=dict(phone.rejected),
                        unconfirmed=phone.held,
                        radius_m=replay.radius_m,
                        judge_eta=replay.in_real_time,
                    )
                )
            done(track.name)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await api.close()
    return result
