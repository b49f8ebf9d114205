import json
import logging
import sys

from web.logs import JsonLines


def test_a_log_line_is_one_json_object():
    record = logging.LogRecord("enroute.x", logging.INFO, __file__, 1, "two\nlines and %d", (3,), None)

    line = JsonLines().format(record)

    assert "\n" not in line
    decoded = json.loads(line)
    assert (decoded["level"], decoded["logger"], decoded["message"]) == (
        "info",
        "enroute.x",
        "two\nlines and 3",
    )


def test_an_exception_comes_with_its_trace():
    try:
        raise ValueError("oh")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    assert "ValueError: oh" in json.loads(JsonLines().format(record))["trace"]
