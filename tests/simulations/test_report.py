from __future__ import annotations

from html.parser import HTMLParser

import msgspec

from simulations.observations import Observations, Prediction
from simulations.report import make_report, write_report


def seen() -> Observations:
    found = Observations()
    for second in range(20):
        found.tally("fixes sent", second)
        found.tally("positions received", second, 2)
        found.latency(second, 1.0 + second)
        found.freshness_s.add(0.2)
    found.asked("book", 12.0)
    found.arrived([Prediction(0, 130_000, 100_000, 140_000)], arrived_ms=125_000)
    found.rejections["duplicate"] += 3
    found.errors["customer: <script>"] += 1
    return found


def report(found: Observations) -> dict:
    return make_report(found, title="A <run>", duration_s=20, facts={"seed": 7})


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "line", "circle", "rect", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass


def test_the_report_tells_throughput_latency_freshness_eta_and_errors():
    found = report(seen())

    assert found["throughput"]["fixes_per_s"] == 1.0
    assert found["throughput"]["positions_received"] == 40
    assert found["latency_ms"]["count"] == 20
    assert found["freshness_s"]["p50"] == 0.2
    assert found["eta"][0]["minutes_before"] == 2
    assert found["rejections"] == {"duplicate": 3}


def test_json_and_page_are_written_into_the_folder(tmp_path):
    as_json, as_page = write_report(report(seen()), tmp_path / "out")

    assert msgspec.json.decode(as_json.read_bytes())["title"] == "A <run>"
    assert as_page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_page_needs_no_other_file_and_escapes_what_it_was_given(tmp_path):
    _, as_page = write_report(report(seen()), tmp_path)
    text, tags = as_page.read_text(encoding="utf-8"), Tags()

    tags.feed(text)

    assert (tags.addresses, tags.seen.count("svg"), "script" in tags.seen) == ([], 4, False)
    assert "A &lt;run&gt;" in text


def test_a_run_that_saw_nothing_still_has_a_report(tmp_path):
    write_report(report(Observations()), tmp_path)

    assert "Nothing was measured." in (tmp_path / "report.html").read_text(encoding="utf-8")
