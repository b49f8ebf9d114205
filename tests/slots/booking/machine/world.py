"""The world of a random day: a database with a small town, the same office on paper, and what changes around both."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import delete

from slots import catalog_store
from slots import schema_store as schema
from slots.booking import Scheduling
from slots.errors import SlotsError
from slots.model import Actor, Resource, Rules, ServiceType, ShiftException, Switches
from slots.slot_id import encode_slot
from slots.store import Database
from tests.slots.booking.machine.paper import DAY_S, PaperOffice, Wanted, along_the_road_s
from tests.slots.factories import MONDAY, MONDAY_S, NOW_S, a_resource, a_service, a_site, settle_town, weekly
from tests.slots.travel_sources import FetchedTravel

SERVICES = (a_service(), a_service(id="boiler check", name="Boiler check", duration_s=5400, skill="gas"))
RESOURCES = (
    a_resource(key=0, skills=frozenset({"gas"})),
    a_resource(id="berta", key=0, name="Berta", home_lat=38.75, shifts=weekly(600, 1080)),
    a_resource(id="carlo", key=0, name="Carlo", home_lat=None, home_lon=None, skills=frozenset({"gas"})),
)
TECHNICIANS = st.sampled_from([resource.id for resource in RESOURCES])
RULES = Rules(min_lead_s=3600, max_lead_days=3, slot_step_s=1800, buffer_s=600, max_holds=3, rating_edit_days=1)
# Also to the second at which a hold ends, and to the one before.
WAITS_S = st.sampled_from([1, 60, 299, 300, 1800, 3600, 3 * 3600, 12 * 3600])
DISPATCHER = Actor(role="dispatcher", id="dora")


class World(RuleBasedStateMachine):
    """Subclass it with a database and a loop."""

    database: ClassVar[Database]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        # Nothing is at hand at first: use cases have to find the way out and run again.
        self.travel = FetchedTravel(along_the_road_s)
        self.run(self._settle())

    async def _settle(self) -> None:
        async with self.database.transaction() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                await connection.execute(delete(table))
        await settle_town(self.database, resources=RESOURCES, services=SERVICES)
        async with self.database.read() as connection:
            resources = await catalog_store.resources(connection, active_only=False)
        sites = (
            a_site(),
            a_site(id="office", lat=38.75, lon=-9.20),
            a_site(id="elsewhere", account_id="other"),
        )
        self.office = PaperOffice(
            now_s=NOW_S,
            clock_span=(MONDAY_S - 2 * DAY_S, MONDAY_S + 9 * DAY_S),
            rules=RULES,
            switches=Switches(),
            sites={site.id: site for site in sites},
            services={service.id: service for service in SERVICES},
            resources={resource.id: resource for resource in resources},
        )

    @property
    def scheduling(self) -> Scheduling:
        return Scheduling(database=self.database, rules=self.office.rules, travel=self.travel)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def ask(self, work: Coroutine[Any, Any, Any], codes: set[str]) -> Any:
        """The answer; None where the request was refused, as it then had to be."""
        code = None
        try:
            answer = self.run(work)
        except SlotsError as refusal:
            answer, code = None, refusal.code
        assert (code in codes) if codes else (code is None), f"answered {code or 'yes'}; on paper: {codes or 'yes'}"
        return answer

    # Setting up, and time

    @rule(seconds=WAITS_S)
    def time_passes(self, seconds: int) -> None:
        self.office.now_s = min(self.office.now_s + seconds, MONDAY_S + 4 * DAY_S)

    @rule(
        min_lead_s=st.sampled_from([0, 3600, 7200]),
        min_lead_days=st.sampled_from([0, 0, 0, 1]),
        max_lead_days=st.integers(2, 3),
        buffer_s=st.sampled_from([0, 600]),
        move_cutoff_s=st.sampled_from([0, 7200, 4 * 3600]),
        cancel_cutoff_s=st.sampled_from([0, 3600, 7200]),
        cancel_while_traveling=st.booleans(),
    )
    def the_operator_changes_the_rules(self, **values: Any) -> None:
        self.office.rules = msgspec.structs.replace(self.office.rules, **values)

    @rule(self_scheduling=st.sampled_from([True, True, True, False]), surveys=st.booleans())
    def the_operator_turns_switches(self, self_scheduling: bool, surveys: bool) -> None:
        self.office.switches = Switches(self_scheduling=self_scheduling, surveys=surveys)

    @rule(
        service=st.sampled_from(SERVICES),
        duration_s=st.sampled_from([1800, 3600, 5400]),
        enabled=st.integers(0, 5),
    )
    def a_service_changes(self, service: ServiceType, duration_s: int, enabled: int) -> None:
        changed = msgspec.structs.replace(service, duration_s=duration_s, enabled=bool(enabled))
        self.office.services[service.id] = changed

        async def put() -> None:
            async with self.database.transaction() as connection:
                await catalog_store.put_services(connection, [changed])

        self.run(put())

    @rule(
        technician=TECHNICIANS,
        active=st.sampled_from([True, True, True, True, False]),
        skills=st.sampled_from([frozenset(), frozenset({"gas"})]),
        shift=st.sampled_from([(480, 960), (600, 1080), (540, 720)]),
        day_off=st.sampled_from([None, 0, 1]),
        limit=st.sampled_from([None, None, 3, 1]),
    )
    def a_technician_changes(
        self,
        technician: str,
        active: bool,
        skills: frozenset[str],
        shift: tuple[int, int],
        day_off: int | None,
        limit: int | None,
    ) -> None:
        off = () if day_off is None else (ShiftException(date=MONDAY.replace(day=MONDAY.day + day_off), kind="off"),)
        changed: Resource = msgspec.structs.replace(
            self.office.resources[technician],
            active=active,
            skills=skills,
            shifts=weekly(*shift),
            exceptions=off,
            max_visits_a_day=limit,
        )
        self.office.resources[technician] = changed

        async def put() -> None:
            async with self.database.transaction() as connection:
                await catalog_store.put_resources(connection, [changed])

        self.run(put())

    # What the steps are made of

    def slot(self, place: Wanted) -> str:
        """The id of this place, as it stands in an answer that may be old by now."""
        return encode_slot(
            service_id=place.service,
            site_id=place.site,
            asset_id=place.asset,
            technician_key=self.office.resources[place.technician].key,
            start_s=place.start_s,
        )

    def actor(self, contact: str, *, staff: bool) -> Actor:
        return DISPATCHER if staff else Actor(role="customer", id=contact)

    def version(self, visit: str, behind: int | None) -> int | None:
        """None: without If-Match; else the version as it was so many changes ago."""
        return None if behind is None else self.office.visits[visit].version - behind
