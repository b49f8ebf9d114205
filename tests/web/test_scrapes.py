from prometheus_client.parser import text_string_to_metric_families

from web.health import Metrics
from web.scrapes import merged

ONE = b"""# HELP enroute_watchers Open watches
# TYPE enroute_watchers gauge
enroute_watchers 3.0
# HELP enroute_fixes_accepted_total Fixes that passed the filters
# TYPE enroute_fixes_accepted_total counter
enroute_fixes_accepted_total 10.0
"""


def samples(text: bytes) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels["worker"]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_every_series_names_its_worker_and_one_that_did_not_answer_is_not_up():
    text = merged({2: ONE.replace(b"3.0", b"4.0"), 1: ONE, 3: None})

    assert samples(text) == {
        ("enroute_watchers", "1"): 3.0,
        ("enroute_watchers", "2"): 4.0,
        ("enroute_fixes_accepted_total", "1"): 10.0,
        ("enroute_fixes_accepted_total", "2"): 10.0,
        ("enroute_worker_up", "1"): 1.0,
        ("enroute_worker_up", "2"): 1.0,
        ("enroute_worker_up", "3"): 0.0,
    }


def test_what_belongs_together_stands_together():
    lines = merged({1: ONE, 2: ONE}).decode().splitlines()

    assert lines[:4] == [
        "# HELP enroute_watchers Open watches",
        "# TYPE enroute_watchers gauge",
        'enroute_watchers{worker="1"} 3.0',
        'enroute_watchers{worker="2"} 3.0',
    ]
    assert "# TYPE enroute_fixes_accepted_total counter" in lines


def test_nothing_that_a_worker_counts_is_lost_or_renamed():
    metrics = Metrics()
    metrics.answered({"method": "GET"}, 200, 0.01)
    text = metrics.text()

    with_worker = merged({1: text}).decode().splitlines()

    without = [line.replace('worker="1"', "").replace("{}", "").replace(",}", "}") for line in with_worker]
    named = {line.rsplit(" ", 1)[0] for line in text.decode().splitlines() if not line.startswith("#")}
    assert named <= {line.rsplit(" ", 1)[0] for line in without}
    assert {line for line in text.decode().splitlines() if line.startswith("# TYPE")} <= set(without)
