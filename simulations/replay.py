"""Plays recorded trips to a server: each with a visit at its end, a technician under way and a watcher.

Recorded spacing is kept in ``fixed_at`` whatever the speed: for the filter and the ETA the trip lasts as long as it
did. In real time the first fix is now; faster, the trip is moved so that its last fix is now when it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulations.api import Api, RefusedError
from simulations.company import Person
from simulations.customers import Customer, Wishes
from simulations.departures import Departures
from simulations.devices import Phone, StayAwayError, WireFix
from simulations.http_client import HttpError
from simulations.observations import Observations
from simulations.replay_verdict import ReplayResult, TripVerdict, judge_trip
from simulations.run_clock import RunClock
from simulations.staging import Lane, Trip
from simulations.tracks import Track, TrackPoint, moved
from simulations.watchers import Watcher

REAL, MAX = 1.0, 0.0  # speeds; 0: as fast as the server takes it
SETTLED_WITHIN_S = 30.0
ARRIVAL_WITHIN_S = 1.0
BATCH_POINTS = 20  # at full speed the phone hands over what it holds, as after a tunnel


class ReplayError(Exception):
    """One trip could not be played."""


@dataclass(frozen=True, slots=True)
class Replay:
    """How to play: ``speed`` 1 is real time, f is f times faster, 0 as fast as the server takes it.

    ``stand_s``: the phone goes on reporting the last place for so long, as in a parked car.
    """

    base_url: str
    password: str
    speed: float
    radius_m: float
    clock: RunClock
    observations: Observations
    stand_s: float = 0.0

    @property
    def in_real_time(self) -> bool:
        return self.speed == REAL

    def timed(self, track: Track) -> Track:
        """``track`` with its times moved to now."""
        track = _standing(track, self.stand_s)
        now_s = self.clock.now_ms() / 1000
        if self.in_real_time:
            return moved(track, first_s=now_s)
        lasts_s = (track.end_s - track.start_s) / self.speed if self.speed else 0.0
        return moved(track, last_s=now_s + lasts_s)


async def replay_lanes(
    lanes: Sequence[Lane], replay: Replay, *, admin: Api, done: Callable[[str], None]
) -> ReplayResult:
    """Play all lanes at once. ``admin`` is signed in; ``done`` hears the name of every trip that is over."""
    result = ReplayResult()
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(_play_lane(lane, replay, admin, result, done))
    return result


async def _play_lane(lane: Lane, replay: Replay, admin: Api, result: ReplayResult, done: Callable[[str], None]) -> None:
    customer = Customer(
        base_url=replay.base_url,
        person=Person(lane.account, lane.customer_email, lane.customer_email, replay.password),
        seed=lane.account,
        wishes=Wishes(),
        observations=replay.observations,
        clock=replay.clock,
        departures=Departures(),
    )
    try:
        for trip in lane.trips:
            try:
                if customer.api.token is None:
                    await customer.sign_in()
                result.trips.append(await _play_trip(trip, replay, admin, customer))
            except (RefusedError, HttpError, ReplayError, StayAwayError) as error:
                result.failed[trip.track.name] = str(error)
            done(trip.track.name)
    finally:
        await customer.api.close()


async def _play_trip(trip: Trip, replay: Replay, admin: Api, customer: Customer) -> TripVerdict:
    visit = await customer.book(trip.technician, asset=trip.asset, details=f"Replay of {trip.track.name}")
    if visit is None:
        raise ReplayError("no slot is free for its visit")
    token = (await admin.post("/api/dispatch/device-tokens", {"technician": trip.technician})).body["token"]
    departures = Departures()
    phone = Phone(
        url=admin.websocket_url("/ws/device"),
        token=token,
        seed=trip.asset,
        observations=replay.observations,
        clock=replay.clock,
        departures=departures,
    )
    phone.visit = visit["id"]
    path = f"/api/appointments/{visit['id']}"
    timed = replay.timed(trip.track)
    set_off = await admin.post(f"{path}/travel", {"at": _device_time(timed.start_s - 1)})
    if set_off.body["status"] != "traveling":
        raise ReplayError("the server did not take a set-off in the past; replay at --speed real")
    watcher = Watcher(
        url=admin.websocket_url(f"/ws{path.removeprefix('/api')}"),
        token=customer.api.token or "",
        visit=visit["id"],
        seed=trip.asset,
        observations=replay.observations,
        clock=replay.clock,
        departures=departures,
    )
    watching, phoning = asyncio.create_task(watcher.run()), asyncio.create_task(phone.run())
    try:
        async with asyncio.timeout(SETTLED_WITHIN_S):
            await watcher.welcomed.wait()
            await first_of(phone.connected.wait(), phoning)
        await first_of(send_track(timed, replay, phone), phoning)
        unconfirmed = 0
        try:
            async with asyncio.timeout(SETTLED_WITHIN_S):
                await first_of(phone.settled(), phoning)
        except TimeoutError:
            unconfirmed = phone.held
        await all_shown(timed, watcher)
        for change in ("start", "complete"):
            await admin.post(f"{path}/{change}")
        async with asyncio.timeout(SETTLED_WITHIN_S):
            await watching
    except TimeoutError as error:
        await _give_up(admin, path)
        raise ReplayError("the server did not answer on a socket in time") from error
    finally:
        for task in (watching, phoning):
            task.cancel()
        await asyncio.gather(watching, phoning, return_exceptions=True)
    if replay.in_real_time:
        replay.observations.arrived(watcher.log.predictions, round(timed.arrived_s(replay.radius_m) * 1000))
    return judge_trip(
        timed,
        watcher.log,
        rejected=dict(phone.rejected),
        unconfirmed=unconfirmed,
        radius_m=replay.radius_m,
        judge_eta=replay.in_real_time,
    )


async def send_track(track: Track, replay: Replay, phone: Phone) -> None:
    fixes = [_wire(point) for point in track.points]
    if replay.speed == MAX:
        for start in range(0, len(fixes), BATCH_POINTS):
            for fix in fixes[start : start + BATCH_POINTS]:
                phone.send((fix,))
            await phone.settled()
        return
    began_s = replay.clock.elapsed_s()
    for point, fix in zip(track.points, fixes, strict=True):
        due_s = began_s + (point.t_s - track.start_s) / replay.speed
        await asyncio.sleep(max(0.0, due_s - replay.clock.elapsed_s()))
        phone.send((fix,))


async def first_of(wanted: Coroutine[Any, Any, object], phoning: asyncio.Task[None]) -> None:
    """Await ``wanted`` unless the phone gives up before; then its error is raised."""
    waiting = asyncio.create_task(wanted)
    done, _ = await asyncio.wait({waiting, phoning}, return_when=asyncio.FIRST_COMPLETED)
    if waiting not in done:
        waiting.cancel()
        phoning.result()


async def all_shown(track: Track, watcher: Watcher) -> None:
    """Wait for the newest position, and a moment longer for the last word about an arrival."""
    last = round(track.end_s * 1000)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ARRIVAL_WITHIN_S):
            while watcher.log.last_fixed_at < last or watcher.log.arrived_ms is None:
                watcher.heard.clear()
                await watcher.heard.wait()


async def _give_up(admin: Api, path: str) -> None:
    try:
        await admin.post(f"{path}/undo")
    except (RefusedError, HttpError):
        return


def _standing(track: Track, stand_s: float) -> Track:
    """``track`` and its last place again every 5 s for ``stand_s``."""
    last = track.points[-1]
    more = [TrackPoint(last.t_s + 5 * n, last.lat, last.lon) for n in range(1, int(stand_s // 5) + 1)]
    return Track(track.name, (*track.points, *more))


def _wire(point: TrackPoint) -> WireFix:
    return WireFix(fixed_at=round(point.t_s * 1000), lat=point.lat, lon=point.lon)


def _device_time(t_s: float) -> str:
    return datetime.fromtimestamp(t_s, UTC).isoformat(timespec="milliseconds")
