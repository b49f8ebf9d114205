"""The page of arrival times: what it draws, and for whom."""

import datetime
import re
from zoneinfo import ZoneInfo

from tests.web.api.house import House
from tests.web.ledgers import WEEK, visit
from tracker.accuracy import by_day, measure
from web.arrivals import Group, Report
from web.arrivals_page import ROWS_SHOWN, chart

MONDAY = datetime.date(2026, 11, 23)
PATH = "/dispatch/arrivals"


def report(rows, *, days: int = 7) -> Report:
    first_day = MONDAY - datetime.timedelta(days=days - 1)
    groups = [Group(key, key, measured) for key, measured in by_day(rows, ZoneInfo("Europe/Lisbon")).items()]
    return Report(first_day, MONDAY, "Europe/Lisbon", measure(rows), {"day": groups})


def test_a_line_is_broken_where_nobody_arrived():
    drawn = chart(report(WEEK[:8]))

    at_30, at_15, at_5 = drawn.lines
    assert (drawn.width, drawn.scale) == (70, ["120 s", "90 s", "60 s", "30 s", "0"])
    assert at_15.path == "M35 25.0M55 0.0L65 62.5"
    assert at_15.dots == "M35 25.0h0M55 0.0h0M65 62.5h0"
    assert at_5.path == at_15.path
    assert (at_30.path, at_30.dots) == ("", "")


def test_the_scale_ends_above_the_worst_day():
    for off_s, top in (
        (29, "30 s"),
        (61, "120 s"),
        (121, "3 min"),
        (899, "15 min"),
        (3599, "60 min"),
        (90_000, "120 min"),
    ):
        drawn = chart(report(visit("1", "2026-11-23T09:00", off_s=off_s)))

        assert (drawn.scale[0], drawn.scale[-1], drawn.heights[0], drawn.heights[-1]) == (top, "0", 0, 100)
        assert len(drawn.scale) == len(drawn.heights) <= 6


def test_at_most_seven_days_are_named_the_last_one_always():
    for days in (1, 7, 28, 91):
        ticks = chart(report(WEEK, days=days)).days
        named = [tick for tick in ticks if tick is not None]

        assert len(ticks) == days
        assert len(named) <= 7
        assert (ticks[-1].name, ticks[-1].spare) == ("23 Nov", False)


def test_nothing_is_drawn_of_nothing():
    assert chart(report([])) is None


async def test_the_page_says_it_in_a_sentence_and_in_tables(house: House):
    house.state.node.store.write_predictions(WEEK)

    page = (await house.dora.get(PATH)).text

    assert "Last 7 days: 4 visits. 15 minutes before, we were off by 75 s on average; the range held in 75 %." in page
    assert "17 Nov to 23 Nov 2026, days of Europe/Lisbon" in page
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', page)
    assert [re.sub(r"<[^>]+>", "", row) for row in rows] == [
        "Mon 23 Nov",
        "Sun 22 Nov",
        "Fri 20 Nov",
        "Ana Alves",
        "Bo Borges",
        "gone",
        "Around Rua das Flores",
        "41.13° N, 8.62° W",
        "Unknown place",
    ]
    assert page.count('<path class="line before-15" d="M') == 2  # the chart's and the legend's


async def test_a_name_is_never_markup(house: House):
    house.state.node.store.write_predictions(visit("1", "2026-11-22T09:00", technician="<script>alert(1)</script>"))

    page = (await house.dora.get(PATH)).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_an_empty_ledger_says_how_it_fills(house: House):
    page = (await house.ada.get(PATH)).text

    assert "No arrivals on these days" in page
    assert "<table" not in page


async def test_the_days_shown_can_be_chosen_and_nonsense_shows_a_week(house: House):
    house.state.node.store.write_predictions(WEEK)

    month, nonsense = [(await house.dora.get(PATH, params={"days": days})).text for days in ("28", "-1e9")]

    assert "Last 28 days: 5 visits." in month
    assert re.search(r'href="\?days=28" aria-current="page"', month)
    assert "Last 7 days: 4 visits." in nonsense


async def test_a_long_table_is_folded(house: House):
    rows = [
        row
        for number in range(ROWS_SHOWN + 3)
        for row in visit(str(number), "2026-11-22T09:00", technician=f"t{number:02}")
    ]
    house.state.node.store.write_predictions(rows)

    page = (await house.dora.get(PATH)).text

    assert re.search("<summary[^>]*>3 more</summary>", page)
    assert page.index("t09") < page.index("<summary") < page.index("t10")


async def test_the_board_leads_to_the_page(house: House):
    board = (await house.dora.get("/dispatch")).text

    assert f'href="{PATH}"' in board
