"""Where travel times come from: the port, the default without a road engine, and how a use case waits for them.

A road engine is asked between transactions, never inside one: a use case runs over the figures at hand and, where one
is missing, takes everything back, finds it out, and runs again. The searches of a large company are made in a thread.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from slots.availability import Candidate, find_candidates
from slots.calendar import Calendar
from slots.travel import Point
from slots.travel_table import Figure, Leg, TravelTable, straight, straight_figure

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from slots.booking.scheduling import Scheduling

# A time line that changes between all of these is as busy as it gets; then the straight line does.
ATTEMPTS = 5

P = ParamSpec("P")
T = TypeVar("T")


class TravelSource(Protocol):
    """The port. `offered` and `accepted` are asked from other threads as well."""

    def offered(self, leg: Leg) -> Figure | None:
        """What an offer reckons with, None where it has to be fetched first. At once, no waiting."""
        ...

    def accepted(self, leg: Leg) -> Figure | None:
        """The same for a booking: never more than any offer of the last minutes reckoned with."""
        ...

    async def fetch(self, legs: Collection[Leg]) -> Mapping[Leg, Figure]:
        """A figure for every leg, soon: where no better one is to be had in time, the straight line, so marked."""
        ...

    def prepare(self, legs: Collection[Leg]) -> None:
        """Have these at hand for whoever asks later. Returns at once; they come after everything that is fetched."""
        ...


class StraightSource:
    """The default, without a road engine: every leg is an estimate and at hand."""

    def offered(self, leg: Leg) -> Figure | None:
        return straight_figure(leg)

    def accepted(self, leg: Leg) -> Figure | None:
        return straight_figure(leg)

    async def fetch(self, legs: Collection[Leg]) -> Mapping[Leg, Figure]:
        return straight(legs)

    def prepare(self, legs: Collection[Leg]) -> None:
        """They are at hand."""


class Aside:
    """Long pure work in a thread, so that the event loop goes on meanwhile: one at a time, for more of them would only
    take the interpreter in turns."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(work)


class TravelUnknown(Exception):
    """These legs are not at hand. Never leaves the use cases."""

    def __init__(self, legs: set[Leg]) -> None:
        super().__init__(f"{len(legs)} legs")
        self.legs = legs


async def search(
    source: TravelSource,
    aside: Aside,
    calendar: Calendar,
    starts: Sequence[tuple[int, datetime.date]],
    *,
    duration_s: int,
    buffer_s: int,
) -> tuple[list[Candidate], TravelTable]:
    """`find_candidates` over the figures of `source`, and the table that it was made with."""
    return await settled(
        source,
        aside,
        lambda table: find_candidates(calendar, starts, duration_s=duration_s, travel=table, buffer_s=buffer_s),
        site=calendar.site,
    )


async def settled(
    source: TravelSource, aside: Aside, ask: Callable[[TravelTable], T], *, site: Point | None
) -> tuple[T, TravelTable]:
    """What `ask` answers over a table that lacks nothing, and that table. It is asked several times, so it is pure."""
    fetched: dict[Leg, Figure] = {}
    while True:
        table = TravelTable(source.offered, site=site, given=fetched, stand_in=source.accepted)
        answer = await aside.run(functools.partial(ask, table))
        if not table.missing:
            source.prepare(table.later)
            return answer, table
        # What was used stays used, or a figure that changes meanwhile could ask for the same leg for ever.
        fetched |= {leg: figure for leg, figure in table.used.items() if leg not in table.later}
        fetched |= await source.fetch(table.missing)


def with_travel_known(
    use_case: Callable[Concatenate[Scheduling, P], Awaitable[T]],
) -> Callable[Concatenate[Scheduling, P], Awaitable[T]]:
    """Run a use case again for as long as it raises TravelUnknown, with what it missed found out in between."""

    @functools.wraps(use_case)
    async def run(scheduling: Scheduling, *args: P.args, **kwargs: P.kwargs) -> T:
        fetched: dict[Leg, Figure] = {}
        for _ in range(ATTEMPTS):
            given = dataclasses.replace(scheduling, travel=_Given(scheduling.travel, fetched))
            try:
                return await use_case(given, *args, **kwargs)
            except TravelUnknown as unknown:
                fetched |= await scheduling.travel.fetch(unknown.legs)
        last = dataclasses.replace(scheduling, travel=_Given(scheduling.travel, fetched, last=True))
        return await use_case(last, *args, **kwargs)

    return run


class _Given:
    """A source with some figures laid before it; the `last` one never lacks any."""

    def __init__(self, source: TravelSource, given: Mapping[Leg, Figure], *, last: bool = False) -> None:
        self._source = source
        self._given = given
        self._last = last

    def offered(self, leg: Leg) -> Figure | None:
        return self._source.offered(leg)

    def accepted(self, leg: Leg) -> Figure | None:
        figure = self._source.accepted(leg) or self._given.get(leg)
        return straight_figure(leg) if figure is None and self._last else figure

    async def fetch(self, legs: Collection[Leg]) -> Mapping[Leg, Figure]:
        return await self._source.fetch(legs)

    def prepare(self, legs: Collection[Leg]) -> None:
        self._source.prepare(legs)
