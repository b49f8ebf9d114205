"""The ledger of arrival times for staff: `/api/dispatch/eta-accuracy`."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tracker.accuracy import Accuracy, Measured
from web.arrivals import BadSpan, BadZone, By, Learned, Report, read_report
from web.auth import require
from web.openapi import answer, decode_query, endpoint, resource
from web.problems import Problem
from web.state import state_of


class AccuracyQuery(msgspec.Struct):
    """`from` and `to` are days of `time_zone`, both included, at most 92; without them the last seven. Without
    `time_zone` (an IANA name) the days are those of the clock that most technicians live by."""

    by: By = "day"
    first_day: datetime.date | None = msgspec.field(default=None, name="from")
    last_day: datetime.date | None = msgspec.field(default=None, name="to")
    time_zone: str | None = None


class HorizonJson(msgspec.Struct):
    """What was told so many minutes before the arrival. `median_error_s`: above zero where the told time was too late,
    below where it was too early. `mean_error_percent`: of the time that was left. `good_percent`: off by at most
    30 s or a fifth of the time left. `held_percent`: arrivals inside the told range, which is meant to hold 80 %."""

    minutes_before: int
    arrivals: int
    mean_error_s: float
    median_error_s: float
    mean_error_percent: float
    good_percent: float
    held_percent: float
    median_range_s: float


class AccuracyGroupJson(msgspec.Struct):
    """`key` is a date, a technician's id or an area: the centre of a cell of about two kilometres as `lat,lon`, null
    for visits without a known place."""

    key: str | None
    name: str
    visits: int
    horizons: list[HorizonJson]


class LearnedJson(msgspec.Struct):
    """What arrival times rest on since then: what so many trips taught, 0 for the start without learning.
    `checked_trips` of the days before were off by `checked_error_s`, and would have been by `cold_error_s` without
    learning; null where there was nothing to check. `fell_back`: learning had made them worse, and was taken back."""

    since: str
    trips: int
    checked_trips: int | None
    checked_error_s: float | None
    cold_error_s: float | None
    fell_back: bool


class AccuracyJson(msgspec.Struct):
    """Days by date, technicians and areas by their number of visits. A visit counts when somebody could be told its
    arrival five minutes before; a horizon that no visit reached is left out. `learned` is null where nothing was
    learned yet."""

    first_day: str = msgspec.field(name="from")
    last_day: str = msgspec.field(name="to")
    time_zone: str
    by: By
    visits: int
    horizons: list[HorizonJson]
    groups: list[AccuracyGroupJson]
    learned: LearnedJson | None


@endpoint(
    "How right the told arrival times were",
    tag="Dispatch",
    query=AccuracyQuery,
    answers={200: AccuracyJson},
    problems=("invalid_range",),
)
async def read_accuracy(request: Request) -> Response:
    await require(request, "dispatcher")
    state = state_of(request)
    query = decode_query(request, AccuracyQuery)
    try:
        report = await read_report(
            state.database,
            state.node.store,
            now_ms=state.now_ms(),
            by=(query.by,),
            first_day=query.first_day,
            last_day=query.last_day,
            time_zone=query.time_zone or None,
        )
    except BadSpan as error:
        raise Problem("invalid_range", str(error)) from None
    except BadZone as error:
        raise Problem("invalid", str(error), field="time_zone") from None
    return answer(accuracy_json(report, query.by))


def accuracy_json(report: Report, by: By) -> AccuracyJson:
    """The report as programs read it, grouped one way."""
    return AccuracyJson(
        first_day=report.first_day.isoformat(),
        last_day=report.last_day.isoformat(),
        time_zone=report.time_zone,
        by=by,
        visits=report.total.visits,
        horizons=_horizons(report.total),
        groups=[
            AccuracyGroupJson(group.key, group.name, group.measured.visits, _horizons(group.measured))
            for group in report.groups[by]
        ],
        learned=_learned(report.learned, report.time_zone),
    )


def _learned(learned: Learned | None, time_zone: str) -> LearnedJson | None:
    if learned is None:
        return None
    since = datetime.datetime.fromtimestamp(learned.since_ms // 1000, ZoneInfo(time_zone))
    check = learned.check
    return LearnedJson(
        since=since.isoformat(),
        trips=learned.trips,
        checked_trips=check.trips if check else None,
        checked_error_s=round(check.mae_s, 1) if check else None,
        cold_error_s=round(check.cold_mae_s, 1) if check else None,
        fell_back=check is not None and check.fell_back,
    )


def _horizons(measured: Measured) -> list[HorizonJson]:
    return [_horizon(each) for each in measured.horizons]


def _horizon(accuracy: Accuracy) -> HorizonJson:
    return HorizonJson(
        minutes_before=accuracy.minutes_before,
        arrivals=accuracy.arrivals,
        mean_error_s=round(accuracy.mean_error_s, 1),
        median_error_s=round(accuracy.median_error_s, 1),
        mean_error_percent=round(100 * accuracy.mean_error_share, 1),
        good_percent=round(100 * accuracy.good_share, 1),
        held_percent=round(100 * accuracy.held_share, 1),
        median_range_s=round(accuracy.median_range_s, 1),
    )


routes = [resource("/api/dispatch/eta-accuracy", get=read_accuracy)]
